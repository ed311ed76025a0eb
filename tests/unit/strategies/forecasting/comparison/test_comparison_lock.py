from pathlib import Path

import pytest

from bot.core.errors import ConfigError, StorageError
from strategies.forecasting.comparison.lock import LOCK_FILE, close_period, open_period, openings

FROM_MS = 1_717_200_000_000
NOW_MS = 1_750_000_000_000


def test_the_first_opening_is_written_down_before_anything_is_told(tmp_path: Path) -> None:
    open_period(tmp_path / "out", FROM_MS, "a", NOW_MS, reopen=False)
    (only,) = openings(tmp_path / "out")

    assert (only.from_ms, only.opened_at_ms, only.comparison, only.reopened, only.finished) == (
        *(FROM_MS, NOW_MS, "a"),
        *(False, False),
    )


def test_a_second_opening_is_refused_and_says_when_the_first_was(tmp_path: Path) -> None:
    open_period(tmp_path, FROM_MS, "a", NOW_MS, reopen=False)
    close_period(tmp_path)

    for comparison in ("a", "b"):
        with pytest.raises(ConfigError, match=r"from 2024-06-01 on was opened on 2025-06-15"):
            open_period(tmp_path, FROM_MS, comparison, NOW_MS, reopen=False)
    assert len(openings(tmp_path)) == 1


def test_a_killed_comparison_goes_on_and_another_one_does_not(tmp_path: Path) -> None:
    open_period(tmp_path, FROM_MS, "a", NOW_MS, reopen=False)
    open_period(tmp_path, FROM_MS, "a", NOW_MS + 5, reopen=False)

    assert len(openings(tmp_path)) == 1
    with pytest.raises(ConfigError):
        open_period(tmp_path, FROM_MS, "b", NOW_MS, reopen=False)


def test_reopening_is_recorded(tmp_path: Path) -> None:
    open_period(tmp_path, FROM_MS, "a", NOW_MS, reopen=False)
    close_period(tmp_path)
    open_period(tmp_path, FROM_MS, "b", NOW_MS + 9, reopen=True)

    assert [each.reopened for each in openings(tmp_path)] == [False, True]
    assert [each.finished for each in openings(tmp_path)] == [True, False]


def test_a_record_that_cannot_be_read_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("[{]")

    with pytest.raises(StorageError, match="nobody knows"):
        open_period(tmp_path, FROM_MS, "a", NOW_MS, reopen=False)
