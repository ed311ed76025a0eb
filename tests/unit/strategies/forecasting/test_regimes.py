from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from strategies.forecasting.evaluation import Scored, figures
from strategies.forecasting.regimes import CRASHES, TERCILES, Crash, crash_windows, volatility_terciles, within

HOUR_MS = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e3)


def scored(count: int) -> Scored:
    columns = {name: np.arange(count, dtype=np.float64) for name in Scored.__struct_fields__}
    return Scored(**columns)


def test_terciles_hold_every_forecast_once_lowest_first() -> None:
    sigma = np.random.default_rng(1).lognormal(size=999)
    parts = volatility_terciles(sigma)

    assert tuple(part.name for part in parts) == TERCILES
    assert [int(part.chosen.sum()) for part in parts] == [333, 333, 333]
    np.testing.assert_array_equal(np.stack([part.chosen for part in parts]).sum(axis=0), 1)
    calm, usual, stormy = (sigma[part.chosen] for part in parts)
    assert calm.max() < usual.min() <= usual.max() < stormy.min()


def test_equal_volatilities_stay_together() -> None:
    parts = volatility_terciles(np.array([1.0, 1.0, 1.0, 1.0, 2.0]))

    assert [int(part.chosen.sum()) for part in parts] == [4, 0, 1]


def test_a_window_holds_the_candles_that_open_in_it() -> None:
    closes = np.arange(at("2022-11-07T22:00"), at("2022-11-11T03:00"), HOUR_MS, dtype=np.int64)
    (crash,) = crash_windows(closes)

    assert crash.name == "November 2022, FTX"
    assert closes[crash.chosen][[0, -1]].tolist() == [at("2022-11-08T00:00"), at("2022-11-10T23:00")]
    assert int(crash.chosen.sum()) == 72


def test_a_quiet_time_has_no_crash() -> None:
    assert crash_windows(np.array([at("2023-08-01T00:00")])) == ()


def test_named_windows_are_whole_days_in_order_and_apart() -> None:
    for crash in CRASHES:
        assert crash.from_ms % (24 * HOUR_MS) == 0
        assert crash.until_ms % (24 * HOUR_MS) == 0
        assert 24 * HOUR_MS <= crash.until_ms - crash.from_ms <= 6 * 24 * HOUR_MS
    for earlier, later in pairwise(CRASHES):
        assert earlier.until_ms <= later.from_ms
    assert len({crash.name for crash in CRASHES}) == len(CRASHES)


def test_windows_of_ones_own_can_be_named() -> None:
    (found,) = crash_windows(np.array([5, 10, 15], dtype=np.int64), (Crash("mine", 10, 15),))

    assert found.chosen.tolist() == [False, True, False]


def test_parts_are_cut_out_of_every_column_and_add_up() -> None:
    whole = scored(30)
    parts = volatility_terciles(np.arange(30.0)[::-1])

    np.testing.assert_array_equal(within(whole, parts[0]).p_up, np.arange(20.0, 30.0))
    assert sum(figures(within(whole, part)).forecasts for part in parts) == 30
    for name in Scored.__struct_fields__:
        assert len(getattr(within(whole, parts[1]), name)) == 10


def test_volatilities_of_no_forecast_cannot_be_cut() -> None:
    with pytest.raises(IndexError):
        volatility_terciles(np.array([]))
