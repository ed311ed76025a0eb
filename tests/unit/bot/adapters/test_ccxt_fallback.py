"""Venues that only ccxt can stream: under the same contract, with a fake of ccxt's and with the real one."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from ccxt.base.errors import AuthenticationError, NetworkError  # type: ignore[import-untyped]

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.ccxt_socket import CcxtSocket, dial_ccxt
from bot.adapters.ccxt_venue import open_exchange
from bot.adapters.clock import SystemClock
from bot.adapters.feed_inputs import Disconnected
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.history_rows import VenueRows
from bot.adapters.patience import Patience
from bot.adapters.stream_connection import Socket
from bot.adapters.venues import Alive, FormingCandle, Refused, VenueStream
from bot.adapters.venues.ccxt_rows import CcxtRows, RowsFrame
from bot.core.errors import ConfigError, VenueError
from bot.core.events import CandleClosed
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.venue import Venue
from tests.feed_fakes import BTC, ETH, MINUTE, bar_of, forming, opens, row, truth

Step = list[list[float]] | Exception


class FakeExchange:
    """ccxt's face of a venue whose time is at bar 13; what it streams is written down, market by market."""

    id = "somewhere"

    def __init__(self, steps: dict[str, list[Step]], **has: bool) -> None:
        self.has = {"watchOHLCV": True, "fetchTime": True, **has}
        self.timeframes = {"1m": "1"}
        self.markets: dict[str, object] = {}
        self.is_closed = False
        self._steps = steps

    async def load_markets(self) -> None:
        self.markets = {BTC: {}, ETH: {}}

    async def fetch_time(self) -> int:
        return opens(13)

    async def watch_ohlcv(self, symbol: str, timeframe: str) -> list[list[float]]:
        assert timeframe == "1m"
        await asyncio.sleep(0)
        if not self._steps.get(symbol):
            await asyncio.Event().wait()
        step = self._steps[symbol].pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self) -> None:
        self.is_closed = True


class Past:
    """History that knows the truth until bar 13, which is open."""

    async def rows(self, symbol: str, from_ms: int, to_ms: int) -> VenueRows:
        bars = range(bar_of(from_ms), min(bar_of(to_ms), 14))
        return VenueRows(opens(13) + 30_000, tuple(row(truth(symbol, bar)) for bar in bars))


class FixedClock:
    """A machine whose clock is a day behind the venue's."""

    def now_ms(self) -> int:
        return opens(13) - 1_440 * MINUTE

    def seconds_until(self, at_ms: int) -> float:
        return max(at_ms - self.now_ms(), 0) / 1_000

    def hear(self, at_ms: int) -> None:
        pass


def said(*bars: tuple[int, int]) -> list[list[float]]:
    """Rows of BTC/USDT: which bar, and how far it is."""
    return [list(row(forming(BTC, bar, elapsed_ms))) for bar, elapsed_ms in bars]


def frame(symbol: str, *rows: tuple, at_ms: int = 0) -> bytes:
    return msgspec.json.encode(RowsFrame(symbol, at_ms or opens(13), rows))


def test_a_row_is_a_forming_bar_and_never_a_closed_one() -> None:
    parser = CcxtRows("somewhere", [BTC], Timeframe.M1)
    messages = parser.parse(frame(BTC, row(truth(BTC, 12)), row(forming(BTC, 13, 500)), at_ms=opens(12) + 70_000))
    assert messages == [
        FormingCandle(BTC, opens(12) + 70_000, truth(BTC, 12)),
        FormingCandle(BTC, opens(13) + 10_000, forming(BTC, 13, 500)),
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\xff", "malformed"),
        (b"[]", "malformed"),
        (b'{"symbol":"BTC/USDT","at_ms":1,"rows":[[1,2]]}', "malformed"),
        (frame("DOGE/USDT", row(truth(BTC, 1))), "unknown symbol"),
        (frame(BTC, (opens(1) + 1, 1.0, 1.0, 1.0, 1.0, 1.0)), "impossible candle"),
        (frame(BTC, (opens(1), 1.0, 0.5, 2.0, 1.0, 1.0)), "impossible candle"),
    ],
)
def test_what_cannot_be_believed_is_refused(bad, code) -> None:
    (refused,) = CcxtRows("somewhere", [BTC], Timeframe.M1).parse(bad)
    assert isinstance(refused, Refused)
    assert refused.code == code


def test_no_rows_are_a_sign_of_life() -> None:
    assert list(CcxtRows("somewhere", [BTC], Timeframe.M1).parse(frame(""))) == [Alive()]


def test_a_connection_has_room_for_so_many_markets() -> None:
    with pytest.raises(ConfigError, match="1 to 50 markets"):
        CcxtRows("somewhere", [f"M{number}/USDT" for number in range(51)], Timeframe.M1)


async def candles_of(exchanges: list[FakeExchange], wanted: int) -> tuple[list[CandleClosed], list[object]]:
    """Stream from one exchange object after another until so many candles are there."""
    stream = CcxtRows("somewhere", [BTC], Timeframe.M1)
    patience = Patience(tick_ms=5, grace_ms=5, ask_again_ms=5, first_retry_ms=1)
    candles: list[CandleClosed] = []
    inputs: list[object] = []
    enough = asyncio.Event()
    left = iter(exchanges)

    async def take(event: EngineEvent) -> None:
        if isinstance(event, CandleClosed):
            candles.append(event)
            if len(candles) == wanted:
                enough.set()

    async def dial(stream: VenueStream) -> Socket:
        return await dial_ccxt(stream, FixedClock(), lambda _: next(left))

    streams = CandleStreams(
        [stream],
        CandleFeed([stream], patience=patience),
        Past(),
        take,
        SystemClock(),
        tap=inputs.append,
        patience=patience,
        dial=dial,
    )
    running = asyncio.create_task(streams.run())
    waiting = asyncio.create_task(enough.wait())
    async with asyncio.timeout(20):
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    running.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    return candles, inputs


