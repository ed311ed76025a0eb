"""
What is asked about one order, and when: never while an answer is waited for, and after pauses that double.

Each question is harmless when repeated, a cancel too. Pure; knows nothing of what the answers mean.
"""

from typing import Final

from bot.adapters.order_messages import AskOrder, AskTrades, NotSent, Outcome, Refused, TakeBack
from bot.adapters.order_patience import OrderPatience

Question = AskOrder | AskTrades | TakeBack


class PacedQuestion:
    """
    When a question is asked: never while its answer is waited for, and after pauses that double.

    Args:
        first_ms: The first pause.
        longest_ms: The longest one.
        lost_ms: An answer that has not come by then never will.

    `asked_ms` is when it was asked last: what happened later cannot be in its answer. `is_waiting` for that answer.
    """

    def __init__(self, first_ms: int, longest_ms: int, lost_ms: int) -> None:
        self.asked_ms = -1
        self._first_ms = first_ms
        self._longest_ms = longest_ms
        self._lost_ms = lost_ms
        self._pause_ms = first_ms
        self._due_ms: int | None = None
        self.is_waiting = False
        self._is_urgent = False

    @property
    def due_ms(self) -> int | None:
        """When it is to be asked next; None while there is nothing to ask."""
        return self._due_ms

    def is_due(self, now: int) -> bool:
        """Whether it is to be asked now."""
        return self._due_ms is not None and now >= self._due_ms

    def want(self, at_ms: int) -> None:
        """Have it asked at `at_ms`, unless that is settled already."""
        if self._due_ms is None:
            self._due_ms = at_ms

    def hurry(self, now: int) -> None:
        """Have it asked now, or as soon as the answer is there that is waited for: that one is too old."""
        self._pause_ms = self._first_ms
        if self.is_waiting:
            self._is_urgent = True
        else:
            self._due_ms = now

    def again(self, now: int, not_before_ms: int | None = None) -> None:
        """Have it asked after the next pause, unless that is settled already."""
        if self._due_ms is None:
            self._due_ms = max(now + self._pause_ms, not_before_ms or now)
            self._pause_ms = min(2 * self._pause_ms, self._longest_ms)

    def rest(self) -> None:
        """There is nothing to ask any more."""
        self._due_ms = None
        self._is_urgent = False
        self._pause_ms = self._first_ms

    def asked(self, now: int) -> None:
        """It has been asked."""
        self.asked_ms = now
        self.is_waiting = True
        self._is_urgent = False
        self._due_ms = now + self._lost_ms

    def done(self, now: int) -> None:
        """What was to be done once has been done."""
        self.asked_ms = now
        self._due_ms = None

    def answered(self, now: int) -> None:
        """An answer is there; whether it settles anything is for others to say."""
        if self.is_waiting:
            self._due_ms = now if self._is_urgent else None
        self.is_waiting = self._is_urgent = False


class OrderQuestions:
    """
    The questions about one order: where it stands, what it traded, and whether it can be taken back.

    `placing` is the pace of sending it, which is no question: it goes out once, and again only where the fate of the
    order says that it has not.
    """

    def __init__(self, symbol: str, order_id: str, patience: OrderPatience) -> None:
        self._symbol: Final = symbol
        self._order_id: Final = order_id
        self.placing, self.looking, self.counting, self.taking_back = (paced(patience) for _ in range(4))

    def due_ms(self, speak_from_ms: int, order_from_ms: int, back_from_ms: int) -> int | None:
        """
        When the next one is due, or the order is to be sent; None while there is nothing to do.

        Nothing is asked before `speak_from_ms`, ordered before `order_from_ms` or taken back before `back_from_ms`.
        """
        dues = (
            (self.placing.due_ms, order_from_ms),
            (self.looking.due_ms, speak_from_ms),
            (self.counting.due_ms, speak_from_ms),
            (self.taking_back.due_ms, back_from_ms),
        )
        return min((max(due, from_ms) for due, from_ms in dues if due is not None), default=None)

    def due(self, venue_order_id: str, now: int, *, may_take_back: bool = True) -> list[Question]:
        """Those that are due, taken as asked."""
        symbol, order_id = self._symbol, self._order_id
        asked: list[Question] = []
        for question, words in (
            (self.taking_back, TakeBack(symbol, order_id)),
            (self.looking, AskOrder(symbol, order_id)),
            (self.counting, AskTrades(symbol, order_id, venue_order_id)),
        ):
            if question.is_due(now) and (may_take_back or question is not self.taking_back):
                question.asked(now)
                asked.append(words)
        return asked

    def placed(self, now: int, lost_ms: int) -> None:
        """The order was handed over: if nobody has answered after `lost_ms`, it is asked for."""
        self.placing.done(now)
        self.looking.want(now + lost_ms)

    def rest(self) -> None:
        """There is nothing to ask any more."""
        for question in (self.placing, self.looking, self.counting, self.taking_back):
            question.rest()


def paced(patience: OrderPatience) -> PacedQuestion:
    """A question that is asked at the pace of this patience."""
    return PacedQuestion(patience.first_ask_ms, patience.longest_ask_ms, patience.answer_ms)


def retry_at_ms(outcome: Outcome) -> int | None:
    """When the same may be asked again, where an outcome says so."""
    return outcome.retry_at_ms if isinstance(outcome, Refused | NotSent) else None
