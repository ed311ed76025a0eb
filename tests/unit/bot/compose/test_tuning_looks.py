"""What a study writes into the register of looks, and what makes two studies different ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries
from bot.adapters.study_folder import DEFINITION
from bot.compose import tuning_run
from bot.compose.deciding import TRIAL, studied_with
from bot.compose.look_register import LookRegister
from bot.compose.tuning_run import TuneRequest, tune_study
from bot.compose.tuning_work import Assignment
from bot.core.errors import ConfigError
from strategies.forecasting.comparison.lock import Look, Stretch
from tests.study_stand_in import answer_of_hash, course_of, made_candles, work


class Stopped(Exception):
    """The study has come as far as it has to."""


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[CandleSeries]:
    (made,) = made_candles()
    path = tmp_path_factory.mktemp("candles") / "made.csv"
    rows = zip(made.open_time_ms.tolist(), np.asarray(made.ohlcv).tolist(), strict=True)
    lines = [",".join(map(str, (opened, *row))) for opened, row in rows]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return list(read_candles([path], symbol="BTC/USDT", timeframe="1h"))


@pytest.fixture
def study(tmp_path: Path, series: list[CandleSeries], monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Do a study without networks up to the judgement of its choice."""

    def work_here(assignment: Assignment, _jobs: int, _done: object, _say: object) -> None:
        work(assignment, answer_of_hash)

    def stop(*_all: Any) -> None:
        raise Stopped

    monkeypatch.setattr(tuning_run, "run_workers", work_here)
    monkeypatch.setattr(tuning_run, "judge_all", stop)
    request = TuneRequest(tmp_path / "study", 2, 3, "CNN-LSTM", 1, 7, 1, 730.0, None, tmp_path / "looks")

    def run() -> None:
        with pytest.raises(Stopped):
            tune_study(request, series, lambda _title: lambda done, total: None, lambda words: None, lambda: 5)

    return run


def looks_in(folder: Path) -> list[Look]:
    return [msgspec.json.decode(line, type=Look) for line in (folder / "looks").read_bytes().splitlines()]


def test_trials_are_a_look_and_the_judgement_of_the_choice_is_another(
    tmp_path: Path, study: Callable[[], None]
) -> None:
    study()
    course = course_of(made_candles())
    trials, choice = looks_in(tmp_path)

    assert (trials.command, trials.out) == ("tune", str(tmp_path / "study"))
    assert trials.candles[0].until_ms == course.tried_on[-1].validation.until_ms
    assert choice.candles[0].from_ms == course.judged_on[0].test.from_ms
    assert choice.until_ms == course.judged_on[-1].test.until_ms
    # Gone on with, it sees nothing that it had not seen.
    study()
    assert len(looks_in(tmp_path)) == 2


def test_a_locked_comparison_hears_of_a_study(tmp_path: Path, study: Callable[[], None]) -> None:
    study()
    last_ms = looks_in(tmp_path)[-1].until_ms
    locked = Look(9, "compare", "/a", "a", (Stretch(("BTC/USDT",), "1h", last_ms - 1, last_ms),), locked=True)

    with pytest.raises(ConfigError, match="by tune on 1970-01-01"):
        LookRegister(tmp_path / "looks").require_unseen(locked)


def test_a_study_of_other_code_is_another_study(
    tmp_path: Path, study: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    study()
    assert msgspec.json.decode((tmp_path / "study" / DEFINITION).read_bytes()).items() >= studied_with(TRIAL).items()
    monkeypatch.setattr(tuning_run, "studied_with", lambda module: studied_with(module) | {"code": "other"})

    with pytest.raises(ConfigError, match="holds another study: its code is"):
        study()