@pytest.mark.asyncio
async def test_a_bar_is_a_candle_when_its_successor_is_there_and_history_confirms_it() -> None:
    exchange = FakeExchange({BTC: [said((10, 30_000)), said((10, 50_000), (11, 1_000)), said((12, 1_000))]})
    candles, _ = await candles_of([exchange], 2)
    assert [event.candle for event in candles[:2]] == [truth(BTC, 10), truth(BTC, 11)]
    assert exchange.is_closed


@pytest.mark.asyncio
async def test_what_ccxt_drops_when_it_connects_again_is_repaired() -> None:
    lost = FakeExchange({BTC: [said((8, 30_000)), NetworkError("gone")]})
    back = FakeExchange({BTC: [said((12, 30_000))]})
    candles, inputs = await candles_of([lost, back], 4)
    assert [bar_of(event.candle.open_time_ms) for event in candles[:4]] == [8, 9, 10, 11]
    assert [event.candle for event in candles[:4]] == [truth(BTC, bar) for bar in (8, 9, 10, 11)]
    reasons = [given.reason for given in inputs if isinstance(given, Disconnected)]
    assert reasons[0] == "ccxt lost the stream (NetworkError)"
    assert lost.is_closed


@pytest.mark.asyncio
async def test_what_ccxt_is_refused_ends_the_streams() -> None:
    stream = CcxtRows("somewhere", [BTC], Timeframe.M1)
    socket = await dial_ccxt(stream, FixedClock(), lambda _: FakeExchange({BTC: [AuthenticationError("key=secret")]}))
    with pytest.raises(VenueError, match=r"^ccxt was refused \(AuthenticationError\)$"):
        await socket.recv()
    await socket.release()


@pytest.mark.asyncio
async def test_rows_that_nobody_has_read_are_overtaken_and_ended_bars_are_kept() -> None:
    steps: list[Step] = [said((10, 1_000)), said((10, 2_000)), said((11, 3_000)), said((11, 4_000))]
    socket = await socket_of(FakeExchange({BTC: steps}))
    for _ in range(10):
        await asyncio.sleep(0)
    rows = msgspec.json.decode(await socket.recv(), type=RowsFrame).rows
    assert rows == (row(forming(BTC, 10, 2_000)), row(forming(BTC, 11, 4_000)))
    await socket.release()


async def socket_of(exchange: FakeExchange) -> CcxtSocket:
    return await dial_ccxt(CcxtRows("somewhere", [BTC], Timeframe.M1), FixedClock(), lambda _: exchange)


@pytest.mark.asyncio
async def test_frames_carry_the_venue_s_time_and_not_the_machine_s() -> None:
    socket = await socket_of(FakeExchange({BTC: [said((13, 1_000))]}))
    assert msgspec.json.decode(await socket.recv(), type=RowsFrame).at_ms == opens(13)
    await socket.release()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("exchange", "stream", "sentence"),
    [
        (FakeExchange({}, watchOHLCV=False), CcxtRows("somewhere", [BTC], Timeframe.M1), "streams no candles"),
        (FakeExchange({}), CcxtRows("somewhere", ["NO/SUCH"], Timeframe.M1), "NO/SUCH is not listed"),
        (FakeExchange({}), CcxtRows("somewhere", [BTC], Timeframe.H1), "no candles of 1h"),
    ],
)
async def test_what_a_venue_does_not_have_is_said_at_once(exchange, stream, sentence) -> None:
    with pytest.raises(VenueError, match=sentence):
        await dial_ccxt(stream, FixedClock(), lambda _: exchange)
    assert exchange.is_closed


@pytest.mark.asyncio
async def test_the_real_ccxt_brings_every_candle_of_the_embedded_exchange() -> None:
    hour = Timeframe.H1.ms
    from_ms = ORIGIN_MS + 50 * hour
    market = SeededMarket(7, BTC, Timeframe.H1)
    server = ExchangeServer(Venue([market], from_ms, hour // 4, 12), LockStep(from_ms))
    port = await server.start()
    candles: list[CandleClosed] = []
    enough = asyncio.Event()

    async def take(event: EngineEvent) -> None:
        if isinstance(event, CandleClosed):
            candles.append(event)
            if len(candles) == 10:
                enough.set()

    stream = CcxtRows("binance", [BTC], Timeframe.H1)
    patience = Patience(tick_ms=5, grace_ms=5, ask_again_ms=5, first_retry_ms=10)
    try:
        async with CcxtHistory([BTC], Timeframe.H1, f"http://127.0.0.1:{port}") as history:
            streams = CandleStreams(
                [stream],
                CandleFeed([stream], patience=patience),
                history,
                take,
                SystemClock(),
                patience=patience,
                dial=lambda stream: dial_ccxt(stream, SystemClock(), on_loopback(port)),
            )
            running = asyncio.create_task(streams.run())
            async with asyncio.timeout(30):
                await enough.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    finally:
        await server.stop()
    first_ms = candles[0].candle.open_time_ms
    assert first_ms in {from_ms, from_ms + hour}
    assert [event.candle for event in candles] == [
        market.at(first_ms + number * hour) for number in range(len(candles))
    ]


def on_loopback(port: int) -> Callable[[str], Any]:
    def open_(venue: str) -> Any:
        exchange = open_exchange(venue, f"http://127.0.0.1:{port}", streams=True)
        exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/ws"
        return exchange

    return open_
