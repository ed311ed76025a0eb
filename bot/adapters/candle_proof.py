"""
The candle contract of one market: each bar once, closed, in order, never changed, or the market says why not.

A bar is proven by the venue's own word that it is closed, where it is the one that is due, or by history. History
is asked for whatever is missing, and again while it lags. Pure: what is known comes in with the elapsed time, what
follows is put on a list. Knows nothing of connections.
"""

from collections import Counter
from typing import Final

from bot.adapters.feed_inputs import HistoryAnswered, HistoryFailed
from bot.adapters.feed_outputs import AskHistory, Difference, FeedOutput
from bot.adapters.history_rows import check_rows, final_until_ms
from bot.adapters.patience import Patience
from bot.adapters.venues import ClosedCandle, FormingCandle, VenueStream
from bot.core.events import CandleClosed
from bot.core.market import Candle

LONGEST_QUESTION: Final = 1_000
"""Bars in one question; more are asked for in turn."""

ABSENT_AFTER: Final = 3
"""Answers that have later bars but not this one, until it counts as one that never was. Two where a bar without
trades is never sent, which makes a missing one ordinary."""

INSISTED_AFTER: Final = 3
"""Equal answers after which history's row stands against a stream that has shown more."""

_REMEMBERED: Final = 8
"""Emitted candles that are compared with what is said later."""

