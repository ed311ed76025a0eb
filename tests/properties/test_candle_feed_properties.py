"""
Whatever a venue does to its frames, and history to its answers: the truth, once each, in order, or nothing.

A small world in which time is a number. Every few seconds something happens to the stream, and questions are
answered badly or not at all; at the end all is well again, and the feed has to have found its way back.
"""

from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_monitor import CandleMonitor
from bot.adapters.feed_inputs import (
    AnyFeedInput,
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput, GiveUp
from bot.adapters.history_rows import Row
from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.market import Timeframe
from tests.feed_fakes import (
    BTC,
    ETH,
    MINUTE,
    SHUTDOWN,
    T0,
    FakeStream,
    bar_of,
    closed_frame,
    confirmed_frame,
    forming,
    forming_frame,
    opens,
    row,
    truth,
)

STEP_MS = 4_000
LOCAL_AHEAD_MS = 7_200_000
"""The machine's clock is two hours ahead of the venue's: nothing may depend on it."""

FATES = ("deliver", "deliver", "deliver", "lose", "repeat", "delay", "cut", "shutdown", "replay", "garbage")
ANSWERS = ("true", "true", "fail", "silent", "lagging", "open bar", "unsettled", "holey", "reversed", "damaged")


class World:
    """A venue with two markets, and one that feeds on it."""

    def __init__(self, *, says_closed: bool, only_trades: bool, traded: set[tuple[str, int]] | None) -> None:
        self.symbols = (BTC, ETH)
        self.stream = FakeStream(self.symbols, says_closed=says_closed, only_trades=only_trades)
        self.feed = self.new_feed()
        self.untraded = traded or set()
        self.inputs: list[AnyFeedInput] = []
        self.outputs: list[FeedOutput] = []
        self.questions: list[AskHistory] = []
        self.delayed: list[bytes] = []
        self.past: list[bytes] = []
        self.omitted: Counter[tuple[str, int]] = Counter()
        self.now = 0
        self.connection: int | None = None
        self.connections = 0
        self.closed_said = 0

    def new_feed(self) -> CandleFeed:
        return CandleFeed([self.stream], monitor=CandleMonitor(Timeframe.M1, 3, 120_000))

    @property
    def at_ms(self) -> int:
        return T0 + self.now + LOCAL_AHEAD_MS

    def tell(self, given: AnyFeedInput) -> None:
        self.inputs.append(given)
        for output in self.feed.take(given):
            self.outputs.append(output)
            if isinstance(output, AskHistory):
                self.questions.append(output)
            elif isinstance(output, GiveUp) and output.connection == self.connection:
                self.cut()

    def connect(self) -> None:
        self.connections += 1
        self.connection = self.connections
        self.tell(Connected(self.at_ms, self.connection, self.symbols))
        self.frame(confirmed_frame(*self.symbols))

    def cut(self) -> None:
        if self.connection is not None:
            number, self.connection = self.connection, None
            self.delayed.clear()
            self.tell(Disconnected(self.at_ms, number, "cut"))

    def frame(self, frame: bytes) -> None:
        if self.connection is not None:
            self.past.append(frame)
            self.tell(FrameReceived(self.at_ms, self.connection, frame))

    def exists(self, symbol: str, bar: int) -> bool:
        return (symbol, bar) not in self.untraded

    def frames(self) -> list[bytes]:
        """What the venue says in this step."""
        frames = []
        bar, elapsed_ms = divmod(self.now, MINUTE)
        while self.stream.says_closed and self.closed_said < bar:
            ended = self.closed_said
            frames += [closed_frame(symbol, ended) for symbol in self.symbols if self.exists(symbol, ended)]
            self.closed_said += 1
        frames += [forming_frame(symbol, bar, elapsed_ms) for symbol in self.symbols if self.exists(symbol, bar)]
        return frames

    def suffer(self, frame: bytes, fate: str) -> None:
        match fate:
            case "lose":
                return
            case "repeat":
                self.frame(frame)
            case "delay":
                self.delayed.append(frame)
                return
            case "cut":
                self.cut()
            case "shutdown":
                self.frame(SHUTDOWN)
            case "replay":
                for old in self.past[-20::3]:
                    self.frame(old)
            case "garbage":
                self.frame(b"\xff{")
        self.frame(frame)

    def step(self, fates: list[str], answer: str) -> None:
        self.now += STEP_MS
        if self.connection is None:
            self.connect()
        late, self.delayed = self.delayed, []
        for position, frame in enumerate(self.frames()):
            self.suffer(frame, fates[position % len(fates)])
        for frame in late:
            self.frame(frame)
        self.tell(Tick(self.at_ms))
        asked, self.questions = self.questions, []
        for question in asked:
            self.answer(question, answer)

    def answer(self, asked: AskHistory, how: str) -> None:
        span = (asked.symbol, asked.from_ms, asked.to_ms)
        if how == "silent":
            self.questions.append(asked)
        elif how == "fail":
            self.tell(HistoryFailed(self.at_ms, *span, "HTTP 503"))
        else:
            self.tell(HistoryAnswered(self.at_ms, *span, T0 + self.now, tuple(self.rows(asked, how))))

    def rows(self, asked: AskHistory, how: str) -> list[Row]:
        open_bar, elapsed_ms = divmod(self.now, MINUTE)
        bars = [
            bar
            for bar in range(bar_of(asked.from_ms), min(bar_of(asked.to_ms), open_bar + 1))
            if self.exists(asked.symbol, bar)
        ]
        if how == "lagging":
            bars = bars[:-2]
        if how == "holey":
            bars = [bar for bar in bars if not self.omits(asked.symbol, bar)]
        rows = [
            row(forming(asked.symbol, bar, elapsed_ms) if bar == open_bar else truth(asked.symbol, bar)) for bar in bars
        ]
        if how == "unsettled" and elapsed_ms < 2_000 and bars and bars[-1] == open_bar:
            # Read from a copy that has not heard of the end of the bar.
            rows = [*rows[:-2], row(forming(asked.symbol, open_bar - 1, 30_000))]
        if how == "reversed":
            rows = [*rows[::-1], *rows[:1]]
        if how == "damaged" and rows:
            rows[-1] = (rows[-1][0], 1.0, 0.5, 2.0, float("nan"), -1.0)
        return rows

    def omits(self, symbol: str, bar: int) -> bool:
        """Leave a bar out that exists; not as often as makes it true."""
        if self.omitted[symbol, bar] >= (1 if self.stream.only_trades else 2):
            return False
        self.omitted[symbol, bar] += 1
        return True

    def candles(self, symbol: str) -> list[CandleClosed]:
        return [one for one in self.outputs if isinstance(one, CandleClosed) and one.symbol == symbol]


@st.composite
def troubles(draw: st.DrawFn) -> list[tuple[list[str], str]]:
    return draw(
        st.lists(
            st.tuples(st.lists(st.sampled_from(FATES), min_size=1, max_size=4), st.sampled_from(ANSWERS)),
            min_size=10,
            max_size=120,
        )
    )


UNTRADED = st.sets(st.tuples(st.sampled_from([BTC, ETH]), st.integers(0, 9)))


def suffering(world: World, steps: list[tuple[list[str], str]]) -> None:
    for fates, answer in steps:
        world.step(fates, answer)


def recovery(world: World, minutes: int = 12) -> None:
    for _ in range(minutes * MINUTE // STEP_MS):
        world.step(["deliver"], "true")


def check(world: World) -> None:
    whole = bar_of(T0 + world.now)
    for symbol in world.symbols:
        emitted = world.candles(symbol)
        bars = [bar_of(one.candle.open_time_ms) for one in emitted]
        assert bars == [bar for bar in range(bars[0], bars[-1] + 1) if world.exists(symbol, bar)]
        due = [bar for bar in range(whole - 1) if world.exists(symbol, bar)]
        assert bars[-1] >= due[-1], "the feed has not found its way back"
        for one, bar in zip(emitted, bars, strict=True):
            assert one.candle == truth(symbol, bar)
            assert one.at_ms == opens(bar + 1)
        states = [one for one in world.outputs if isinstance(one, MarketSuspended | MarketRestored)]
        mine = [isinstance(one, MarketSuspended) for one in states if one.symbol == symbol]
        assert mine == [index % 2 == 0 for index in range(len(mine))]
        assert not (mine and mine[-1]), "the market is still suspended"
    assert not [one for one in world.outputs if isinstance(one, Difference)]


def check_prices(world: World) -> None:
    """A price is newer than the one before it, and than every candle before it."""
    newest: dict[str, int] = {}
    for one in world.outputs:
        if isinstance(one, PriceUpdated):
            assert one.at_ms > newest.get(one.symbol, 0)
            newest[one.symbol] = one.at_ms


@settings(max_examples=60)
@given(steps=troubles(), says_closed=st.booleans())
def test_the_truth_comes_out_once_each_and_in_order(steps, says_closed) -> None:
    world = World(says_closed=says_closed, only_trades=False, traded=None)
    suffering(world, steps)
    recovery(world)
    check(world)
    check_prices(world)


@settings(max_examples=60)
@given(steps=troubles(), untraded=UNTRADED)
def test_bars_without_trades_are_passed_over_and_no_other(steps, untraded) -> None:
    world = World(says_closed=False, only_trades=True, traded=untraded)
    suffering(world, steps)
    recovery(world)
    check(world)


@settings(max_examples=30)
@given(steps=troubles(), says_closed=st.booleans())
def test_the_same_inputs_give_the_same_outputs(steps, says_closed) -> None:
    world = World(says_closed=says_closed, only_trades=False, traded=None)
    suffering(world, steps)
    again = world.new_feed()
    assert [output for one in world.inputs for output in again.take(one)] == world.outputs


@pytest.mark.parametrize("says_closed", [True, False])
def test_two_days_of_nothing_but_faults_leave_no_more_behind_than_an_hour(says_closed) -> None:
    world = World(says_closed=says_closed, only_trades=False, traded=None)

    def suffer(steps: int) -> int:
        for step in range(steps):
            number = world.now // STEP_MS
            world.step([FATES[number * 7 % 10], FATES[number * 3 % 10]], ANSWERS[number // 10 % 10])
            if step % 100 == 0:
                world.past = world.past[-50:]
        return retained(world.feed)

    first = suffer(900)
    assert suffer(4_000) <= first * 2


def retained(kept: object) -> int:
    """How many values are held on to, by a feed or by anything in it."""
    if isinstance(kept, dict):
        return len(kept) + sum(map(retained, kept.values()))
    if isinstance(kept, list | set | deque):
        return len(kept) + sum(map(retained, kept))
    of_the_feed = type(kept).__module__.startswith("bot.adapters.") and hasattr(kept, "__dict__")
    return sum(map(retained, vars(kept).values())) if of_the_feed else 0
