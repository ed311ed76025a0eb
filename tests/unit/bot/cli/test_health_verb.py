import re
from pathlib import Path
from time import time_ns

import pytest

from bot.adapters.journal import Journal
from bot.core.events import CandleClosed
from bot.core.market import Candle
from tests.command_line import called, refused, told
from tests.unit.bot.adapters.journal_samples import HEADER, SYMBOL

HOUR_MS = 3_600_000
Capture = pytest.CaptureFixture[str]


def run_with_candles(folder: Path, *ages: float) -> Path:
    """A run whose candles closed so many hours ago."""
    now_ms = time_ns() // 1_000_000
    journal = Journal.create(folder, HEADER, synchronous="NORMAL")
    for age in ages:
        close_ms = now_ms - round(age * HOUR_MS)
        journal.append(CandleClosed(close_ms, SYMBOL, Candle(close_ms - HOUR_MS, 1.0, 1.0, 1.0, 1.0, 1.0)))
        journal.step_done()
    journal.commit()
    journal.close()
    return folder


def test_a_run_with_a_recent_candle_is_alive(tmp_path: Path, capfd: Capture) -> None:
    ended = called(capfd, "health", run_with_candles(tmp_path, 9.0, 1.5))
    assert ended.returncode == 0
    assert ended.stdout == "the newest candle closed 1.5 candles ago, 3 are allowed\n"


def test_a_run_whose_candles_are_old_is_not(tmp_path: Path, capfd: Capture) -> None:
    ended = called(capfd, "health", run_with_candles(tmp_path, 9.0, 3.5))
    assert ended.returncode == 6
    assert ended.stdout == "the newest candle closed 3.5 candles ago, 3 are allowed\n"
    assert ended.stderr == ""


def test_it_is_told_as_one_object(tmp_path: Path, capfd: Capture) -> None:
    answer = told(called(capfd, "health", run_with_candles(tmp_path, 1.5), "--json"))
    assert (answer["alive"], answer["allowed_candles"]) == (True, 3)
    assert answer["age_candles"] == pytest.approx(1.5, abs=0.01)
    assert answer["newest_ms"] < time_ns() // 1_000_000


@pytest.mark.parametrize("candles", ["0", "-1"])
def test_no_candle_is_no_age(tmp_path: Path, capfd: Capture, candles: str) -> None:
    assert "--candles" in refused(called(capfd, "health", tmp_path, "--candles", candles), 2)


def test_how_old_is_too_old_can_be_said(tmp_path: Path, capfd: Capture) -> None:
    run = run_with_candles(tmp_path, 9.5)
    assert called(capfd, "health", run, "--candles", "10").returncode == 0
    assert called(capfd, "health", run, "--candles", "9").returncode == 6


def test_a_run_without_a_candle_is_as_old_as_its_beginning(tmp_path: Path, capfd: Capture) -> None:
    ended = called(capfd, "health", run_with_candles(tmp_path))
    assert ended.returncode == 6
    assert re.search(r"closed \d{6}\.\d candles ago", ended.stdout)


def test_the_newest_of_two_that_came_out_of_order_counts(tmp_path: Path, capfd: Capture) -> None:
    assert called(capfd, "health", run_with_candles(tmp_path, 1.5, 9.0)).returncode == 0
