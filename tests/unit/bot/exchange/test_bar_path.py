"""The way of the price inside a candle: what it visits, and that it gives nothing away."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.core.market import Candle, Timeframe
from bot.exchange.bar_path import forming, toss, turns
from bot.exchange.candle_file import RecordedMarket
from bot.exchange.listing import Listing, listing_of
from bot.exchange.market import ORIGIN_MS, MarketModel, SeededMarket
from bot.exchange.price_path import price_at
from bot.exchange.venue import Market

Floats = NDArray[np.float64]

HOUR = Timeframe.H1.ms
COUNT = 12_000
"""Candles of a simulation: its mean is off by 1 % of the candles' size, one standard error."""

SURE = 4.0
"""Standard errors that chance does not reach: one in 16,000."""

MARKET = SeededMarket(7, "BTC/USDT", Timeframe.H1)
FINE = Listing("COIN/USDT", price_decimals=9, quantity_decimals=3, start_price=100.0)


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    prices = st.floats(50.0, 150.0)
    open_, close = draw(prices), draw(prices)
    above, below = draw(st.floats(0.0, 40.0)), draw(st.floats(0.0, 40.0))
    return Candle(0, open_, max(open_, close) + above, min(open_, close) - below, close, 3.0)


@given(st.integers(0, 3_000), st.floats(0.0, 1.0, exclude_max=True))
def test_a_forming_candle_is_possible_and_stays_inside_the_whole_one(number, elapsed_frac) -> None:
    whole = MARKET.at(ORIGIN_MS + number * HOUR)
    assert whole
    part = forming(whole, elapsed_frac, MARKET.listing, MARKET.toss(whole.open_time_ms))
    assert whole.low <= part.low <= part.high <= whole.high
    assert part.open == whole.open
    assert part.volume <= whole.volume


def test_a_third_of_the_time_leads_to_one_extreme_and_the_next_to_the_other() -> None:
    rising, listing = Candle(0, 10.0, 13.0, 9.0, 12.0, 3.0), listing_of("BTC/USDT")
    assert forming(rising, 1 / 3, listing, 0.999) == Candle(0, 10.0, 10.0, 9.0, 9.0, 1.0)
    assert forming(rising, 2 / 3, listing, 0.999) == Candle(0, 10.0, 13.0, 9.0, 13.0, 2.0)
    assert forming(rising, 1 / 3, listing, 0.0) == Candle(0, 10.0, 13.0, 10.0, 13.0, 1.0)
    assert forming(rising, 2 / 3, listing, 0.0) == Candle(0, 10.0, 13.0, 9.0, 9.0, 2.0)


@given(candles(), st.floats(0.0, 1 / 3))
def test_until_the_first_turn_the_price_to_expect_lies_on_the_line_from_open_to_close(
    whole: Candle, elapsed_frac: float
) -> None:
    tosses = [(number + 0.5) / 200 for number in range(200)]
    mean = np.mean([forming(whole, elapsed_frac, FINE, tossed).close for tossed in tosses])
    line = whole.open + elapsed_frac * (whole.close - whole.open)
    assert mean == pytest.approx(line, abs=(whole.high - whole.low) / 200 + 1e-6)


@given(candles())
def test_where_the_reaches_are_even_so_does_the_price_at_the_second_turn(whole: Candle) -> None:
    reach = whole.high - max(whole.open, whole.close)
    even = Candle(0, whole.open, whole.high, min(whole.open, whole.close) - reach, whole.close, 3.0)
    mean = np.mean([turns(even, (number + 0.5) / 200)[2] for number in range(200)])
    assert mean == pytest.approx(even.open + (even.close - even.open) * 2 / 3, abs=(even.high - even.low) / 200 + 1e-6)


def test_a_candle_that_stands_still_has_one_price() -> None:
    assert set(turns(Candle(0, 10.0, 10.0, 10.0, 10.0, 0.0), 0.3)) == {10.0}


