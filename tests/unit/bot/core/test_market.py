"""Candles that cannot be true are refused; quantities and prices meet the venue's grid at one place."""

from decimal import Decimal
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.core.market import Candle, Costs, ImpossibleCandle, Timeframe
from tests.hourly_bars import T0
from tests.made_orders import instrument

GOOD = Candle(T0, 10.0, 12.0, 9.0, 11.0, 1.0)


def test_a_possible_candle_is_taken_and_frozen() -> None:
    """Invariant 1: values are frozen."""
    with pytest.raises(AttributeError):
        GOOD.close = 12.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "change",
    [
        {"open": nan},
        {"high": nan},
        {"low": nan},
        {"close": nan},
        {"volume": nan},
        {"high": inf},
        {"volume": inf},
        {"volume": -1.0},
        {"low": 0.0},
        {"low": -1.0},
        {"open": 12.5},
        {"open": 8.5},
        {"close": 12.5},
        {"close": 8.5},
        {"high": 8.0},
        {"open_time_ms": -1},
    ],
    ids=str,
)
def test_an_impossible_candle_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ImpossibleCandle, match="impossible candle"):
        replace(GOOD, **change)


def test_an_impossible_candle_is_refused_when_it_is_read_back() -> None:
    row = msgspec.msgpack.encode([T0, 10.0, 9.0, 9.0, 11.0, 1.0, False])
    with pytest.raises((ImpossibleCandle, msgspec.ValidationError), match="impossible candle"):
        msgspec.msgpack.decode(row, type=Candle)


def test_timeframes_know_their_length() -> None:
    assert {one.value: one.ms for one in Timeframe} == {
        "1m": 60_000,
        "3m": 180_000,
        "5m": 300_000,
        "15m": 900_000,
        "30m": 1_800_000,
        "1h": 3_600_000,
        "2h": 7_200_000,
        "4h": 14_400_000,
        "6h": 21_600_000,
        "8h": 28_800_000,
        "12h": 43_200_000,
        "1d": 86_400_000,
    }


def test_a_year_has_8760_hours_and_365_days() -> None:
    assert Timeframe.H1.per_year == 8760.0
    assert Timeframe.D1.per_year == 365.0


def test_only_minutes_may_be_filled_for_an_hour() -> None:
    assert Timeframe.M1.gap_limit == 60
    assert {one.gap_limit for one in Timeframe if one is not Timeframe.M1} == {3}


def test_a_round_trip_pays_fee_spread_and_slippage_twice() -> None:
    costs = Costs(
        maker_fee_bps=Decimal(2), taker_fee_bps=Decimal(10), half_spread_bps=Decimal(1), slippage_bps=Decimal("0.5")
    )
    assert costs.round_trip_bps == 23.0


def test_a_market_is_named_by_what_it_trades_and_what_pays() -> None:
    market = instrument("ETH/EUR")
    assert (market.base, market.quote) == ("ETH", "EUR")


@pytest.mark.parametrize(
    ("given_quantity", "expected"),
    [(0.3, "0.3"), (0.1 + 0.2, "0.3"), (0.2999, "0.299"), (Decimal("0.29999999"), "0.299"), (0.0, "0")],
)
def test_a_quantity_is_cut_to_the_lot_grid(given_quantity: float | Decimal, expected: str) -> None:
    assert instrument().quantize_quantity(given_quantity) == Decimal(expected)


def test_a_float_means_its_shortest_decimal() -> None:
    market = instrument(tick_size=Decimal("0.1"))
    assert market.quantize_price(0.3, up=False) == Decimal("0.3")
    assert market.quantize_price(0.3, up=True) == Decimal("0.3")


def test_a_price_is_rounded_up_or_down_as_told() -> None:
    assert instrument().quantize_price(10.001, up=True) == Decimal("10.01")
    assert instrument().quantize_price(10.009, up=False) == Decimal("10.00")


grids = st.sampled_from([Decimal(one) for one in ("1e-14", "1e-8", "0.00001", "0.01", "0.05", "0.25", "1", "1000")])


@given(grids, st.decimals(min_value=0, max_value=10**9, places=8))
def test_a_quantized_value_is_on_the_grid_and_less_than_a_step_away(step: Decimal, value: Decimal) -> None:
    market = instrument(lot_step=step, tick_size=step)
    below, above = market.quantize_price(value, up=False), market.quantize_price(value, up=True)
    assert below % step == 0
    assert above % step == 0
    assert below <= value <= above
    assert above - below in (0, step)
    assert market.quantize_quantity(value) == below


def test_a_market_without_a_greatest_quantity_is_written_and_named_as_if_there_were_none() -> None:
    """Journals and runs of before have no such rule."""
    market = instrument()
    written = msgspec.msgpack.encode(market)
    assert "max_quantity" not in msgspec.msgpack.decode(written)
    assert "max_quantity" not in repr(market)
    assert msgspec.msgpack.decode(written, type=type(market)) == market
    bounded = replace(market, max_quantity=Decimal("116.3"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(bounded), type=type(market)) == bounded
