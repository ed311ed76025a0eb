"""Orders in our markets that are in none of our books: told once, and counted."""

from collections import Counter
from typing import Final

from bot.adapters.order_messages import OrderReport
from bot.adapters.order_outputs import Foreign

_REMEMBERED: Final = 1_024


class ForeignOrders:
    """
    What was seen of them.

    Args:
        id_prefix: How the ids of this run begin.
        counts: Where what happens is counted.
    """

    def __init__(self, id_prefix: str, counts: Counter[str]) -> None:
        self._id_prefix = id_prefix
        self._counts = counts
        self._seen: dict[tuple[str, str], None] = {}

    def is_named_like_ours(self, report: OrderReport) -> bool:
        """Whether its id begins like those of this run."""
        return report.client_order_id.startswith(self._id_prefix)

    def see(self, report: OrderReport) -> list[Foreign]:
        """Take a report of one; return what is to be told: nothing, where it is known."""
        self._counts["reports of foreign orders"] += 1
        key = report.symbol, report.venue_order_id or report.client_order_id
        if key in self._seen:
            return []
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._counts["foreign orders"] += 1
        named = self.is_named_like_ours(report)
        return [Foreign(report.symbol, report.client_order_id, report.venue_order_id, named)]
