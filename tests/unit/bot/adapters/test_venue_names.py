"""From the names in the settings to the streams of a venue: what each can do, and what is said where it cannot."""

import json

import pytest

from bot.adapters.venues.names import (
    VENUE_NAMES,
    market_names,
    markets_per_connection,
    stream_venue,
    stream_venues,
    timeframes,
)
from bot.core.errors import ConfigError
from bot.core.market import Timeframe


@pytest.mark.parametrize(
    ("venue", "market"),
    [
        ("binance", "BTCUSDT"),
        ("binance-testnet", "BTCUSDT"),
        ("binance-demo", "BTCUSDT"),
        ("bybit", "BTCUSDT"),
        ("okx", "BTC-USDT"),
        ("kraken", "BTC/USDT"),
    ],
)
def test_each_venue_has_its_own_name_of_a_market(venue, market) -> None:
    assert market_names(venue, ["BTC/USDT"]) == {market: "BTC/USDT"}


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btc/usdt", "BTC-USDT", "BTC/USDT:USDT", "BTC/", ""])
def test_a_market_is_written_in_one_way_only(symbol) -> None:
    with pytest.raises(ConfigError, match="write it as BASE/QUOTE"):
        market_names("binance", [symbol])


def test_two_markets_of_one_name_cannot_be_told_apart() -> None:
    with pytest.raises(ConfigError, match="binance cannot tell AB/USDT from A/BUSDT"):
        market_names("binance", ["A/BUSDT", "AB/USDT"])
    with pytest.raises(ConfigError, match="cannot tell BTC/USDT from BTC/USDT"):
        market_names("kraken", ["BTC/USDT", "BTC/USDT"])


@pytest.mark.parametrize("venue", VENUE_NAMES)
def test_every_venue_streams_each_of_its_timeframes_and_no_other(venue) -> None:
    assert {Timeframe.M1, Timeframe.H1, Timeframe.D1} <= set(timeframes(venue))
    for timeframe in Timeframe:
        if timeframe in timeframes(venue):
            stream = stream_venue(venue, ["BTC/USDT", "ETH/USDT"], timeframe)
            assert (stream.symbols, stream.timeframe) == (("BTC/USDT", "ETH/USDT"), timeframe)
            assert stream.stream_url.startswith("wss://")
            assert len(stream.subscription().awaited) in {1, 2}
        else:
            with pytest.raises(ConfigError, match=f"no {timeframe.value} candles: choose one of 1m"):
                stream_venue(venue, ["BTC/USDT"], timeframe)


def test_the_words_of_a_venue_can_be_spoken_to_another_server() -> None:
    assert stream_venue("okx", ["BTC/USDT"], Timeframe.H1, "ws://127.0.0.1:1").stream_url.startswith(
        "ws://127.0.0.1:1/"
    )


def test_testnets_are_reached_at_addresses_of_their_own() -> None:
    addresses = {stream_venue(venue, ["BTC/USDT"], Timeframe.H1).stream_url for venue in VENUE_NAMES}
    assert len(addresses) == len(VENUE_NAMES)


def test_an_unknown_venue_is_told_which_are_known() -> None:
    with pytest.raises(ConfigError, match="no stream of 'mtgox' is known: choose one of binance, "):
        stream_venue("mtgox", ["BTC/USDT"], Timeframe.H1)


@pytest.mark.parametrize("venue", VENUE_NAMES)
def test_more_markets_than_one_connection_carries_are_refused_by_one_and_spread_evenly_over_several(venue) -> None:
    most = markets_per_connection(venue)
    symbols = [f"C{number}/USDT" for number in range(most + 1)]
    with pytest.raises(ConfigError, match=f"carries 1 to {most} markets, got {most + 1}"):
        stream_venue(venue, symbols, Timeframe.H1)
    streams = stream_venues(venue, symbols, Timeframe.H1)
    assert len(streams) == 2
    assert abs(len(streams[0].symbols) - len(streams[1].symbols)) <= 1
    assert [symbol for stream in streams for symbol in stream.symbols] == symbols


def test_a_thousand_markets_fit_every_venue() -> None:
    symbols = [f"C{number}/USDT" for number in range(1_000)]
    connections = {venue: len(stream_venues(venue, symbols, Timeframe.H1)) for venue in VENUE_NAMES}
    assert connections["binance"] == 1
    assert max(connections.values()) <= 4


def test_no_markets_and_twice_the_same_on_two_connections_are_mistakes() -> None:
    with pytest.raises(ConfigError, match="carries 1 to 1024 markets, got 0"):
        stream_venues("binance", [], Timeframe.H1)
    symbols = [f"C{number}/USDT" for number in range(markets_per_connection("kraken"))]
    with pytest.raises(ConfigError, match="cannot tell C0/USDT from C0/USDT"):
        stream_venues("kraken", [*symbols, "C0/USDT"], Timeframe.H1)


@pytest.mark.parametrize("venue", VENUE_NAMES)
def test_what_is_sent_after_connecting_is_json(venue) -> None:
    for frame in stream_venue(venue, ["BTC/USDT"], Timeframe.H1).subscription().frames:
        assert isinstance(json.loads(frame), dict)
