"""A live stream wired into a paper run: the embedded exchange on loopback, or a venue's public data."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.decision_board import DecisionBoard
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.journal_reader import read_run
from bot.adapters.narrator import Tell
from bot.adapters.no_model import NoModel
from bot.adapters.tape_writer import TapeWriter
from bot.compose.asked import asked_symbol, asked_timeframe, stopped_by_signals
from bot.compose.feed_plan import EMBEDDED
from bot.compose.market_source import InventedMarket, MarketSource, embedded_start_ms, market_source
from bot.compose.parts import paper_broker, resolve_strategy
from bot.compose.run import Opened, open_run, plan
from bot.compose.session_parts import (
    ModelGuard,
    after_tape,
    asked_model,
    begin,
    candles,
    control,
    floor_ms,
    heard_until,
    instruments,
    planned_feed,
    told,
)
from bot.compose.tape_events import TAPE_FOLDER
from bot.core.events import PriceUpdated
from bot.core.market import Instrument, Timeframe
from bot.core.ports import Forecaster
from bot.core.run_record import RunRecord
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints
from bot.runner import Questions, Session
from config.loading import Loaded, load_settings


class PaperRequest(Struct, frozen=True):
    """
    What a paper session was asked to do; the names are those of the command line.

    `seed`, `rho`, `speed` and `faults` are the embedded exchange's. `for_ms` is market time; None is until stopped.
    `record` keeps what the session hears on a tape in its own folder.
    """

    out: Path
    exchange: str = "embedded"
    symbols: tuple[str, ...] = ("BTC/USDT",)
    timeframe: str = "1h"
    bundle: Path | None = None
    runtime: str = "onnx"
    strategy: str = "forecast"
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    cash: str | None = None
    for_ms: int | None = None
    seed: int = 7
    rho: float = 0.3
    speed: str = "max"
    record: bool = False
    faults: Path | None = None


async def run_paper(request: PaperRequest, tell: Tell, progress: Callable[[int, int], None]) -> bool:
    """
    Run a session to its end, its time limit or a signal; the same request goes on with one that was stopped.

    Args:
        request: What to do.
        tell: Called with everything that a person would want to see as it happens.
        progress: Called with the number of candles of each instant and its close time.

    Returns:
        Whether the run is finished; otherwise it was stopped and can be gone on with.

    Raises:
        CandlewickError: Settings, model, venue or folder are not what they should be.
    """
    overrides = {**request.overrides, **({"account.budget": request.cash} if request.cash else {})}
    loaded = load_settings(request.profile, overrides)
    timeframe = asked_timeframe(request.timeframe)
    # By name: who gets the cash of an instant must not depend on which market was named first.
    request = replace(request, symbols=tuple(sorted({asked_symbol(text) for text in request.symbols})))
    recorded = read_run(request.out) if (request.out / "journal.sqlite").exists() else None
    bundle, model, life = None, None, None
    if resolve_strategy(request.strategy, loaded.settings).needs_forecast:
        bundle, model, life = asked_model(request.bundle, request.runtime)
    async with (
        _source(request, timeframe, recorded) as source,
        CcxtHistory(request.symbols, timeframe, source.rest_url, venue=source.rest_venue) as history,
    ):
        header = plan(
            loaded,
            await _instruments(history, request, loaded, recorded),
            timeframe,
            strategy=request.strategy,
            bundle=bundle,
            started_ms=recorded.header.at_ms if recorded else floor_ms(source.clock.now_ms(), timeframe),
            inputs=_inputs(request),
            labels={
                "market": source.label,
                "profile": request.profile or "cautious",
                "signal_venue": request.exchange,
            },
        )
        opened = open_run(request.out, header, synchronous="NORMAL")
        try:
            board = told(opened, tell, recorded)
            guard = ModelGuard(bundle, life, recorded)
            finished = await _session(request, opened, source, history, model or NoModel(), guard, board, progress)
            if finished:
                opened.journal.finish()
        finally:
            opened.journal.close()
    return finished


async def _session(
    request: PaperRequest,
    opened: Opened,
    source: MarketSource,
    history: CcxtHistory,
    model: Forecaster,
    guard: ModelGuard,
    journal: DecisionBoard,
    progress: Callable[[int, int], None],
) -> bool:
    engine, header, clock = opened.engine, opened.header, source.clock
    timeframe = Timeframe(header.timeframe)
    symbols = [one.symbol for one in header.instruments]
    broker, questions = paper_broker(header), Questions()
    pump = Pump(
        engine, guard.journal(journal), broker, guard.model(model), backfill=questions.ask, measures_latency=True
    )
    now_ms = clock.now_ms()
    planned = planned_feed(request.exchange, opened, now_ms)
    async with AsyncExitStack() as held:
        tape = None
        if request.record:
            tape = held.enter_context(TapeWriter(request.out / TAPE_FOLDER, planned.header(now_ms)))
        checkpoints = Checkpoints(engine, opened.journal, int(header.settings["journal.snapshot_events"]))
        flow = PaperFlow(
            pump,
            PaperPlay(pump, broker, timeframe.ms),
            InstantAssembler(symbols, int(header.settings["engine.batch_deadline_ms"])),
            checkpoints,
            commit=after_tape(tape, journal.commit),
            progress=progress,
            afterwards=guard.doubts,
        )
        session = Session(
            pump,
            questions,
            flow,
            checkpoints,
            clock=clock,
            until_ms=None if request.for_ms is None else header.at_ms + request.for_ms,
        )
        held.enter_context(stopped_by_signals(session.stop))
        await held.enter_async_context(control(request.out, engine, session, journal, clock))
        spare_collector()
        begin(pump, engine, now_ms, model.name if engine.needs_forecast else None)
        journal.commit()
        return await session.run(candles(planned, source, history, tape, _closes_alone), history)


def _closes_alone(event: EngineEvent) -> EngineEvent | None:
    # The paper market knows closed candles only, so that a session and the replay of its candles agree.
    return None if isinstance(event, PriceUpdated) else event


async def _instruments(
    history: CcxtHistory, request: PaperRequest, loaded: Loaded, recorded: RunRecord | None
) -> tuple[Instrument, ...]:
    if recorded and tuple(one.symbol for one in recorded.header.instruments) == request.symbols:
        return recorded.header.instruments  # a run keeps the rules that it began with
    rules = await history.instruments(request.symbols)
    return instruments([rules[symbol] for symbol in request.symbols], loaded, request.exchange, request.exchange)


def _source(
    request: PaperRequest, timeframe: Timeframe, recorded: RunRecord | None
) -> AbstractAsyncContextManager[MarketSource]:
    started_ms = recorded.header.at_ms if recorded else embedded_start_ms(timeframe)
    return market_source(
        request.exchange,
        request.symbols,
        timeframe,
        InventedMarket(request.seed, request.rho, request.speed, request.faults),
        heard_until(request.symbols, recorded) if recorded else started_ms,
        None if request.for_ms is None else started_ms + request.for_ms,
    )


def _inputs(request: PaperRequest) -> dict[str, str]:
    inputs = {"exchange": request.exchange, "for_ms": str(request.for_ms), "runtime": request.runtime}
    if request.exchange == EMBEDDED:
        inputs |= {"seed": str(request.seed), "rho": str(request.rho)}
    return inputs
