"""
When the account as a whole is looked at: balances, and all open orders of our markets.

Often while the private stream is silent, seldom beneath a live one, and at once where something depends on it: an
order that may never have arrived, the comparison of the books, the end of a maintenance. Sans-I/O.
"""

from collections.abc import Iterable
from typing import Final

from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import AskAccount, Refused
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_questions import paced


class AccountLooks:
    """The one question about the account."""

    def __init__(self, symbols: Iterable[str], patience: OrderPatience) -> None:
        self._words: Final = AskAccount(tuple(symbols))
        self._patience = patience
        self._question = paced(patience)
        self._is_live = False
        self._is_insisted = False

    @property
    def due_ms(self) -> int | None:
        """When it is asked next; None while nothing needs it."""
        return self._question.due_ms

    def stream_changed(self, now: int, *, is_live: bool) -> None:
        """The private stream is live, or is not: either way it may have left something out."""
        self._is_live = is_live
        self.hurry(now)

    def hurry(self, now: int) -> None:
        """Look now, whatever for; a look that is under way is too old."""
        self._is_insisted = True
        self._question.hurry(now)

    def plan(self, fates: Iterable[OrderFate], others_ms: Iterable[int | None], now: int, *, is_down: bool) -> None:
        """Set the time of the next look, by what needs one; `others_ms` is when others than orders do."""
        question, patience = self._question, self._patience
        needed = [due_ms for due_ms in others_ms if due_ms is not None]
        pause_ms = patience.live_poll_ms if self._is_live else patience.poll_ms
        for fate in fates:
            proof_ms = fate.absence.look_due_ms
            if proof_ms is not None:
                needed.append(proof_ms)
            if fate.is_pending:
                needed.append(question.asked_ms + pause_ms)
        if is_down:
            needed.append(question.asked_ms + patience.probe_ms)
        if not (self._is_insisted or question.is_waiting):
            question.rest()
            if needed:
                question.want(max(now, min(needed)))

    def ask(self, now: int, out: list[OrderOutput]) -> None:
        """Ask, if it is time."""
        if self._question.is_due(now):
            self._question.asked(now)
            out.append(self._words)

    def answered(self, now: int) -> None:
        """The question has been answered."""
        self._question.answered(now)
        self._is_insisted = self._question.due_ms is not None

    def failed(self, now: int, refused: Refused | None) -> None:
        """The account could not be looked at: it is tried again, after pauses that grow."""
        self._is_insisted = True
        self._question.answered(now)
        self._question.again(now, refused.retry_at_ms if refused else None)
