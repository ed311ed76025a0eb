import pytest
from msgspec.structs import replace

from bot.adapters.patience import Patience
from bot.adapters.venues.ccxt_rows import MAX_MARKETS
from bot.compose.feed_plan import EMBEDDED, FeedPlan
from bot.core.errors import DataError
from bot.core.market import Timeframe
from tests.command_line import MARKETS

BTC, ETH = MARKETS


def test_a_tape_gives_its_plan_back() -> None:
    plan = FeedPlan(
        "okx",
        Timeframe.M5,
        ((BTC,), (ETH,)),
        Patience().scaled(0.5),
        {BTC: 300_000, ETH: 600_000},
        audits_one_in=16,
        journal_events=4_711,
    )
    header = plan.header(12_345)
    assert (header.venue, header.symbols, header.timeframe, header.started_ms) == ("okx", (BTC, ETH), "5m", 12_345)
    assert FeedPlan.of_tape(header) == plan


def test_markets_share_as_few_connections_as_carry_them() -> None:
    many = [f"A{number}/USDT" for number in range(1_500)]
    plan = FeedPlan.of_markets("binance", many, Timeframe.H1)
    assert [len(symbols) for symbols in plan.connections] == [750, 750]
    assert plan.symbols == tuple(many)
    assert [stream.symbols for stream in plan.streams()] == list(plan.connections)


def test_the_embedded_exchange_speaks_as_binance_and_keeps_its_own_time() -> None:
    plan = FeedPlan.of_markets(EMBEDDED, MARKETS, Timeframe.H1)
    (stream,) = plan.streams("ws://127.0.0.1:9")
    assert stream.stream_url.startswith("ws://127.0.0.1:9")
    assert plan.runs_by_market
    assert not FeedPlan.of_markets("binance", MARKETS, Timeframe.H1).runs_by_market


def test_a_feed_audits_where_that_is_planned() -> None:
    plan = FeedPlan.of_markets("binance", MARKETS, Timeframe.H1)
    assert plan.feed()._monitor is None
    assert replace(plan, audits_one_in=4).feed()._monitor is not None


def test_a_venue_without_a_parser_of_its_own_is_streamed_by_ccxt() -> None:
    symbols = [f"C{number}/USDT" for number in range(MAX_MARKETS + 1)]
    plan = FeedPlan.of_markets("bitstamp", symbols, Timeframe.M1)
    assert [len(part) for part in plan.connections] == [MAX_MARKETS, 1]
    assert [stream.stream_url for stream in plan.streams()] == ["ccxt:bitstamp"] * 2
    assert not any(stream.says_closed for stream in plan.streams())


@pytest.mark.parametrize(
    "change",
    [
        {"another": "1"},
        {"patience": '{"silence_ms": "long"}'},
        {"connections": "BTC/USDT"},
    ],
)
def test_a_tape_of_another_way_of_making_feeds_is_named(change: dict[str, str]) -> None:
    header = FeedPlan.of_markets("binance", MARKETS, Timeframe.H1).header(0)
    with pytest.raises(DataError, match="does not say how its feed was made"):
        FeedPlan.of_tape(replace(header, parameters={**header.parameters, **change}))
    with pytest.raises(DataError, match="does not say how its feed was made"):
        FeedPlan.of_tape(replace(header, timeframe="7m"))