def test_a_toss_is_even_in_zero_to_one_and_the_same_for_the_same_words() -> None:
    drawn = np.array([toss(7, "x", number) for number in range(COUNT)])
    assert np.histogram(drawn, 10, (0.0, 1.0))[0] == pytest.approx(COUNT / 10, rel=0.15)
    assert toss(7, "x", 1) == drawn[1]


def test_tosses_belong_to_seed_market_timeframe_and_candle() -> None:
    recorded = RecordedMarket("BTC/USDT", Timeframe.H1, {0: Candle(0, 1.0, 1.0, 1.0, 1.0, 1.0)})
    others: list[Market] = [
        SeededMarket(8, "BTC/USDT", Timeframe.H1),
        SeededMarket(7, "ETH/USDT", Timeframe.H1),
        SeededMarket(7, "BTC/USDT", Timeframe.M1),
        recorded,
    ]
    assert len({MARKET.toss(0), *(market.toss(0) for market in others)}) == 5
    assert MARKET.toss(HOUR) != MARKET.toss(0) == SeededMarket(7, "BTC/USDT", Timeframe.H1).toss(0)


@pytest.fixture(scope="module")
def simulated() -> tuple[Floats, Floats, Callable[[float | Floats], Floats]]:
    """Opens and closes of candles in units of their deviation, and the price at a share of each one's time."""
    market = SeededMarket(11, "BTC/USDT", Timeframe.H1, MarketModel(jump_chance=0.0))
    wholes = [market.at(ORIGIN_MS + number * HOUR) for number in range(COUNT)]
    made = [whole for whole in wholes if whole]
    open_, close = (np.array([getattr(whole, name) for whole in made]) for name in ("open", "close"))

    def price(elapsed_frac: float | Floats) -> Floats:
        at = np.broadcast_to(elapsed_frac, COUNT)
        times = [whole.open_time_ms + int(share * HOUR) for whole, share in zip(made, at, strict=True)]
        prices = [price_at(market, whole, at_ms) for whole, at_ms in zip(made, times, strict=True)]
        return np.array(prices, dtype=np.float64)

    return open_, close, price


@pytest.mark.parametrize("elapsed_frac", [0.1, 0.2, 1 / 3, 0.5, 2 / 3, 0.8, 0.95])
def test_at_every_moment_the_price_is_on_average_as_far_as_the_time(simulated, elapsed_frac: float) -> None:
    open_, close, price = simulated
    surprise = (price(elapsed_frac) - open_) / open_ - elapsed_frac * (close - open_) / open_
    for of_direction in (close > open_, close < open_):
        found = surprise[of_direction]
        error = found.std() / np.sqrt(len(found))
        assert abs(found.mean()) < SURE * error
        # And it could have been seen: the old error, a third of the move, is many times what chance allows.
        assert SURE * error < np.abs(close - open_).mean() / open_.mean() / 10


@pytest.mark.parametrize("is_right", [True, False])
def test_a_fill_at_a_random_moment_gains_what_is_left_of_the_move_and_no_more(simulated, is_right: bool) -> None:
    open_, close, price = simulated
    moments = np.array([toss("moment", number) for number in range(COUNT)])
    side = np.sign(close - open_) * (1 if is_right else -1)
    gained = side * (close - price(moments)) / open_
    left = side * (close - open_) * (1.0 - moments) / open_
    assert abs((gained - left).mean()) < SURE * (gained - left).std() / np.sqrt(COUNT)


def test_neither_does_one_by_the_planted_edge(simulated) -> None:
    open_, close, price = simulated
    side = np.concatenate([[0.0, 0.0], np.sign(np.diff(close))[:-1]])
    gained = side * (close - price(0.2)) / open_
    whole = side * (close - open_) / open_
    assert whole.mean() > SURE * whole.std() / np.sqrt(COUNT), "there is an edge to be seen"
    late = gained - 0.8 * whole
    assert abs(late.mean()) < SURE * late.std() / np.sqrt(COUNT)
