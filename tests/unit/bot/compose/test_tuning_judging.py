"""What the judgement of a choice leaves behind: read back whole, made once, and counted."""

from pathlib import Path

import numpy as np
import pytest

from bot.compose import tuning_judging
from bot.compose.tuning_judging import Bench, Judgement, judge_all
from bot.core.errors import StorageError
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.evaluation import Scored, WalkForward
from tests.study_stand_in import made_course

CONFIGURATION = Configuration(Architecture(20, 25))


def judgement(bench: Bench, trial: int) -> Judgement:
    count = len(bench.close_time_ms())
    random = np.random.default_rng(trial)
    scored = Scored(**{name: random.standard_normal(count) for name in Scored.__struct_fields__})
    return Judgement(trial, WalkForward((), (7, 8), ()), (scored, scored))


@pytest.fixture
def judged_now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The trials that were judged, without a network."""
    made: list[int] = []

    def judge(bench: Bench, configurations: dict[int, Configuration], jobs: int) -> None:
        for trial in configurations:
            made.append(trial)
            tuning_judging._write(bench, judgement(bench, trial))

    monkeypatch.setattr(tuning_judging, "_judge", judge)
    return made


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, made_course(), (7, 8), None)


def judge(bench: Bench, *trials: int) -> dict[int, Judgement]:
    return judge_all(bench, dict.fromkeys(trials, CONFIGURATION), 1, lambda done: None, lambda seconds: None)


def test_a_choice_is_judged_once_and_read_back_ever_after(bench: Bench, judged_now: list[int]) -> None:
    first = judge(bench, 0, 3)
    again = judge(bench, 0, 3)

    assert judged_now == [0, 3]
    for trial in (0, 3):
        assert again[trial].figures == first[trial].figures == judgement(bench, trial).figures
        np.testing.assert_array_equal(again[trial].by_seed[1].p_up, judgement(bench, trial).by_seed[1].p_up)


def test_every_other_choice_is_one_more_look_at_the_test_parts(bench: Bench, judged_now: list[int]) -> None:
    judge(bench, 0)
    assert bench.openings() == 0
    judge(bench, 0, 3)
    assert bench.openings() == 1
    judge(bench, 0, 9)
    assert bench.openings() == 2
    assert judged_now == [0, 3, 9]


def test_a_damaged_judgement_is_named(bench: Bench, judged_now: list[int]) -> None:
    judge(bench, 3)
    (path,) = (bench.folder / "judged").iterdir()
    path.write_bytes(b"nothing")

    with pytest.raises(StorageError, match=r"trial-0003-judged\.npz cannot be read .*: remove it"):
        judge(bench, 3)
