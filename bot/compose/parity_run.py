"""
A run decided again from its own tape, and compared with its journal.

The candles and the standing of markets come from the tape, through the same parsers and feed; forecasts from the
same bundle; orders and fills from the same engine and paper market. What the outside said besides (history's answers,
timers, the operator, how long a forecast took) is taken from the journal, in its place.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.journal_reader import StoredRun, read_run
from bot.adapters.no_model import NoModel
from bot.adapters.tape_reader import TapeSession, read_tape
from bot.compose.feed_plan import FeedPlan
from bot.compose.parity_script import JournalSession, ScriptReader, StreamKey, stream_key
from bot.compose.parts import ONNX, REFERENCE_BUNDLE, load_forecaster, paper_broker
from bot.compose.run import build_engine
from bot.compose.tape_events import TAPE_FOLDER, TapeEvent, hear
from bot.core.commands import Backfill, Deed, Observation, RequestForecast
from bot.core.errors import DataError, JournalError, ModelError
from bot.core.events import (
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastFailed,
    ForecastReady,
    MarketRestored,
    MarketSuspended,
    RunStarted,
)
from bot.core.market import Timeframe
from bot.core.ports import Forecaster
from bot.engine.engine import Engine
from bot.paper_play import PaperPlay
from bot.pump import Pump, spare_collector
from bot.reporting.parity import Comparison, ParityReport
from bot.reporting.run_facts import FactReader
from bot.version import code_version
from strategies.forecasting.features import SHIPPED


class Parity(Struct, frozen=True):
    """
    What came out of it.

    `left_over` counts events of the tape behind the last that a session took up before it ended.
    """

    report: ParityReport
    sessions: int
    left_over: int
    remarks: tuple[str, ...]


def check_parity(folder: Path, bundle: Path | None = None) -> Parity:
    """
    Decide a run again from its tape, and compare.

    Args:
        folder: The run's folder, with its tape in it.
        bundle: The model's folder, where it is none of those that are shipped.

    Raises:
        JournalError: The run was decided by another version of the code, or its journal is damaged.
        DataError: There is no tape of it, or not of every session, or the tape is damaged.
        ModelError: The bundle is not the one that the run used.
    """
    run = read_run(folder)
    header = run.header
    if header.code_version != code_version():
        raise JournalError(
            f"the run was decided by code {header.code_version} and this is {code_version()}: "
            "it can be read and reported, but not decided again"
        )
    tape = read_tape(folder / TAPE_FOLDER)
    comparison = Comparison()
    sessions = _recorded(run, comparison)
    model = _model(header, bundle)
    spare_collector()
    engine = build_engine(header)
    reader = _facts(header)
    left_over = 0
    for session, taped in _pairs(sessions, tape.sessions):
        second = _SecondAccount(header, engine, session, model, _Witness(comparison, reader))
        left_over += second.play(heard.event for heard in hear(taped))
    return Parity(comparison.report(), len(sessions), left_over, tuple(tape.remarks()))


def _recorded(run: StoredRun, comparison: Comparison) -> list[JournalSession]:
    """Read the journal: its facts go to the comparison, what was asked of the model with the windows of then."""
    header = run.header
    engine, reader = build_engine(header), _facts(header)
    script = ScriptReader(one.symbol for one in header.instruments)
    for record in run.records():
        script.take(record)
        for fact in reader.take(record):
            comparison.recorded(fact)
        if isinstance(record, AnyEvent):
            for command in engine.process(record):
                if isinstance(command, RequestForecast):
                    for fact in reader.take(command):
                        comparison.recorded(fact)
    script.close()
    return script.sessions


def _facts(header: RunStarted) -> FactReader:
    return FactReader(Timeframe(header.timeframe).ms, SHIPPED.names)


class _Witness:
    """Stands where the journal stood: a `Record` that shows every fact to the comparison."""

    def __init__(self, comparison: Comparison, reader: FactReader) -> None:
        self._comparison = comparison
        self._reader = reader

    def append(self, event: AnyEvent) -> None:
        self._tell(event)

    def record(self, deed: Deed) -> None:
        self._tell(deed)

    def observe(self, observation: Observation) -> None:
        self._tell(observation)

    def step_done(self) -> None:
        pass

    def keep(self) -> None:
        pass

    def commit(self) -> None:
        pass

    def asked(self, request: RequestForecast) -> None:
        self._tell(request)

    def _tell(self, record: AnyEvent | Deed | Observation | RequestForecast) -> None:
        for fact in self._reader.take(record):
            self._comparison.again(fact)


class _SamePace:
    """A model that answers as late as it did then."""

    def __init__(self, model: Forecaster, session: JournalSession, witness: _Witness) -> None:
        self.name = model.name
        self._model = model
        self._latencies = session.latencies
        self._witness = witness

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        self._witness.asked(request)
        answer = self._model.forecast(request)
        took = self._latencies[request.close_time_ms]
        if isinstance(answer, ForecastReady) and took:
            return replace(answer, latency_ms=took.popleft())
        return answer


class _SecondAccount:
    """One session, played again: its steps as the journal has them, with the tape's own events in their places."""

    def __init__(
        self, header: RunStarted, engine: Engine, session: JournalSession, model: Forecaster, witness: _Witness
    ) -> None:
        self._steps = session.steps
        self._known = session.streamed()
        broker = paper_broker(header)
        pace = _SamePace(model, session, witness)
        self._pump = Pump(engine, witness, broker, pace, backfill=_asked_then, measures_latency=False)
        self._play = PaperPlay(self._pump, broker, Timeframe(header.timeframe).ms)

    def play(self, told: Iterable[TapeEvent]) -> int:
        """Play everything; how many events the tape has behind the last one that was taken up."""
        told = tuple(told)
        candles = _Stream([event for event in told if isinstance(event, CandleClosed)])
        standing = _Stream([event for event in told if not isinstance(event, CandleClosed)])
        for step in self._steps:
            match step:
                case tuple():
                    self._show(*candles.take(step, self._known))
                case MarketSuspended() | MarketRestored():
                    self._show(*standing.take((step,), self._known))
                case Backfilled():
                    self._play.answer(step)
                case _:
                    self._pump.feed(step)
        return candles.left + standing.left

    def _show(self, surprises: Sequence[TapeEvent], expected: Sequence[TapeEvent]) -> None:
        for event in surprises:
            self._show_together((event,))
        self._show_together(expected)

    def _show_together(self, events: Sequence[TapeEvent]) -> None:
        closed = [event for event in events if isinstance(event, CandleClosed)]
        if closed:
            self._play.play(closed)
        for event in events:
            if not isinstance(event, CandleClosed):
                self._pump.feed(event)


