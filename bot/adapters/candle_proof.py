"""
The candle contract of one market: each bar once, closed, in order, never changed, or the market says why not.

A bar is proven by the venue's own word that it is closed, where it is the one that is due, or by history. History
is asked for whatever is missing, and again while it lags. Pure: what is known comes in with the elapsed time, what
follows is put on a list. Knows nothing of connections.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from bot.adapters.feed_inputs import HistoryAnswered, HistoryFailed
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput
from bot.adapters.history_question import HistoryQuestion
from bot.adapters.history_rows import check_rows, final_until_ms
from bot.adapters.missing_bars import MissingBars, covers, why_not
from bot.adapters.patience import Patience
from bot.adapters.stream_bars import StreamBars
from bot.adapters.venues import ClosedCandle, FormingCandle, VenueStream
from bot.core.events import CandleClosed
from bot.core.market import Candle

LONGEST_QUESTION: Final = 1_000
"""Bars in one question; more are asked for in turn."""

JUMP: Final = 2.0
"""A price this many times the last close, or one part in so many of it, is believed when history says so too."""

_REMEMBERED: Final = 8
"""Emitted candles that are compared with what is said later."""


class CandleProof:
    """
    What is proven of one market, and what is missing.

    Args:
        symbol: The market.
        stream: Its venue's habits.
        patience: Time limits.
        counts: Where what happens is counted.
        begin_ms: Open time of the first bar wanted; None begins with the first one that the stream speaks of.
    """

    def __init__(
        self, symbol: str, stream: VenueStream, patience: Patience, counts: Counter[str], begin_ms: int | None = None
    ) -> None:
        self.symbol = symbol
        self.next_ms = begin_ms
        self.trouble = ""
        self.is_quiet = False
        self._timeframe = stream.timeframe
        self._step_ms = stream.timeframe.ms
        self._only_trades = stream.only_trades
        self._patience = patience
        self._counts = counts
        self._begins_anywhere = begin_ms is None
        self._question = HistoryQuestion(patience)
        self._missing = MissingBars(only_trades=stream.only_trades, prove_ms=patience.prove_ms)
        self._recent: dict[int, Candle] = {}
        self._said = StreamBars()
        self._known_when_asked = -1
        self._due_since: int | None = None
        self._is_urgent = False

    @property
    def last(self) -> Candle | None:
        """The candle that was emitted last."""
        return next(reversed(self._recent.values()), None)

    @property
    def is_settled(self) -> bool:
        """Whether everything that the stream called closed has been emitted, and nothing is being asked."""
        return not self._said.has_closed and not self._question.is_open

    def overdue_ms(self, now: int) -> int:
        """For how long a bar has been due whose proof is missing."""
        return 0 if self._due_since is None else now - self._due_since

    def take_closed(self, message: ClosedCandle, now: int, out: list[FeedOutput]) -> bool:
        """Take a bar that the venue calls final; tell whether it was news."""
        candle = message.candle
        open_ms = candle.open_time_ms
        next_ms = self._begin(open_ms)
        if open_ms < next_ms:
            self._compare(candle, "the stream", out)
            return False
        if self._leaps(candle):
            self._counts["doubted candles"] += 1
            self._hurry(now)
        elif open_ms > next_ms:
            return self._hold(candle, now)
        else:
            self._emit(candle, out)
            self._go_on({}, -1, now, out)
            self._rest(now)
        return True

    def take_forming(self, message: FormingCandle, now: int) -> bool:
        """Take a bar as it stands; tell whether it was news."""
        open_ms = message.candle.open_time_ms
        if open_ms < self._begin(open_ms):
            self._counts["late frames"] += 1
            return False
        if not self._said.show(message):
            self._counts["stale frames"] += 1
            return False
        if self.is_quiet:
            # The bars without trades are over: from now on they can be proven to be some.
            self.is_quiet = False
            self._rest(now)
        return True

    def ask_when_due(self, now: int, venue_ms: int, out: list[FeedOutput], *, in_doubt: bool = False) -> None:
        """
        Ask history, where a bar is missing whose time is over, or where somebody doubts that the stream lives.

        Args:
            now: Elapsed time.
            venue_ms: The venue's clock, as far as it is known.
            out: Takes the question.
            in_doubt: Ask also where nothing is missing.
        """
        if self.next_ms is None:
            return
        if self._is_due(venue_ms):
            if self._due_since is None:
                self._due_since = now
            # One that merely ended may still be on its way.
            wanted = self._is_urgent or now - self._due_since >= self._patience.grace_ms
        else:
            self._due_since = None
            wanted = in_doubt
        if wanted and self._question.may_be_asked(now):
            self._ask(venue_ms, out)

    def answered(
        self, answer: HistoryAnswered, now: int, venue_ms: int, out: list[FeedOutput]
    ) -> Mapping[int, Candle] | None:
        """
        Go on with what history has said; return its candles, None if nobody asked.

        `venue_ms` is the venue's clock as the stream tells it, 0 where it has told nothing.
        """
        if not self._question.settle(answer) or self.next_ms is None:
            self._counts["unasked answers"] += 1
            return None
        checked = check_rows(answer.rows, self._timeframe, answer.from_ms, answer.to_ms)
        candles = checked.candles
        self._counts["refused rows"] += len(checked.refusals)
        settled_ms = min(answer.venue_ms, venue_ms) - self._patience.settle_ms
        final_ms = final_until_ms(candles, answer.venue_ms, settled_ms, self._timeframe)
        # Bars that were spoken of before the venue's own clock, asked afterwards, had come to them.
        limit_ms = answer.venue_ms + self._patience.stale_ms
        self._counts["refuted"] += self._said.forget_between(limit_ms, self._known_when_asked)
        if answer.venue_ms < self.next_ms + self._step_ms and not self._said.has_closed:
            # Whatever was said before: by the venue's own clock nothing is due.
            self._is_urgent = False
        for open_ms in sorted(self._recent.keys() & candles.keys()):
            if open_ms <= final_ms:
                self._compare(candles[open_ms], "history", out)
        before_ms = self.next_ms
        due = range(max(before_ms, answer.from_ms), answer.to_ms, self._step_ms)
        self._missing.note(due, candles, now, checked.refused_ms)
        self._go_on(candles, final_ms, now, out)
        if self.next_ms != before_ms:
            self._rest(now)
        else:
            self._question.wait(now)
        self.trouble = checked.refusals[0] if checked.refusals else why_not(self.next_ms, candles)
        self.is_quiet = self._only_trades and max(candles, default=-1) < self.next_ms and not self._said.has_traded
        return candles

    def failed(self, failure: HistoryFailed, now: int) -> None:
        """Remember that history could not be asked, and ask again later."""
        if not self._question.settle(failure):
            self._counts["unasked answers"] += 1
            return
        self._counts["history failures"] += 1
        self.trouble = f"history cannot be asked: {failure.reason}"
        self._question.wait(now)

    def _leaps(self, candle: Candle) -> bool:
        last = self.last
        return last is not None and not (is_near(candle.high, last.close) and is_near(candle.low, last.close))

    def _begin(self, open_ms: int) -> int:
        """Open time of the bar that is due. Before the first emission the oldest bar spoken of is."""
        if self.next_ms is None or (self._begins_anywhere and open_ms < self.next_ms):
            self.next_ms = open_ms
        return self.next_ms

    def _is_due(self, venue_ms: int) -> bool:
        next_ms = self.next_ms
        return next_ms is not None and (
            venue_ms >= next_ms + self._step_ms or self._is_urgent or self._said.newest_ms > next_ms
        )

    def _hold(self, candle: Candle, now: int) -> bool:
        known = self._said.hold(candle)
        if known is not None:
            self._counts["revisions" if known != candle else "repeated by the stream"] += 1
            return False
        self._hurry(now)
        return True

    def _hurry(self, now: int) -> None:
        """What is due will not come any more, or cannot be believed: history is asked without waiting."""
        self._is_urgent = True
        if self._due_since is None:
            self._due_since = now

    def _ask(self, venue_ms: int, out: list[FeedOutput]) -> None:
        next_ms = self.next_ms or 0
        spoken_of_ms = max(self._said.newest_ms, self._said.newest_closed_ms)
        newest_ms = max(venue_ms - venue_ms % self._step_ms, spoken_of_ms, next_ms)
        # From the last emitted bar, to see whether it still stands, to the open one, to see that what ended has.
        from_ms = next_ms - self._step_ms if next_ms - self._step_ms in self._recent else next_ms
        to_ms = min(newest_ms + self._step_ms, next_ms + LONGEST_QUESTION * self._step_ms)
        # Never one bar alone: such a question is an audit's.
        to_ms = max(to_ms, from_ms + 2 * self._step_ms)
        self._question.ask(from_ms, to_ms)
        self._known_when_asked = newest_ms
        self._counts["questions"] += 1
        out.append(AskHistory(self.symbol, from_ms, to_ms))

    def _rest(self, now: int) -> None:
        """After progress: what is still missing is asked for without a pause."""
        self._due_since = None
        self._is_urgent = False
        self.trouble = ""
        self._question.hurry(now)
        if self._said.has_closed:
            self._hurry(now)

    def _emit(self, candle: Candle, out: list[FeedOutput]) -> None:
        open_ms = candle.open_time_ms
        self._recent[open_ms] = candle
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self.is_quiet = False
        self._pass(open_ms)
        self._counts["candles"] += 1
        out.append(CandleClosed(open_ms + self._step_ms, self.symbol, candle))

    def _pass(self, open_ms: int) -> None:
        self.next_ms = open_ms + self._step_ms
        self._begins_anywhere = False
        self._said.passed(open_ms)
        self._missing.passed(open_ms)

    def _go_on(self, candles: Mapping[int, Candle], final_ms: int, now: int, out: list[FeedOutput]) -> None:
        """Emit as far as the proofs reach: the stream's own word first, then history's."""
        while (open_ms := self.next_ms) is not None:
            held = self._said.take_closed(open_ms)
            row = candles.get(open_ms) if open_ms <= final_ms else None
            shown = self._said.forming(open_ms)
            if held is not None:
                self._emit(held, out)
                if row is not None:
                    self._compare(row, "history", out)
            elif row is not None and self._missing.stands(row, shown):
                self._counts["repaired"] += 1
                self._emit(row, out)
                if shown is not None and not covers(row, shown):
                    self._counts["revisions"] += 1
                    out.append(Difference(self.symbol, "the stream", row, shown))
            elif self._missing.never_was(open_ms, shown, now):
                self._counts["bars that never were"] += 1
                self._pass(open_ms)
            else:
                return

    def _compare(self, said: Candle, source: str, out: list[FeedOutput]) -> None:
        """What is said of a bar that is over: a repetition, or a difference to be recorded."""
        emitted = self._recent.get(said.open_time_ms)
        if emitted == said:
            self._counts[f"repeated by {source}"] += 1
        elif emitted is not None or said.open_time_ms > next(iter(self._recent), self.next_ms or 0):
            self._counts["revisions"] += 1
            out.append(Difference(self.symbol, source, emitted, said))
        else:
            self._counts["old candles"] += 1


def is_near(price: float, other: float) -> bool:
    """Whether one price can be believed because of another, without further proof."""
    return other / JUMP <= price <= other * JUMP
