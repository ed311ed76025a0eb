"""
Orders at the venue that bear the name of this run, and are in none of its books: they are taken back.

One was sent by an earlier process, was believed never to have got there, and turned up when nobody remembered it. It
could sell what another order sells, or hold the coins of a stop. Sans-I/O.
"""

from bot.adapters.order_messages import Answered, OrderReport, Outcome, Refusal, Refused, TakeBack
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_questions import PacedQuestion, paced, retry_at_ms


class StrayOrders:
    """Those that have to go, each asked back until the venue says that it is over."""

    def __init__(self, patience: OrderPatience) -> None:
        self._patience = patience
        self._open: dict[str, tuple[TakeBack, PacedQuestion]] = {}

    @property
    def due_ms(self) -> int | None:
        """When the next one is to be asked back; None where none is left."""
        return min((asking.due_ms for _, asking in self._open.values() if asking.due_ms is not None), default=None)

    def see(self, report: OrderReport, now: int) -> None:
        """Take what the venue says of one."""
        order_id = report.client_order_id
        if report.status.is_final:
            self._open.pop(order_id, None)
        elif order_id not in self._open:
            asking = paced(self._patience)
            asking.want(now)
            self._open[order_id] = TakeBack(report.symbol, order_id), asking

    def ask(self, now: int, out: list[OrderOutput]) -> None:
        """Ask back what is due."""
        for words, asking in self._open.values():
            if asking.is_due(now):
                asking.asked(now)
                out.append(words)

    def taken_back(self, order_id: str, outcome: Outcome, now: int) -> bool:
        """Take what became of asking one back; tell whether it is one of these."""
        if order_id not in self._open:
            return False
        _, asking = self._open[order_id]
        asking.answered(now)
        if isinstance(outcome, Answered):
            self.see(outcome.report, now)
        elif isinstance(outcome, Refused) and outcome.refusal is Refusal.NOT_FOUND:
            del self._open[order_id]  # a look at the open orders shows it again, should it be there
        asking.again(now, retry_at_ms(outcome))
        return True
