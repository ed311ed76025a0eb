"""The exchange without sockets: instants, forming candles and klines by market time."""

from itertools import islice

import pytest

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.bar_path import forming
from bot.exchange.candle_file import RecordedMarket
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.venue import CLOSE_LAG_MS, Instant, Venue

HOUR = Timeframe.H1.ms
FROM_MS = ORIGIN_MS + 100 * HOUR


def seeded(symbol: str = "BTC/USDT") -> SeededMarket:
    return SeededMarket(7, symbol, Timeframe.H1)


def recorded(*hours: int, symbol: str = "BTC/USDT") -> RecordedMarket:
    candles = {hour * HOUR: Candle(hour * HOUR, 10.0, 12.0, 9.0, 11.0, 5.0) for hour in hours}
    return RecordedMarket(symbol, Timeframe.H1, candles)


def venue(*markets: SeededMarket | RecordedMarket, from_ms: int = FROM_MS, count: int | None = None) -> Venue:
    return Venue(markets or (seeded(),), from_ms, HOUR // 4, count)


def test_each_candle_forms_in_a_few_instants_and_closes_a_little_after_its_end() -> None:
    assert list(venue(count=1).instants()) == [
        Instant(FROM_MS + HOUR // 4, FROM_MS, closes=False),
        Instant(FROM_MS + HOUR // 2, FROM_MS, closes=False),
        Instant(FROM_MS + 3 * HOUR // 4, FROM_MS, closes=False),
        Instant(FROM_MS + HOUR + CLOSE_LAG_MS, FROM_MS, closes=True),
    ]


def test_a_venue_without_a_count_never_ends_when_a_market_does_not() -> None:
    assert len(list(islice(venue().instants(), 1_000))) == 1_000
    assert venue().end_ms is None


def test_a_recorded_venue_ends_with_its_last_candle() -> None:
    played = Venue([recorded(5, 6, symbol="ETH/USDT"), recorded(5, 6, 7)], 5 * HOUR, HOUR // 4)
    closes = [instant for instant in played.instants() if instant.closes]
    assert [instant.open_ms // HOUR for instant in closes] == [5, 6, 7]
    assert [len(list(played.updates(instant))) for instant in closes] == [2, 2, 1]


def test_markets_of_one_instant_come_in_symbol_order() -> None:
    both = venue(seeded("SOL/USDT"), seeded("BTC/USDT"), seeded("ETH/USDT"))
    updates = both.updates(next(iter(both.instants())))
    assert [update.listing.symbol for update in updates] == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]


def test_venues_begun_at_different_times_send_the_same_candles() -> None:
    early, late = venue(), venue(from_ms=FROM_MS + 3 * HOUR)
    skipped = [instant for instant in islice(early.instants(), 40) if instant.open_ms >= FROM_MS + 3 * HOUR]
    for instant, same in zip(skipped, late.instants(), strict=False):
        assert instant == same
        assert list(early.updates(instant)) == list(late.updates(same))


def test_klines_end_with_the_open_candle_as_far_as_it_has_come() -> None:
    market = seeded()
    rows = venue(market).klines(market, FROM_MS + HOUR // 2, start_ms=None, end_ms=None, limit=3)
    assert [row.open_time_ms for row in rows] == [FROM_MS - 2 * HOUR, FROM_MS - HOUR, FROM_MS]
    assert rows[:2] == [market.at(FROM_MS - 2 * HOUR), market.at(FROM_MS - HOUR)]
    whole = market.at(FROM_MS)
    assert whole
    assert rows[2] == forming(whole, 0.5, market.listing, market.toss(FROM_MS))


def test_a_candle_is_whole_from_its_close_on() -> None:
    market = seeded()
    rows = venue(market).klines(market, FROM_MS + HOUR, start_ms=FROM_MS, end_ms=None, limit=9)
    assert rows[0] == market.at(FROM_MS)
    assert [row.open_time_ms for row in rows] == [FROM_MS, FROM_MS + HOUR]


def test_a_start_gives_the_oldest_from_there_and_both_ends_count() -> None:
    market = seeded()
    now_ms = FROM_MS + 9 * HOUR

    def hours(start_ms: int | None, end_ms: int | None, limit: int) -> list[int]:
        rows = venue(market).klines(market, now_ms, start_ms=start_ms, end_ms=end_ms, limit=limit)
        return [(row.open_time_ms - FROM_MS) // HOUR for row in rows]

    assert hours(FROM_MS, None, 3) == [0, 1, 2]
    assert hours(FROM_MS + 1, None, 2) == [1, 2]
    assert hours(FROM_MS, FROM_MS + 2 * HOUR, 9) == [0, 1, 2]
    assert hours(FROM_MS, FROM_MS + 2 * HOUR - 1, 9) == [0, 1]
    assert hours(None, FROM_MS + 2 * HOUR, 2) == [1, 2]
    assert hours(FROM_MS + 20 * HOUR, None, 9) == []
    assert hours(0, ORIGIN_MS - 1, 9) == []


def test_nothing_of_the_future_is_shown() -> None:
    market = seeded()
    rows = venue(market).klines(market, FROM_MS, start_ms=FROM_MS - HOUR, end_ms=FROM_MS + 99 * HOUR, limit=1_000)
    assert [row.open_time_ms for row in rows] == [FROM_MS - HOUR, FROM_MS]
    whole = market.at(FROM_MS)
    assert whole
    assert rows[-1] == Candle(FROM_MS, whole.open, whole.open, whole.open, whole.open, 0.0)


def test_bars_that_are_missing_in_a_recording_are_missing_in_klines() -> None:
    market = recorded(5, 6, 9)
    played = venue(market, from_ms=9 * HOUR)
    rows = played.klines(market, 20 * HOUR, start_ms=0, end_ms=None, limit=9)
    assert [row.open_time_ms // HOUR for row in rows] == [5, 6, 9]
    latest = played.klines(market, 20 * HOUR, start_ms=None, end_ms=None, limit=2)
    assert [row.open_time_ms // HOUR for row in latest] == [6, 9]


def test_what_cannot_be_served_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="needs markets"):
        Venue([], FROM_MS, 1_000)
    with pytest.raises(ConfigError, match="one timeframe"):
        venue(seeded(), SeededMarket(7, "ETH/USDT", Timeframe.M1))
    with pytest.raises(ConfigError, match="twice"):
        venue(seeded(), seeded())
    with pytest.raises(ConfigError, match="not a multiple"):
        venue(from_ms=FROM_MS + 1)
    with pytest.raises(ConfigError, match="apart"):
        Venue([seeded()], FROM_MS, CLOSE_LAG_MS)
    with pytest.raises(ConfigError, match="no candles to stream"):
        venue(recorded(5), from_ms=6 * HOUR)
