"""
A tape as a session would have recorded it, made without sockets: invented markets in Binance's words.

Hours are counted from the origin of the invented markets. Whatever the feed asks of history is answered at once.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec
from msgspec.structs import replace

from bot.adapters.feed_inputs import AnyFeedInput, Connected, Disconnected, FrameReceived, HistoryAnswered, Tick
from bot.adapters.feed_outputs import AskHistory, FeedOutput
from bot.adapters.tape_reader import read_tape
from bot.adapters.tape_writer import TapeWriter
from bot.compose.feed_plan import FeedPlan
from bot.compose.tape_run import TapeRequest, TapeRun
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended
from bot.core.market import Candle, Timeframe
from bot.exchange.market import ORIGIN_MS, MarketModel, SeededMarket
from tests.command_line import DEMO_BUNDLE, HOUR_MS, MARKETS

PAST = 720
"""Hours before the recording: the demo bundle is warm by then."""

LATE_MS = 40
"""After its end a bar's last frame arrives."""


@cache
def candles_of(symbol: str) -> tuple[Candle, ...]:
    """What the market has really done."""
    made = SeededMarket(7, symbol, Timeframe.H1, MarketModel()).candles(PAST + 400)
    parts = (made.open_time_ms, made.open, made.high, made.low, made.close, made.volume)
    return tuple(Candle(*row) for row in zip(*(part.tolist() for part in parts), strict=True))


def closed_frame(symbol: str, candle: Candle) -> bytes:
    """What Binance says of a bar that is final."""
    name = symbol.replace("/", "")
    begin, end = candle.open_time_ms, candle.open_time_ms + HOUR_MS - 1
    said = {
        "e": "kline",
        "E": end + LATE_MS,
        "s": name,
        "k": {
            "t": begin,
            "T": end,
            "s": name,
            "i": "1h",
            "o": repr(candle.open),
            "c": repr(candle.close),
            "h": repr(candle.high),
            "l": repr(candle.low),
            "v": repr(candle.volume),
            "x": True,
        },
    }
    return msgspec.json.encode(said)


class Recorder:
    """
    Stands where the shell does: what it is told goes onto the tape and to a feed, and is answered.

    `told` is what the feed made of it.
    """

    def __init__(self, tape: TapeWriter, plan: FeedPlan) -> None:
        self.told: list[FeedOutput] = []
        self.now_ms = 0
        self.missing_in_history: set[int] = set()
        self._tape = tape
        self._feed = plan.feed()
        self._connection = 0
        self._symbols = plan.symbols

    def say(self, item: AnyFeedInput) -> None:
        """Take an input, and answer what follows from it."""
        self._tape.write(item)
        outputs = self._feed.take(item)
        self.told += outputs
        for output in outputs:
            if isinstance(output, AskHistory):
                self.say(self._answer(output))

    def connect(self, hour: int) -> None:
        """A connection stands, and the venue confirms what was asked for."""
        self.now_ms = _opens(hour) + 500
        self._connection += 1
        self.say(Connected(self.now_ms, self._connection, self._symbols))
        self.say(FrameReceived(self.now_ms + 1, self._connection, b'{"result":null,"id":1}'))

    def lose(self) -> None:
        """The connection goes."""
        self.say(Disconnected(self.now_ms, self._connection, "1006, without a goodbye"))

    def hours(self, begin: int, end: int, symbols: Iterable[str] = MARKETS) -> None:
        """The venue closes the bars that open from one hour up to another."""
        for hour in range(begin, end):
            for place, symbol in enumerate(symbols):
                self.now_ms = _opens(hour + 1) + LATE_MS + place
                frame = closed_frame(symbol, candles_of(symbol)[hour])
                self.say(FrameReceived(self.now_ms, self._connection, frame))
            self.tick(3_000)

    def tick(self, after_ms: int) -> None:
        """Time passes."""
        self.now_ms += after_ms
        self.say(Tick(self.now_ms))

    def _answer(self, asked: AskHistory) -> HistoryAnswered:
        rows = tuple(
            (c.open_time_ms, c.open, c.high, c.low, c.close, c.volume)
            for c in candles_of(asked.symbol)
            if asked.from_ms <= c.open_time_ms < min(asked.to_ms, self.now_ms)
            and c.open_time_ms not in self.missing_in_history
        )
        return HistoryAnswered(self.now_ms, asked.symbol, asked.from_ms, asked.to_ms, self.now_ms, rows)


def _opens(hour: int) -> int:
    return ORIGIN_MS + hour * HOUR_MS


def tape_plan(begin: int = 0, symbols: Sequence[str] = MARKETS) -> FeedPlan:
    """The feed of a recording that wants every candle from an hour on."""
    begin_ms = dict.fromkeys(symbols, _opens(begin))
    return replace(FeedPlan.of_markets("binance", symbols, Timeframe.H1), begin_ms=begin_ms, journal_events=1)


def record_tape(folder: Path, script: Callable[[Recorder], None], plan: FeedPlan | None = None, at: int = PAST) -> None:
    """Record a session that begins at an hour."""
    planned = plan or tape_plan()
    with TapeWriter(folder, planned.header(_opens(at))) as tape:
        recorder = Recorder(tape, planned)
        recorder.connect(at)
        recorder.tick(1_000)
        script(recorder)


def eventful(recorder: Recorder) -> None:
    """Two hundred hours, with a connection that is lost twice and with what that leaves to history."""
    recorder.hours(PAST, PAST + 60)
    recorder.lose()
    recorder.connect(PAST + 66)
    recorder.tick(3_000)
    recorder.hours(PAST + 66, PAST + 130)
    recorder.lose()
    recorder.connect(PAST + 130)
    recorder.hours(PAST + 130, PAST + 200)


def request(tape: Path, out: Path, **asked: object) -> TapeRequest:
    """A replay under settings with which much happens."""
    return TapeRequest(
        tape,
        out,
        **{
            "bundle": DEMO_BUNDLE,
            "profile": "lively",
            "overrides": {"stop.atr_multiple": "0.5"},
            **asked,
        },  # type: ignore[arg-type]
    )


def recorded_run(folder: Path, script: Callable[[Recorder], None] = eventful, **asked: object) -> Path:
    """
    A run that keeps its own tape, as a paper session with `--record` leaves it.

    Its past is in its journal, because the engine had asked for it, and its tape begins with the session.
    """
    with_past = folder.with_name(f"{folder.name}-with-past")
    record_tape(with_past, script)
    TapeRun(request(with_past, folder, **asked)).play(lambda *_: None)
    record_tape(folder / "tape", script, tape_plan(PAST))
    return folder


def change_tape(tape: Path, change: Callable[[AnyFeedInput], AnyFeedInput | None]) -> None:
    """Write a tape of one session again, with each input as `change` has it; None leaves it out."""
    (session,) = read_tape(tape).sessions
    items = [changed for item in session.inputs() if (changed := change(item)) is not None]
    for path in tape.glob("*.tape"):
        path.unlink()
    with TapeWriter(tape, session.header) as writer:
        for item in items:
            writer.write(item)


def engine_events(recorder: Recorder) -> list[CandleClosed | MarketSuspended | MarketRestored]:
    """What a session would have handed to its engine."""
    return [one for one in recorder.told if isinstance(one, CandleClosed | MarketSuspended | MarketRestored)]
