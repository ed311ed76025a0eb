"""History through the real ccxt: against the embedded exchange, and against a venue that misbehaves by script."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web

from bot.adapters.history import CcxtHistory, TradingRules
from bot.core.commands import Backfill
from bot.core.errors import VenueError, VenueUnavailable
from bot.core.market import Timeframe
from bot.exchange.listing import listing_of
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.market_replies import exchange_info
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.trading import TradingVenue
from bot.exchange.venue import Venue
from bot.exchange.weights import Limits

HOUR = Timeframe.H1.ms
NOW_MS = ORIGIN_MS + 2_500 * HOUR
RETRIES_S = (1.0, 2.0)

Row = list[object]


class Pauses(list[float]):
    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@asynccontextmanager
async def embedded(symbol: str = "BTC/USDT") -> AsyncIterator[tuple[CcxtHistory, SeededMarket]]:
    market = SeededMarket(7, symbol, Timeframe.H1)
    server = ExchangeServer(Venue([market], NOW_MS, HOUR), LockStep(NOW_MS))
    port = await server.start()
    try:
        async with CcxtHistory([symbol], Timeframe.H1, f"http://127.0.0.1:{port}/") as history:
            yield history, market
    finally:
        await server.stop()


class Scripted:
    """A venue whose klines are given row by row, and which answers as often as it is told with something else."""

    def __init__(self, rows: Sequence[object]) -> None:
        self.rows = rows
        self.troubles: list[web.Response] = []
        self.info = exchange_info(TradingVenue([listing_of("BTC/USDT")], [], 0).markets.values(), Limits(), NOW_MS)
        self.asked: list[str] = []
        self.pauses = Pauses()

    def _answer(self, body: Callable[[web.Request], object]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.Response:
            self.asked.append(request.path.rpartition("/")[2])
            return self.troubles.pop(0) if self.troubles else web.json_response(body(request))

        return handle

    def _page(self, request: web.Request) -> object:
        since_ms, until_ms = int(request.query["startTime"]), int(request.query["endTime"])
        rows = [row for row in self.rows if not isinstance(row, list) or since_ms <= row[0] <= until_ms]
        return rows[: int(request.query["limit"])]

    @asynccontextmanager
    async def history(self) -> AsyncIterator[CcxtHistory]:
        application = web.Application()
        application.router.add_get("/api/v3/exchangeInfo", self._answer(lambda _: self.info))
        application.router.add_get("/api/v3/time", self._answer(lambda _: {"serverTime": NOW_MS}))
        application.router.add_get("/api/v3/klines", self._answer(self._page))
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with CcxtHistory(
                ["BTC/USDT"], Timeframe.H1, url, retries_s=RETRIES_S, sleep=self.pauses.sleep
            ) as history:
                yield history
        finally:
            await runner.cleanup()


def row(hour: int, close: object = "1.5", **changes: object) -> Row:
    numbers = {"open": "1.0", "high": "2.0", "low": "0.5", "close": close, "volume": "3.0"} | changes
    return [hour * HOUR, *numbers.values(), hour * HOUR + HOUR - 1, "0", 1, "0", "0", "0"]


def hours(first: int, last: int) -> Backfill:
    return Backfill("BTC/USDT", first * HOUR, last * HOUR)


@pytest.mark.asyncio
async def test_pages_are_joined_to_every_closed_candle_of_the_span_and_the_open_one_is_left_out() -> None:
    async with embedded() as (history, market):
        answer = await history.backfill(Backfill("BTC/USDT", ORIGIN_MS, NOW_MS + 10 * HOUR))
    assert len(answer.candles) == 2_500
    assert answer.candles == tuple(market.at(ORIGIN_MS + number * HOUR) for number in range(2_500))
    assert (answer.at_ms, answer.symbol) == (NOW_MS + 10 * HOUR, "BTC/USDT")
    assert (answer.from_ms, answer.to_ms) == (ORIGIN_MS, NOW_MS + 10 * HOUR)


@pytest.mark.asyncio
async def test_the_end_of_a_span_is_exclusive_and_its_beginning_is_not() -> None:
    async with embedded() as (history, _):
        answer = await history.backfill(Backfill("BTC/USDT", ORIGIN_MS + HOUR, ORIGIN_MS + 3 * HOUR))
    assert [candle.open_time_ms for candle in answer.candles] == [ORIGIN_MS + HOUR, ORIGIN_MS + 2 * HOUR]


@pytest.mark.asyncio
async def test_a_span_before_the_market_or_in_the_future_is_empty() -> None:
    async with embedded() as (history, _):
        assert (await history.backfill(Backfill("BTC/USDT", ORIGIN_MS - 9 * HOUR, ORIGIN_MS))).candles == ()
        assert (await history.backfill(Backfill("BTC/USDT", NOW_MS, NOW_MS + HOUR))).candles == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("symbol", ["BTC/USDT", "XRP/USDT"])
async def test_the_rules_of_a_market_are_exact_decimals(symbol) -> None:
    listing = listing_of(symbol)
    async with embedded(symbol) as (history, _):
        rules = await history.instruments([symbol])
    assert rules == {
        symbol: TradingRules(symbol, listing.tick_size, listing.lot_step, listing.lot_step, Decimal(5)),
    }


@pytest.mark.asyncio
async def test_a_market_that_is_not_listed_is_an_error_with_its_host() -> None:
    async with embedded() as (loaded, _), CcxtHistory(["NO/SUCH"], Timeframe.H1, loaded._url) as history:
        with pytest.raises(VenueError, match=r"its markets \(BadSymbol\)"):
            await history.instruments(["NO/SUCH"])
        with pytest.raises(VenueError, match="NO/SUCH"):
            await loaded.instruments(["NO/SUCH"])
        with pytest.raises(VenueError, match="not among the markets"):
            await loaded.backfill(Backfill("NO/SUCH", 0, HOUR))


@pytest.mark.asyncio
async def test_order_and_repeats_are_put_right_and_the_later_word_stands() -> None:
    venue = Scripted([row(12), row(10, "0.7"), row(11), row(10, "0.9")])
    async with venue.history() as history:
        answer = await history.backfill(hours(10, 13))
    assert [candle.open_time_ms // HOUR for candle in answer.candles] == [10, 11, 12]
    assert answer.candles[0].close == 0.9


@pytest.mark.asyncio
async def test_what_is_missing_is_left_out() -> None:
    venue = Scripted([row(10), row(14)])
    async with venue.history() as history:
        answer = await history.backfill(hours(9, 20))
    assert [candle.open_time_ms // HOUR for candle in answer.candles] == [10, 14]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (row(11, high="1.2"), "impossible candle"),
        (row(11, low="0"), "impossible candle"),
        (row(11, close="x"), "impossible candle"),
        (row(11, volume=None), "impossible candle"),
        ([11 * HOUR + 1, "1", "1", "1", "1", "1"], "no 1h candle opens at"),
    ],
)
async def test_a_row_that_cannot_be_a_candle_is_passed_over_and_said_once(bad, sentence, caplog) -> None:
    """It would be the same the next time: the market would wait for ever."""
    venue = Scripted([row(10), bad, row(12)])
    async with venue.history() as history:
        answer = await history.backfill(hours(10, 13))
    assert [candle.open_time_ms // HOUR for candle in answer.candles] == [10, 12]
    (said,) = (one.getMessage() for one in caplog.records if one.name == "bot.adapters.history")
    assert "BTC/USDT: 1 rows are passed over" in said
    assert sentence in said


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [429, 502])
async def test_trouble_on_the_way_is_waited_out(status) -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=status, text="<html>later</html>"), web.Response(status=503)]
    async with venue.history() as history:
        assert len((await history.backfill(hours(10, 11))).candles) == 1
    assert venue.pauses == [1.0, 2.0]


@pytest.mark.asyncio
async def test_the_venue_s_own_word_on_waiting_is_heeded() -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=429, headers={"Retry-After": "17"})]
    async with venue.history() as history:
        await history.backfill(hours(10, 11))
    assert venue.pauses == [17.0]


@pytest.mark.asyncio
async def test_a_long_ban_is_reported_instead_of_waited_for() -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=418, headers={"Retry-After": "3600"})]
    async with venue.history() as history:
        with pytest.raises(VenueUnavailable, match="in 3600 seconds"):
            await history.backfill(hours(10, 11))
    assert (venue.pauses, len(venue.asked)) == ([], 1)


@pytest.mark.asyncio
async def test_while_a_ban_lasts_nothing_is_asked() -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=418, headers={"Retry-After": "3600"})]
    async with venue.history() as history:
        for _ in range(3):
            with pytest.raises(VenueUnavailable, match="try again in 3"):
                await history.rows("BTC/USDT", 10 * HOUR, 11 * HOUR)
    assert len(venue.asked) == 1


@pytest.mark.asyncio
async def test_an_answer_about_waiting_is_not_heeded_twice() -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=429, headers={"Retry-After": "17"}), web.Response(status=503)]
    async with venue.history() as history:
        await history.rows("BTC/USDT", 10 * HOUR, 11 * HOUR)
    assert venue.pauses == [17.0, 2.0]


@pytest.mark.asyncio
async def test_rows_are_what_the_venue_said_with_the_open_one_and_its_clock() -> None:
    venue = Scripted([row(10), row(11, high="0.1"), row(12, volume=None)])
    async with venue.history() as history:
        answer = await history.rows("BTC/USDT", 10 * HOUR, 13 * HOUR)
    assert answer.venue_ms == NOW_MS
    assert answer.rows[:2] == ((10 * HOUR, 1.0, 2.0, 0.5, 1.5, 3.0), (11 * HOUR, 1.0, 0.1, 0.5, 1.5, 3.0))
    assert answer.rows[2][5] != answer.rows[2][5], "what cannot be read is no number"


@pytest.mark.asyncio
async def test_patience_ends_with_one_sentence_that_has_no_address_of_a_request_in_it() -> None:
    venue = Scripted([row(10)])
    venue.troubles = [web.Response(status=503) for _ in range(3)]
    async with venue.history() as history:
        with pytest.raises(VenueUnavailable) as caught:
            await history.backfill(hours(10, 11))
    assert "did not give us its markets (ExchangeNotAvailable)" in str(caught.value)
    assert "/api/v3" not in str(caught.value)
    assert venue.pauses == [1.0, 2.0]


@pytest.mark.asyncio
async def test_a_host_that_is_not_there_is_unavailable() -> None:
    pauses = Pauses()
    async with Scripted([]).history() as gone:
        pass
    async with CcxtHistory(["BTC/USDT"], Timeframe.H1, gone._url, retries_s=(1.0,), sleep=pauses.sleep) as history:
        with pytest.raises(VenueUnavailable, match="check the connection"):
            await history.backfill(hours(10, 11))
    assert pauses == [1.0]


@pytest.mark.asyncio
async def test_a_market_that_is_closed_or_has_no_grid_cannot_be_traded() -> None:
    venue = Scripted([])
    market = venue.info["symbols"][0]
    market["status"] = "BREAK"
    async with venue.history() as history:
        with pytest.raises(VenueError, match="not open for trading"):
            await history.instruments(["BTC/USDT"])
    market["status"] = "TRADING"
    market["filters"] = [entry for entry in market["filters"] if entry["filterType"] != "NOTIONAL"]
    async with venue.history() as history:
        with pytest.raises(VenueError, match="incomplete"):
            await history.instruments(["BTC/USDT"])


@pytest.mark.asyncio
async def test_ccxt_never_logs_what_it_sends() -> None:
    async with CcxtHistory(["BTC/USDT"], Timeframe.H1) as history:
        assert not logging.getLogger("ccxt.base.exchange").isEnabledFor(logging.DEBUG)
        assert history._exchange.verbose is False