_HELD: Final = 16
"""Closed bars, and forming ones, that are kept while an earlier one is missing: history has the rest."""


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
        self.trouble = ""
        self.next_ms = begin_ms
        self.is_quiet = False
        self._timeframe = stream.timeframe
        self._step_ms = stream.timeframe.ms
        self._only_trades = stream.only_trades
        self._patience = patience
        self._counts = counts
        self._begins_anywhere = begin_ms is None
        self._recent: dict[int, Candle] = {}
        self._held: dict[int, Candle] = {}
        self._shown: dict[int, Candle] = {}
        self._newest = (-1, -1)
        self._absent: dict[int, tuple[int, int]] = {}
        self._insisted: tuple[Candle | None, int] = (None, 0)
        self._asked: tuple[int, int] | None = None
        self._known_when_asked = -1
        self._ask_at = 0
        self._tries = 0
        self._due_since: int | None = None

    @property
    def newest_shown(self) -> Candle | None:
        """The newest bar that the stream has shown and that is not emitted."""
        return self._shown.get(self._newest[0])

    @property
    def is_settled(self) -> bool:
        """Whether everything that the stream called closed has been emitted, and nothing is being asked."""
        return not self._held and self._asked is None

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
        if open_ms > next_ms:
            return self._hold(candle, now)
        self._emit(candle, out)
        self._go_on({}, -1, now, out)
        self._rest(now)
        return True

    def take_forming(self, message: FormingCandle, now: int) -> bool:
        """Take a bar as it stands; tell whether it was news."""
        candle = message.candle
        open_ms = candle.open_time_ms
        if open_ms < self._begin(open_ms):
            self._counts["late frames"] += 1
            return False
        newest = (open_ms, message.event_ms)
        if newest <= self._newest:
            self._counts["stale frames"] += 1
            return False
        self._newest = newest
        self._shown[open_ms] = candle
        if len(self._shown) > _HELD:
            del self._shown[min(self._shown)]
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
            # A bar that was passed by a closed one will not come any more; one that merely ended may be on its way.
            grace_ms = 0 if self._held else self._patience.grace_ms
            wanted = now - self._due_since >= grace_ms
        else:
            self._due_since = None
            wanted = in_doubt
        if wanted and self._asked is None and now >= self._ask_at:
            self._ask(venue_ms, out)

    def answered(self, answer: HistoryAnswered, now: int, out: list[FeedOutput]) -> dict[int, Candle] | None:
        """Go on with what history has said; return its candles, None if nobody asked."""
        if self._asked != (answer.from_ms, answer.to_ms) or self.next_ms is None:
            self._counts["unasked answers"] += 1
            return None
        self._asked = None
        checked = check_rows(answer.rows, self._timeframe, answer.from_ms, answer.to_ms)
        candles = checked.candles
        if checked.refusals:
            self._counts["refused rows"] += len(checked.refusals)
        final_ms = final_until_ms(candles, answer.venue_ms, self._timeframe, self._patience.settle_ms)
        self._forget_the_future(answer.venue_ms)
        for open_ms in self._recent.keys() & candles.keys():
            if open_ms <= final_ms:
                self._compare(candles[open_ms], "history", out)
        self._note_absences(candles, max(self.next_ms, answer.from_ms), now)
        before_ms = self.next_ms
        self._go_on(candles, final_ms, now, out)
        if self.next_ms != before_ms:
            self._rest(now)
        else:
            self._wait(now)
        self.trouble = checked.refusals[0] if checked.refusals else self._what_is_wrong(candles)
        self.is_quiet = self._only_trades and max(candles, default=-1) < self.next_ms and not self._has_traded()
        return dict(candles)

    def failed(self, failure: HistoryFailed, now: int) -> None:
        """Remember that history could not be asked, and ask again later."""
        if self._asked != (failure.from_ms, failure.to_ms):
            self._counts["unasked answers"] += 1
            return
        self._counts["history failures"] += 1
        self._asked = None
        self.trouble = f"history cannot be asked: {failure.reason}"
        self._wait(now)

    def _begin(self, open_ms: int) -> int:
        """Open time of the bar that is due. Before the first emission the oldest bar spoken of is."""
        if self.next_ms is None or (self._begins_anywhere and open_ms < self.next_ms):
            self.next_ms = open_ms
        return self.next_ms

    def _is_due(self, venue_ms: int) -> bool:
        next_ms = self.next_ms
        return next_ms is not None and (
            venue_ms >= next_ms + self._step_ms or bool(self._held) or self._newest[0] > next_ms
        )

    def _hold(self, candle: Candle, now: int) -> bool:
        known = self._held.get(candle.open_time_ms)
        if known is not None:
            self._counts["revisions" if known != candle else "duplicates"] += 1
            return False
        if len(self._held) >= _HELD:
            self._counts["left to history"] += 1
            return True
        self._held[candle.open_time_ms] = candle
        if self._due_since is None:
            self._due_since = now
        return True

    def _ask(self, venue_ms: int, out: list[FeedOutput]) -> None:
        next_ms = self.next_ms or 0
        newest_ms = max(venue_ms - venue_ms % self._step_ms, self._newest[0], *self._held, next_ms)
        # From the last emitted bar, to see whether it still stands, to the open one, to see that what ended has.
        from_ms = next_ms - self._step_ms if next_ms - self._step_ms in self._recent else next_ms
        to_ms = min(newest_ms + self._step_ms, next_ms + LONGEST_QUESTION * self._step_ms)
        # Never one bar alone: such a question is an audit's.
        self._asked = (from_ms, max(to_ms, from_ms + 2 * self._step_ms))
        self._known_when_asked = newest_ms
        self._counts["questions"] += 1
        out.append(AskHistory(self.symbol, *self._asked))

    def _rest(self, now: int) -> None:
        """After progress: what is still missing is asked for without delay."""
        self._due_since = None
        self._tries = 0
        self._ask_at = now
        self.trouble = ""

    def _wait(self, now: int) -> None:
        patience = self._patience
        self._ask_at = now + min(patience.ask_again_ms << min(self._tries, 20), patience.longest_ask_ms)
        self._tries += 1

    def _emit(self, candle: Candle, out: list[FeedOutput]) -> None:
        open_ms = candle.open_time_ms
        self._recent[open_ms] = candle
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._begins_anywhere = False
        self._pass(open_ms)
        self.is_quiet = False
        self._counts["candles"] += 1
        out.append(CandleClosed(open_ms + self._step_ms, self.symbol, candle))

    def _pass(self, open_ms: int) -> None:
        self.next_ms = open_ms + self._step_ms
        self._shown.pop(open_ms, None)
        self._absent.pop(open_ms, None)
        self._insisted = (None, 0)

    def _go_on(self, candles: dict[int, Candle], final_ms: int, now: int, out: list[FeedOutput]) -> None:
        """Emit as far as the proofs reach: the stream's own word first, then history's."""
        while (open_ms := self.next_ms) is not None:
            held = self._held.pop(open_ms, None)
            row = candles.get(open_ms) if open_ms <= final_ms else None
            if held is not None:
                self._emit(held, out)
                if row is not None:
                    self._compare(row, "history", out)
            elif row is not None and not self._is_behind(row, out):
                self._counts["repaired"] += 1
                self._emit(row, out)
            elif self._never_was(open_ms, now):
                self._counts["bars that never were"] += 1
                self._begins_anywhere = False
                self._pass(open_ms)
            else:
                return

    def _is_behind(self, row: Candle, out: list[FeedOutput]) -> bool:
        """Whether the stream has shown more of this bar than history knows; not for ever."""
        shown = self._shown.get(row.open_time_ms)
        if shown is None or (row.volume >= shown.volume and row.low <= shown.low and shown.high <= row.high):
            return False
        insisted, times = self._insisted
        self._insisted = (row, times + 1 if insisted == row else 1)
        if self._insisted[1] < INSISTED_AFTER:
            return True
        out.append(Difference(self.symbol, "the stream", row, shown))
        return False

    def _note_absences(self, candles: dict[int, Candle], from_ms: int, now: int) -> None:
        newest_ms = max(candles, default=-1)
        missing = (at for at in range(from_ms, newest_ms, self._step_ms) if at not in candles)
        known = self._absent
        self._absent = {at: (known.get(at, (0, now))[0] + 1, known.get(at, (0, now))[1]) for at in missing}

    def _never_was(self, open_ms: int, now: int) -> bool:
        answers, since = self._absent.get(open_ms, (0, now))
        shown = self._shown.get(open_ms)
        if shown is not None and shown.volume > 0.0:
            return False
        if self._only_trades:
            return answers >= ABSENT_AFTER - 1
        return answers >= ABSENT_AFTER and now - since >= self._patience.prove_ms

    def _has_traded(self) -> bool:
        return any(shown.volume > 0.0 for shown in self._shown.values())

    def _forget_the_future(self, venue_ms: int) -> None:
        """Drop bars that were spoken of before the venue's own clock, asked afterwards, had come to them."""
        limit_ms = venue_ms + self._patience.stale_ms
        refuted = [at for at in (*self._held, *self._shown) if limit_ms < at <= self._known_when_asked]
        for open_ms in refuted:
            self._counts["refuted"] += 1
            self._held.pop(open_ms, None)
            self._shown.pop(open_ms, None)
        if refuted:
            self._newest = (max(self._shown, default=-1), -1)

    def _compare(self, said: Candle, source: str, out: list[FeedOutput]) -> None:
        """What is said of a bar that is over: a repetition, or a difference to be recorded."""
        emitted = self._recent.get(said.open_time_ms)
        if emitted == said:
            self._counts["duplicates"] += 1
        elif emitted is not None or said.open_time_ms > next(iter(self._recent), self.next_ms or 0):
            self._counts["revisions"] += 1
            out.append(Difference(self.symbol, source, emitted, said))
        else:
            self._counts["old candles"] += 1

    def _what_is_wrong(self, candles: dict[int, Candle]) -> str:
        open_ms = self.next_ms or 0
        if open_ms in candles:
            return f"history's candle of {open_ms} is not final yet, or less than the stream has shown"
        if max(candles, default=-1) > open_ms:
            return f"history has later candles, but not the one of {open_ms}"
        return f"history has not come to the candle of {open_ms} yet"
