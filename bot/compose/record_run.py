"""A venue's stream wired to a tape: what a session would hear, written down, and nothing traded."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.candle_stream import CandleStreams
from bot.adapters.clock import SystemClock
from bot.adapters.feed_inputs import AnyFeedInput
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.tape_reader import Tape, read_tape
from bot.adapters.tape_writer import TapeWriter
from bot.compose.asked import asked_symbol, asked_timeframe, stopped_by_signals
from bot.compose.feed_plan import EMBEDDED, FeedPlan
from bot.compose.market_source import InventedMarket, embedded_start_ms, market_source
from bot.core.events import CandleClosed

PAST: Final = 1_000
"""Candles before the recording that belong to it: more than any warm-up, so that a replay of the tape can trade."""


class RecordRequest(Struct, frozen=True):
    """
    What is to be recorded; the names are those of the command line.

    `for_ms` is market time; None records until it is stopped. `seed`, `rho` and `speed` are the embedded exchange's.
    """

    out: Path
    exchange: str = EMBEDDED
    symbols: tuple[str, ...] = ("BTC/USDT",)
    timeframe: str = "1h"
    for_ms: int | None = None
    seed: int = 7
    rho: float = 0.3
    speed: str = "max"


class Recorded(Struct, frozen=True):
    """What a recording has brought: inputs that were written, candles that they prove, and the whole tape."""

    inputs: int
    candles: int
    tape: Tape


def candles_expected(request: RecordRequest) -> int | None:
    """
    How many candles a recording will have brought at its end, the past among them; None where it has no end.

    Raises:
        ConfigError: The timeframe is none.
    """
    if request.for_ms is None:
        return None
    return len(request.symbols) * (PAST + request.for_ms // asked_timeframe(request.timeframe).ms)


async def run_record(request: RecordRequest, progress: Callable[[int, int], None]) -> Recorded:
    """
    Record until the market ends, the time is over or a signal comes.

    Args:
        request: What to do.
        progress: Called with 1 and the close time of each candle.

    Raises:
        ConfigError: The request names what there is not.
        CandlewickError: The venue, the tape's folder or the disk does not do what it should.
    """
    timeframe = asked_timeframe(request.timeframe)
    symbols = sorted({asked_symbol(text) for text in request.symbols})
    from_ms = embedded_start_ms(timeframe)
    until_ms = None if request.for_ms is None else from_ms + request.for_ms
    invented = InventedMarket(request.seed, request.rho, request.speed)
    async with (
        market_source(request.exchange, symbols, timeframe, invented, from_ms, until_ms) as source,
        CcxtHistory(symbols, timeframe, source.rest_url, venue=source.rest_venue) as history,
    ):
        now_ms = source.clock.now_ms()
        first_ms = max(now_ms // timeframe.ms - PAST, 0) * timeframe.ms
        plan = replace(
            FeedPlan.of_markets(request.exchange, symbols, timeframe), begin_ms=dict.fromkeys(symbols, first_ms)
        )
        recording = _Recording(progress)
        with TapeWriter(request.out, plan.header(now_ms)) as tape:
            streams = plan.streams(source.stream_url)
            stream = CandleStreams(
                streams,
                plan.feed(streams),
                history,
                recording.emit,
                SystemClock(),
                tap=recording.tap(tape),
                end_reason=source.end_reason,
                dial=source.dial,
                patience=plan.patience,
            )
            # The embedded market ends by itself when its time is over.
            await _run_until_stopped(stream, None if request.exchange == EMBEDDED else request.for_ms)
    return Recorded(recording.inputs, recording.candles, read_tape(request.out))


class _Recording:
    """Counts what goes onto the tape."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self.inputs = self.candles = 0
        self._progress = progress

    def tap(self, tape: TapeWriter) -> Callable[[AnyFeedInput], None]:
        def write(item: AnyFeedInput) -> None:
            tape.write(item)
            self.inputs += 1

        return write

    async def emit(self, event: EngineEvent) -> None:
        if isinstance(event, CandleClosed):
            self.candles += 1
            self._progress(1, event.at_ms)


async def _run_until_stopped(stream: CandleStreams, limit_ms: int | None) -> None:
    stopped = asyncio.Event()
    with stopped_by_signals(stopped.set):
        running = asyncio.create_task(stream.run(), name="stream")
        stopper = asyncio.create_task(stopped.wait(), name="stop")
        try:
            seconds = None if limit_ms is None else limit_ms / 1_000
            await asyncio.wait([running, stopper], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            running.cancel()
            stopper.cancel()
            await asyncio.gather(running, stopper, return_exceptions=True)
