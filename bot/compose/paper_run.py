"""A live stream wired into a paper run: the embedded exchange on loopback, or a venue's public data."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from bot.adapters.decision_board import DecisionBoard
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory, TradingRules
from bot.adapters.narrator import Tell
from bot.adapters.tape_writer import TapeWriter
from bot.compose.asked import stopped_by_signals
from bot.compose.feed_plan import EMBEDDED
from bot.compose.market_source import InventedMarket, MarketSource, embedded_start_ms, market_source
from bot.compose.parts import costs, overruled, paper_broker
from bot.compose.run import Opened, open_run
from bot.compose.session_parts import (
    after_tape,
    begin,
    candles,
    control,
    heard_until,
    planned_feed,
    told,
)
from bot.compose.session_request import SessionRequest, Terms, terms_of
from bot.compose.tape_events import TAPE_FOLDER
from bot.core.events import PriceUpdated
from bot.core.market import Instrument, Timeframe
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints
from bot.runner import Questions, Session
from config.settings import Settings


class PaperRequest(SessionRequest, frozen=True):
    """What a paper session was asked to do; `invented` is what the embedded exchange makes up."""

    exchange: str = EMBEDDED
    invented: InventedMarket = InventedMarket()


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
    terms = terms_of(request)
    async with (
        _source(request, terms) as source,
        CcxtHistory(terms.symbols, terms.timeframe, source.rest_url, venue=source.rest_venue) as history,
    ):
        markets = await _instruments(history, request, terms)
        header = terms.header(request, markets, source, request.exchange, _inputs(request))
        opened = open_run(request.out, header, synchronous="NORMAL")
        try:
            board = told(opened, tell, terms.recorded)
            finished = await _session(request, terms, opened, source, history, board, progress)
            if finished:
                opened.journal.finish()
        finally:
            opened.journal.close()
    return finished


async def _session(
    request: PaperRequest,
    terms: Terms,
    opened: Opened,
    source: MarketSource,
    history: CcxtHistory,
    journal: DecisionBoard,
    progress: Callable[[int, int], None],
) -> bool:
    engine, header, clock = opened.engine, opened.header, source.clock
    timeframe = Timeframe(header.timeframe)
    symbols = [one.symbol for one in header.instruments]
    broker, questions, guard = paper_broker(header), Questions(), terms.guard()
    pump = Pump(
        engine, guard.journal(journal), broker, guard.model(terms.model), backfill=questions.ask, measures_latency=True
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
        begin(pump, engine, now_ms, terms.model.name if engine.needs_forecast else None)
        journal.commit()
        return await session.run(candles(planned, source, history, tape, _closes_alone), history)


def _closes_alone(event: EngineEvent) -> EngineEvent | None:
    # The paper market knows closed candles only, so that a session and the replay of its candles agree.
    return None if isinstance(event, PriceUpdated) else event


async def _instruments(history: CcxtHistory, request: PaperRequest, terms: Terms) -> tuple[Instrument, ...]:
    if terms.kept_markets is not None:
        return terms.kept_markets
    rules = await history.instruments(terms.symbols)
    return tuple(_instrument(rules[symbol], request.exchange, terms.loaded.settings) for symbol in terms.symbols)


def _instrument(rules: TradingRules, venue: str, settings: Settings) -> Instrument:
    grid = (rules.tick_size, rules.lot_step, rules.min_quantity, rules.min_notional)
    return overruled(Instrument(rules.symbol, *grid, costs(settings), venue, venue), settings)


def _source(request: PaperRequest, terms: Terms) -> AbstractAsyncContextManager[MarketSource]:
    begun = terms.recorded
    started_ms = begun.header.at_ms if begun else embedded_start_ms(terms.timeframe)
    return market_source(
        request.exchange,
        terms.symbols,
        terms.timeframe,
        request.invented,
        heard_until(terms.symbols, begun) if begun else started_ms,
        None if request.for_ms is None else started_ms + request.for_ms,
    )


def _inputs(request: PaperRequest) -> dict[str, str]:
    inputs = {"exchange": request.exchange, "for_ms": str(request.for_ms), "runtime": request.runtime}
    if request.exchange == EMBEDDED:
        inputs |= {"seed": str(request.invented.seed), "rho": str(request.invented.rho)}
    return inputs
