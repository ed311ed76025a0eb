"""A session in real time over a stream and a past that a test writes down."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import Backfill
from bot.core.events import AnyEvent, Backfilled, CandleClosed
from bot.core.market import Candle
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump
from bot.replay import Checkpoints, begin_session
from bot.runner import Questions
from bot.runner import Session as RunnerSession
from strategies.strategy import Strategy
from tests.engine_world import MemoryJournal, engine
from tests.heard_clock import HeardClock
from tests.hourly_bars import BTC, HOUR, T0, bar, closed
from tests.made_orders import BUDGET, instrument
from tests.scripted_strategies import ScriptedModel, no_model

Emit = Callable[[AnyEvent], Awaitable[None]]
Stream = Callable[[Emit], Awaitable[None]]


class Past:
    """History that knows some candles."""

    def __init__(self, *candles: Candle) -> None:
        self.candles = candles
        self.asked: list[Backfill] = []
        self.answered = asyncio.Event()

    async def backfill(self, request: Backfill) -> Backfilled:
        self.asked.append(request)
        found = tuple(one for one in self.candles if request.from_ms <= one.open_time_ms < request.to_ms)
        self.answered.set()
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, found)


class Session:
    """A paper session with everything that it needs."""

    def __init__(self, strategy: Strategy, *symbols: str, until_ms: int | None = None) -> None:
        markets = [instrument(symbol) for symbol in symbols or (BTC,)]
        self.engine = engine(strategy, markets=markets)
        self.journal = MemoryJournal()
        self.clock = HeardClock()
        self.seen: list[tuple[int, int]] = []
        self.broker = PaperBroker({one.symbol: one for one in markets}, BUDGET, Decimal(1))
        questions = Questions()
        self.pump = Pump(
            self.engine,
            self.journal,
            self.broker,
            ScriptedModel(no_model),
            backfill=questions.ask,
            measures_latency=False,
        )
        checkpoints = Checkpoints(self.engine, self.journal, 10**9)
        flow = PaperFlow(
            self.pump,
            PaperPlay(self.pump, self.broker, HOUR),
            InstantAssembler([one.symbol for one in markets], 10_000),
            checkpoints,
            commit=self.journal.commit,
            progress=lambda count, at_ms: self.seen.append((count, at_ms)),
        )
        self.session = RunnerSession(
            self.pump,
            questions,
            flow,
            checkpoints,
            clock=self.clock,
            until_ms=until_ms,
        )
        begin_session(self.pump, T0, None)

    async def run(self, stream: Stream, history: Past | None = None) -> bool:
        return await asyncio.wait_for(self.session.run(stream, history or Past()), 20)

    @property
    def candles(self) -> list[tuple[str, int]]:
        return [(event.symbol, event.at_ms) for event in self.journal.of(CandleClosed)]


def streaming(*events: AnyEvent) -> Stream:
    async def stream(emit: Emit) -> None:
        for event in events:
            await emit(event)

    return stream


def bars(count: int, symbol: str = BTC) -> list[CandleClosed]:
    return [closed(bar(number, 100.0), symbol) for number in range(count)]
