"""A tape wired into a run: the recorded frames through the same parsers, feed and engine as the session's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from bot.adapters.no_model import NoModel
from bot.adapters.tape_reader import read_tape
from bot.compose.asked import asked_settings
from bot.compose.feed_plan import EMBEDDED
from bot.compose.parts import (
    instrument,
    needed_forecaster,
    overruled,
    paper_broker,
)
from bot.compose.run import open_run, plan
from bot.compose.tape_events import Heard, KnownPast, find_tape, hear_all
from bot.core.commands import Backfill
from bot.core.errors import DataError
from bot.core.events import AnyEvent, Backfilled, CandleClosed, MarketSuspended
from bot.core.market import Instrument, Timeframe
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints, begin_session, fire_timers
from config.loading import Loaded

if TYPE_CHECKING:
    from bot.adapters.journal_reader import StoredRun

Progress = Callable[[int, int], None]

_FROM_TAPE: Final = ", from a tape"


class TapeRequest(Struct, frozen=True):
    """What a replay of a tape was asked to do; the names are those of the command line."""

    tape: Path
    out: Path
    bundle: Path | None = None
    runtime: str = "onnx"
    strategy: str = "forecast"
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    cash: str | None = None


class TapeRun:
    """
    A replay of a tape that is ready to start.

    The past comes from the tape, and from the journal of the run that the tape belongs to, where there is one: the
    session had asked the venue for it. So do the trading rules; a tape alone gets those that a replay makes up.

    Raises:
        CandlewickError: Tape, settings, model or folder are not what they should be.
    """

    def __init__(self, request: TapeRequest) -> None:
        loaded = asked_settings(request.profile, request.overrides, request.cash)
        folder, run = find_tape(request.tape)
        tape = read_tape(folder)
        first = tape.sessions[0].header
        self.findings = tape.remarks()
        timeframe = Timeframe(first.timeframe)
        heard = list(hear_all(tape.sessions))
        bundle, model = needed_forecaster(request.strategy, loaded.settings, request.bundle, request.runtime)
        header = plan(
            loaded,
            _instruments(loaded, run, first.venue, first.symbols, heard),
            timeframe,
            strategy=request.strategy,
            bundle=bundle,
            started_ms=first.started_ms - first.started_ms % timeframe.ms,
            inputs={
                "tape": tape.seal.hex(),
                "past": run.events_sha256 if run else "the tape's own",
                "runtime": request.runtime,
            },
            labels={
                "market": _market_words(first.venue, run),
                "profile": request.profile or "cautious",
                "signal_venue": first.venue,
            },
        )
        opened = open_run(request.out, header, synchronous="OFF")
        self.opened = opened
        self._questions: list[Backfill] = []
        self._past = _past(run, heard)
        self._left = self._from_here_on(heard)
        self._model_name = model.name if model else None
        broker = paper_broker(opened.header)
        self._pump = Pump(
            opened.engine,
            opened.journal,
            broker,
            model or NoModel(),
            backfill=self._ask,
            measures_latency=False,
        )
        self._play = PaperPlay(self._pump, broker, timeframe.ms)
        symbols = [one.symbol for one in opened.header.instruments]
        self._assembler = InstantAssembler(symbols, loaded.settings.engine.batch_deadline_ms)
        self._checkpoints = Checkpoints(opened.engine, opened.journal, loaded.settings.journal.snapshot_events)

    @property
    def candles_left(self) -> int:
        """How many candles are still to be played."""
        return sum(isinstance(one.event, CandleClosed) for one in self._left)

    def play(self, progress: Progress) -> None:
        """Play everything that is left, then mark the run finished."""
        journal = self.opened.journal
        spare_collector()
        try:
            begin = min(self._begin_ms(one.symbol) for one in self.opened.header.instruments)
            begin_session(self._pump, begin, self._model_name)
            self._answer()
            for heard in self._left:
                self._pass_time(heard.at_ms, progress)
                self._take(heard.event, progress)
            self._play_all(self._assembler.take(), progress)
            fire_timers(self._pump, max(self._pump.timers.values(), default=0))
            self._checkpoints.write()
            journal.finish()
        finally:
            journal.close()

    def _take(self, event: AnyEvent, progress: Progress) -> None:
        if isinstance(event, CandleClosed):
            self._play_all(self._assembler.add(event), progress)
        else:
            self._pump.feed(event)
            self._pump.settle()

    def _pass_time(self, now_ms: int, progress: Progress) -> None:
        # As a session in real time does it: what is due comes before what arrives later.
        due_ms = self._assembler.due_ms
        if due_ms is not None and due_ms <= now_ms:
            self._play_all(self._assembler.take(), progress)
        fire_timers(self._pump, now_ms)

    def _play_all(self, instants: Sequence[Sequence[CandleClosed]], progress: Progress) -> None:
        for closed in instants:
            self._play.play(closed)
            self._answer()
            self._checkpoints.when_due()
            progress(len(closed), closed[0].at_ms)

    def _ask(self, request: Backfill) -> tuple[AnyEvent, ...]:
        # Answered when the engine is at rest: orders have to meet what history brings before the engine sees it.
        self._questions.append(request)
        return ()

    def _answer(self) -> None:
        while self._questions:
            self._play.answer(self._past.backfill(self._questions.pop(0)))

    def _begin_ms(self, symbol: str) -> int:
        # Where a market goes on: after what the journal holds.
        return max(self.opened.engine.next_open_ms(symbol), self.opened.header.at_ms)

    def _from_here_on(self, heard: Sequence[Heard]) -> list[Heard]:
        """What is still to be played; of what comes before it, how each market stood then."""
        markets = self.opened.engine.state.markets
        begin_ms = {symbol: self._begin_ms(symbol) for symbol in markets}
        stood: dict[str, Heard] = {}
        left: list[Heard] = []
        for one in heard:
            event = one.event
            if not isinstance(event, CandleClosed):
                if left:
                    left.append(one)
                else:
                    stood[event.symbol] = one
            elif event.candle.open_time_ms >= begin_ms[event.symbol]:
                left.append(one)
        changed = [
            one
            for symbol, one in stood.items()
            if isinstance(one.event, MarketSuspended) != bool(markets[symbol].suspended)
        ]
        return changed + left


def _instruments(
    loaded: Loaded, run: "StoredRun | None", venue: str, symbols: Sequence[str], heard: Sequence[Heard]
) -> list[Instrument]:
    if run is not None:
        return [overruled(one, loaded.settings) for one in run.header.instruments]
    first: dict[str, float] = {}
    for one in heard:
        if isinstance(one.event, CandleClosed):
            first.setdefault(one.event.symbol, one.event.candle.open)
    silent = [symbol for symbol in symbols if symbol not in first]
    if silent:
        raise DataError(f"the tape holds no closed candle of {', '.join(silent)}: record for longer, or without it")
    return [instrument(symbol, loaded.settings, venue, first_price=first[symbol]) for symbol in symbols]


def _market_words(venue: str, run: "StoredRun | None") -> str:
    """Where the candles of a tape come from: a market that was invented stays so, whatever it was kept on."""
    if venue != EMBEDDED:
        return f"a tape of {venue}"
    told = run.header.labels.get("market", "") if run else ""
    made = told if told.startswith("invented") else "invented market of the embedded exchange"
    return f"{made.removesuffix(_FROM_TAPE)}{_FROM_TAPE}"


def _past(run: "StoredRun | None", heard: Sequence[Heard]) -> KnownPast:
    past = KnownPast()
    for record in run.records() if run else ():
        if isinstance(record, Backfilled):
            past.add(record.symbol, record.candles)
    for one in heard:
        if isinstance(one.event, CandleClosed):
            past.add(one.event.symbol, (one.event.candle,))
    return past