class _Stream:
    """The tape's events of one kind, in order, taken as the journal wants them."""

    def __init__(self, events: Sequence[TapeEvent]) -> None:
        self._events = events
        self._places = {stream_key(event): place for place, event in enumerate(events)}
        self._taken = 0

    @property
    def left(self) -> int:
        """How many come after the last that was taken: they were on their way when the session ended."""
        return len(self._events) - self._taken

    def take(self, wanted: Sequence[TapeEvent], known: set[StreamKey]) -> tuple[list[TapeEvent], list[TapeEvent]]:
        """The events of which the journal knows nothing though it should, and those that stand for `wanted`."""
        places = [self._places[key] for key in map(stream_key, wanted) if key in self._places]
        end = max((place + 1 for place in places), default=0)
        surprises = [event for event in self._events[self._taken : end] if stream_key(event) not in known]
        self._taken = max(self._taken, end)
        return surprises, [self._events[place] for place in places]


def _asked_then(_: Backfill) -> tuple[AnyEvent, ...]:
    # What history answered is in the journal, and so is when.
    return ()


def _pairs(
    sessions: Sequence[JournalSession], taped: Sequence[TapeSession]
) -> Iterator[tuple[JournalSession, TapeSession]]:
    """
    Each session of the journal with its tape. One that died before its first commit has a tape and no journal.

    Raises:
        DataError: A session was not recorded.
    """
    by_position = {FeedPlan.of_tape(one.header).journal_events: one for one in taped}
    for number, session in enumerate(sessions, 1):
        if session.journal_events not in by_position:
            raise DataError(
                f"session {number} of the run has no tape: only what was recorded with --record is compared"
            )
        yield session, by_position[session.journal_events]


def _model(header: RunStarted, named: Path | None) -> Forecaster:
    """
    The model of a run.

    Raises:
        ModelError: It is not the one that was named, nor among those that are shipped.
    """
    wanted = header.fingerprints.get("bundle")
    if wanted is None:
        return NoModel()
    places = [named] if named else sorted(REFERENCE_BUNDLE.parent.iterdir())
    for place in places:
        bundle, model = load_forecaster(place, header.fingerprints.get("runtime", ONNX))
        if bundle.fingerprint == wanted:
            return model
    what = f"{named} is not" if named else "none of the shipped bundles is"
    label = header.labels.get("bundle", wanted[:12])
    raise ModelError(f"{what} the run's {label}: name its folder with --bundle")
