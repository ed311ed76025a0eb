"""The way of prices inside candles, and the quotes around a price."""

import pytest

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.candle_file import RecordedMarket
from bot.exchange.depth import Depth, Prints, Tick, asks, bids
from bot.exchange.listing import Listing, listing_of
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.price_path import PricePath
from bot.exchange.trading import TradingVenue
from tests.unit.bot.exchange.trading_desk import LISTING, THIN, d

HOUR = Timeframe.H1.ms
RISING = Candle(0, 100.0, 110.0, 90.0, 105.0, 6.0)
FALLING = Candle(HOUR, 106.0, 108.0, 95.0, 96.0, 6.0)


class LowFirst(RecordedMarket):
    """A recorded market whose candles all make their low first, but for those that open at a time of `high_first`."""

    high_first: tuple[int, ...] = ()

    def toss(self, open_ms: int) -> float:
        return 0.0 if open_ms in self.high_first else 0.999


def path(*candles: Candle, high_first: tuple[int, ...] = ()) -> PricePath:
    market = LowFirst("COIN/USDT", Timeframe.H1, {candle.open_time_ms: candle for candle in candles})
    market.high_first = high_first
    return PricePath({"COINUSDT": market}, 0)


def seen(ticks: list[tuple[str, Tick]]) -> list[tuple[float, str, bool]]:
    return [(tick.at_ms / HOUR, f"{tick.price}", tick.gap) for _, tick in ticks]


def test_a_candle_visits_both_of_its_extremes_in_the_order_that_was_tossed() -> None:
    assert seen(path(RISING, FALLING, high_first=(HOUR,)).until(2 * HOUR)) == [
        (0, "100.0", True),
        (1 / 3, "90.0", False),
        (2 / 3, "110.0", False),
        (1, "105.0", False),
        (1, "106.0", True),
        (4 / 3, "108.0", False),
        (5 / 3, "95.0", False),
        (2, "96.0", False),
    ]


def test_the_way_is_the_same_however_often_one_looks() -> None:
    once, often = path(RISING, FALLING), path(RISING, FALLING)
    turns = {(tick.at_ms, tick.price) for _, tick in once.until(2 * HOUR)}
    steps = [often.until(at_ms) for at_ms in range(0, 2 * HOUR + 1, HOUR // 12)]
    assert turns <= {(tick.at_ms, tick.price) for step in steps for _, tick in step}


def test_a_time_that_has_been_brings_nothing_new() -> None:
    prices = path(RISING)
    prices.until(HOUR // 2)
    assert prices.until(HOUR // 2) == []


def test_the_volume_of_a_candle_is_spread_over_its_time() -> None:
    ticks = path(RISING).until(HOUR)
    assert sum(tick.volume for _, tick in ticks) == d(6)


def test_a_bar_that_is_not_there_moves_nothing() -> None:
    late = Candle(2 * HOUR, 120.0, 121.0, 119.0, 120.0, 1.0)
    assert [at for at, _, _ in seen(path(RISING, late).until(2 * HOUR + 1))] == [0, 1 / 3, 2 / 3, 1, 2, 2 + 1 / HOUR]


def test_a_path_may_begin_inside_a_candle() -> None:
    market = RecordedMarket("COIN/USDT", Timeframe.H1, {0: RISING})
    first = PricePath({"COINUSDT": market}, HOUR // 2).until(HOUR // 2)
    assert seen(first) == [(0.5, "100.0", True)]


def test_a_venue_follows_a_seeded_market_through_a_thousand_hours() -> None:
    market = SeededMarket(7, "BTC/USDT", Timeframe.H1)
    venue = TradingVenue([market.listing], [], ORIGIN_MS, Depth(levels=2))
    for symbol, tick in PricePath({"BTCUSDT": market}, ORIGIN_MS).until(ORIGIN_MS + 1_000 * HOUR):
        venue.move(symbol, tick)
    last = market.at(ORIGIN_MS + 1_000 * HOUR)
    assert last is not None
    assert venue.market("BTCUSDT").last_price() == d(repr(last.open))


def test_quotes_lie_on_the_grid_around_the_price() -> None:
    assert [(str(level.price), str(level.quantity)) for level in asks(THIN, LISTING, d(100))] == [
        ("100.10", "9.990"),
        ("100.20", "9.980"),
        ("100.30", "9.970"),
    ]
    assert [str(level.price) for level in bids(THIN, LISTING, d(100))] == ["99.90", "99.80", "99.70"]


@pytest.mark.parametrize("price", ["0.01", "0.02", "0.05", "100", "99999.99"])
def test_quotes_never_cross_nor_come_to_nothing(price: str) -> None:
    narrow = Depth(half_spread_bps=d("0.01"), step_bps=d("0.01"), levels=5)
    lower, upper = bids(narrow, LISTING, d(price)), asks(narrow, LISTING, d(price))
    prices = [level.price for level in [*lower[::-1], *upper]]
    assert prices == sorted(set(prices))
    assert all(level.price > 0 and level.quantity > 0 for level in [*lower, *upper])
    assert all(level.price < d(price) for level in lower)


def test_a_depth_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match="a depth needs"):
        Depth(half_spread_bps=d(0))


def test_the_average_price_weighs_volumes_and_forgets_old_ones() -> None:
    prints = Prints(minutes=1)
    assert prints.average(0) is None
    prints.record(0, d(90), d(1))
    prints.record(30_000, d(100), d(3))
    assert prints.average(30_000) == d("97.5")
    assert prints.average(60_000) == d(100)
    prints.record(60_000, d(120), d(0))
    assert prints.average(200_000) == d(120)


def test_a_market_whose_amounts_need_more_digits_than_a_balance_is_refused() -> None:
    fine = Listing("FINE/USDT", price_decimals=6, quantity_decimals=3, start_price=1.0)
    with pytest.raises(ConfigError, match="6 \\+ 3 decimals"):
        TradingVenue([fine], [], 0)


def test_every_listed_market_can_be_traded() -> None:
    listings = [listing_of(symbol) for symbol in ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT", "DOGE/USDT")]
    assert len(TradingVenue(listings, [], 0).markets) == 5
