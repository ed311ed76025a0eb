"""What is mended, what is left out and named, and what condemns a file."""

from math import inf, nan

import numpy as np
import pytest

from bot.adapters.candle_mending import Rows, mend
from bot.adapters.candle_series import CandleSeries, FindingKind
from bot.core.errors import DataError
from bot.core.market import Candle, ImpossibleCandle, Timeframe

START_MS = 1_704_067_200_000
HOUR_MS = 3_600_000
GOOD = (10.0, 12.0, 9.0, 11.0, 5.0)


def rows(*hours_and_values: tuple[float, tuple[float, ...]], files: tuple[str, ...] = ("a.csv",)) -> Rows:
    count = len(hours_and_values)
    return Rows(
        files,
        np.zeros(count, dtype=np.int64),
        np.arange(2, 2 + count, dtype=np.int64),
        np.array([START_MS + int(hour * HOUR_MS) for hour, _ in hours_and_values], dtype=np.int64),
        np.array([values for _, values in hours_and_values], dtype=np.float64),
    )


def mended(found: Rows, now_ms: int | None = None) -> CandleSeries:
    return mend("BTC/USDT", found, Timeframe.H1, len(found), now_ms)


def hours(series: CandleSeries) -> list[float]:
    return [(time - START_MS) / HOUR_MS for time in series.open_time_ms.tolist()]


def test_a_clean_series_has_nothing_to_report() -> None:
    report = mended(rows((0, GOOD), (1, GOOD))).report
    assert (report.findings, report.was_unsorted, report.duplicates_removed) == ((), False, 0)


def test_newest_first_and_repeated_rows_are_mended_and_counted() -> None:
    series = mended(rows((2, GOOD), (1, GOOD), (1, GOOD), (0, GOOD), (2, GOOD)))
    assert hours(series) == [0, 1, 2]
    assert series.report.summary() == "5 rows from 1 file, put in order, 2 repeated rows left out"


def test_two_prices_for_one_time_are_refused_with_both_rows() -> None:
    other = (10.0, 12.0, 9.0, 11.5, 5.0)
    with pytest.raises(
        DataError, match=r"open at 2024-01-01 01:00 UTC: a\.csv, row 3 .*close 11\.0.*row 5 .*close 11\.5"
    ):
        mended(rows((0, GOOD), (1, GOOD), (2, GOOD), (1, other)))


def test_gaps_are_named_with_place_and_length_and_not_filled() -> None:
    series = mended(rows((0, GOOD), (2, GOOD), (3, GOOD), (8, GOOD)))
    assert hours(series) == [0, 2, 3, 8]
    short, long = series.report.findings
    assert (short.kind, short.file, short.row, short.missing) == (FindingKind.GAP, "a.csv", 3, 1)
    assert short.time_ms == START_MS + HOUR_MS
    assert short.text == "1 missing from 2024-01-01 01:00 UTC, which a run fills flat"
    assert (long.row, long.missing) == (5, 4)
    assert long.text.endswith("too many to fill: a run splits the series here")
    assert (
        series.report.summary().splitlines()[1].startswith("2 gaps of 5 candles, the first at a.csv, row 3: 1 missing")
    )


@pytest.mark.parametrize(
    "values",
    [
        (nan, 12.0, 9.0, 11.0, 5.0),
        (10.0, nan, 9.0, 11.0, 5.0),
        (10.0, 12.0, 9.0, 11.0, nan),
        (10.0, inf, 9.0, 11.0, 5.0),
        (13.0, 12.0, 9.0, 11.0, 5.0),
        (10.0, 12.0, 9.0, 8.0, 5.0),
        (10.0, 12.0, 0.0, 11.0, 5.0),
        (10.0, 12.0, -1.0, 11.0, 5.0),
        (10.0, 12.0, 9.0, 11.0, -1.0),
        (10.0, 12.0, 9.0, 11.0, inf),
    ],
)
def test_a_row_that_no_candle_can_hold_is_left_out_and_named(values: tuple[float, ...]) -> None:
    with pytest.raises(ImpossibleCandle):
        Candle(START_MS, open=values[0], high=values[1], low=values[2], close=values[3], volume=values[4])
    series = mended(rows((0, GOOD), (1, values), (2, GOOD)))
    assert hours(series) == [0, 2]
    assert {(one.kind, one.row) for one in series.report.findings} == {
        (FindingKind.IMPOSSIBLE, 3),
        (FindingKind.GAP, 4),
    }


def test_an_impossible_row_does_not_contradict_a_possible_one() -> None:
    series = mended(rows((0, GOOD), (1, (nan,) * 5), (1, GOOD)))
    assert hours(series) == [0, 1]
    assert [one.kind for one in series.report.findings] == [FindingKind.IMPOSSIBLE]


def test_a_row_off_the_grid_is_left_out_and_named() -> None:
    series = mended(rows((0, GOOD), (0.5, GOOD), (1, GOOD)))
    assert hours(series) == [0, 1]
    (finding,) = series.report.findings
    assert (finding.kind, finding.row) == (FindingKind.OFF_GRID, 3)
    assert finding.text == "opens at 2024-01-01 00:30 UTC, no multiple of 1h"


def test_more_than_a_small_share_of_bad_rows_condemns_the_file() -> None:
    bad = (10.0, 9.0, 12.0, 11.0, 5.0)
    few = [(float(hour), bad if hour < 4 else GOOD) for hour in range(400)]
    assert len(mended(rows(*few))) == 396
    with pytest.raises(DataError, match=r"a\.csv: 4 of 399 rows of BTC/USDT cannot be candles, the first in row 2"):
        mended(rows(*few[:399]))


def test_a_file_of_nothing_but_bad_rows_is_condemned() -> None:
    with pytest.raises(DataError, match="1 of 1 rows"):
        mended(rows((0.5, GOOD)))


def test_a_candle_that_is_still_open_is_left_out_and_named() -> None:
    found = rows((0, GOOD), (1, GOOD))
    series = mended(found, now_ms=START_MS + 2 * HOUR_MS - 1)
    assert hours(series) == [0]
    (finding,) = series.report.findings
    assert (finding.kind, finding.row) == (FindingKind.UNFINISHED, 3)
    assert finding.text == "closes at 2024-01-01 02:00 UTC, which is still to come"
    assert len(mended(found, now_ms=START_MS + 2 * HOUR_MS)) == 2


def test_equal_candles_have_equal_fingerprints() -> None:
    silent = (10.0, 12.0, 9.0, 11.0, 0.0)
    signed = (10.0, 12.0, 9.0, 11.0, -0.0)
    assert mended(rows((0, silent))).fingerprint == mended(rows((0, signed), files=("b.csv",))).fingerprint
    assert mended(rows((0, silent))).fingerprint != mended(rows((0, GOOD))).fingerprint
    assert mended(rows((0, silent))).fingerprint != mended(rows((1, silent))).fingerprint
