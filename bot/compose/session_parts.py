"""What every session in real time is made of, wherever its orders go: candles, the watch over a model, durability."""

import logging
from collections.abc import Awaitable, Callable, Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from bot.adapters.candle_stream import CandleStreams
from bot.adapters.control_desk import ControlDesk
from bot.adapters.control_socket import ControlSocket
from bot.adapters.decision_board import DecisionBoard, last_decisions
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.model_records import Life
from bot.adapters.model_registry import life_of, resolve_bundle
from bot.adapters.narrator import Narrator, Tell
from bot.adapters.stream_connection import LatestTime, nobody_knows
from bot.adapters.tape_writer import TapeWriter
from bot.compose.feed_plan import FeedPlan
from bot.compose.market_source import MarketSource
from bot.compose.model_doubts import watch_model
from bot.compose.parts import REFERENCE_BUNDLE, load_forecaster
from bot.compose.run import Opened
from bot.core.events import AnyEvent, CandleClosed, Event, MarketRestored, ModelDoubted
from bot.core.market import Timeframe
from bot.core.ports import Clock, Forecaster, Record
from bot.core.run_record import RunRecord
from bot.engine.engine import Engine
from bot.pump import Pump
from bot.replay import begin_session
from bot.runner import Emit, Session

if TYPE_CHECKING:
    from strategies.forecasting.bundle import Bundle
    from strategies.forecasting.serving import BundleForecaster

_log = logging.getLogger(__name__)

_AUDITS_ONE_IN: Final = 16
"""One candle in so many is compared with the venue's history after the fact."""


def told(opened: Opened, tell: Tell, recorded: RunRecord | None) -> DecisionBoard:
    """What a session writes through: it tells people what happens, and remembers each market's last decision."""
    working = opened.engine.state.orders.items()
    narrator = Narrator(opened.journal, tell, {order_id: order.intent.purpose for order_id, order in working})
    return DecisionBoard(narrator, last_decisions(recorded.records()) if recorded else None)


def asked_model(asked: Path | None, runtime: str) -> tuple["Bundle", "BundleForecaster", Life | None]:
    """
    Load the model that a session is to use; it may be the one in use of a registry.

    Raises:
        ModelError: There is none, or something about it does not hold.
    """
    folder = resolve_bundle(asked or REFERENCE_BUNDLE, _log.warning)
    return *load_forecaster(folder, runtime), life_of(folder)


class ModelGuard:
    """
    The watch over a session's model, put where forecasts and closes pass; without a model it sees nothing.

    Args:
        bundle: The model.
        life: How long it may be used.
        recorded: What earlier sessions of the run wrote.
    """

    def __init__(self, bundle: "Bundle | None", life: Life | None, recorded: RunRecord | None) -> None:
        self._watch = watch_model(bundle, life) if bundle is not None else None
        if self._watch is not None and recorded is not None:
            self._watch.retrace(one for one in recorded.records() if isinstance(one, Event))

    def journal(self, journal: Record) -> Record:
        """The journal, seen through."""
        return self._watch.beside(journal) if self._watch is not None else journal

    def model(self, model: Forecaster) -> Forecaster:
        """The model, seen through."""
        return self._watch.around(model) if self._watch is not None else model

    def doubts(self) -> list[AnyEvent]:
        """What the engine is to be told of the model since the last call."""
        found = self._watch.take() if self._watch is not None else []
        return [ModelDoubted(one.at_ms, one.symbol, one.level, one.reason) for one in found]


def control(folder: Path, engine: Engine, session: Session, board: DecisionBoard, clock: Clock) -> ControlSocket:
    """Where operators reach a running session."""
    desk = ControlDesk(look=lambda: engine.status(board.decisions), post=session.put_first, board=board, clock=clock)
    return ControlSocket(folder, desk)


def planned_feed(venue: str, opened: Opened, now_ms: int, missing: Container[str] = ()) -> FeedPlan:
    """The feed of a run's markets, but for those that are `missing` there, from where each of them stands."""
    timeframe = Timeframe(opened.header.timeframe)
    symbols = [one.symbol for one in opened.header.instruments if one.symbol not in missing]
    from_ms = floor_ms(now_ms, timeframe)
    return replace(
        FeedPlan.of_markets(venue, symbols, timeframe),
        begin_ms={symbol: max(from_ms, opened.engine.next_open_ms(symbol)) for symbol in symbols},
        journal_events=opened.journal.event_count,
        audits_one_in=_AUDITS_ONE_IN,
    )


def after_tape(tape: TapeWriter | None, write: Callable[[], None]) -> Callable[[], None]:
    """Have the tape written before the journal is, which `write` does."""
    if tape is None:
        return write

    def both() -> None:
        # A journal must never be ahead of its tape: a kill between the two leaves a tape that knows more.
        tape.flush()
        write()

    return both


def candles(
    planned: FeedPlan,
    source: MarketSource,
    history: CcxtHistory,
    tape: TapeWriter | None,
    choose: Callable[[EngineEvent], EngineEvent | None],
    latest_ms: LatestTime = nobody_knows,
) -> Callable[[Emit], Awaitable[None]]:
    """
    Make the stream of a session: every event of the feed that `choose` does not hold back.

    Args:
        planned: What the feed is made of.
        source: Where candles come from.
        history: Repairs what the stream lost.
        tape: Where all that is heard is kept.
        choose: Returns what reaches the session; None for what does not.
        latest_ms: The latest time that the venue can name, where a clock knows that its stream has no say in.
    """
    streams = planned.streams(source.stream_url)

    async def run(inbox: Emit) -> None:
        async def emit(event: EngineEvent) -> None:
            chosen = choose(event)
            if chosen is not None:
                await inbox(chosen)

        await CandleStreams(
            streams,
            planned.feed(streams),
            history,
            emit,
            source.feed_clock,
            latest_ms=latest_ms,
            tap=tape.write if tape else None,
            end_reason=source.end_reason,
            dial=source.dial,
            patience=planned.patience,
        ).run()

    return run


def begin(pump: Pump, engine: Engine, now_ms: int, model: str | None) -> None:
    """Take a run up, for the first time or again."""
    begin_session(pump, now_ms, model)
    for market in [one for one in engine.state.markets.values() if one.suspended]:
        # What an earlier session could not prove is this one's to judge: its feed suspends anew where it must.
        pump.feed(MarketRestored(now_ms, market.symbol))


def heard_until(symbols: Sequence[str], recorded: RunRecord) -> int:
    """Where a market has to take up again: the first instant that some market has not closed yet."""
    closed_ms = dict.fromkeys(symbols, recorded.header.at_ms)
    for record in recorded.records():
        if isinstance(record, CandleClosed):
            closed_ms[record.symbol] = record.at_ms
    return min(closed_ms.values())


def floor_ms(at_ms: int, timeframe: Timeframe) -> int:
    """When the candle that is open at `at_ms` began."""
    return at_ms - at_ms % timeframe.ms
