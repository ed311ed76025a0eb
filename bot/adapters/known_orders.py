"""The orders of the tracker: those with something to come, and those that may still be spoken of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import OrderReport
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_stage import Stage
from bot.core.orders import ZERO, Intent

_REMEMBERED: Final = 512
"""Orders that are over and still recognised: a repeated deed is not done again, a late report is no stranger's."""


class KnownOrders:
    """
    Orders by client order id.

    `working` are those with something to come, in the order in which they were first heard of.
    """

    def __init__(self, patience: OrderPatience) -> None:
        self.working: dict[str, OrderFate] = {}
        self._over: dict[str, OrderFate] = {}
        self._patience = patience

    @property
    def everything(self) -> Mapping[str, OrderFate]:
        """All of them."""
        return self._over | self.working

    def begin(self, intent: Intent, before: Decimal = ZERO) -> OrderFate:
        """Take in an order, of which an earlier process has counted `before`."""
        fate = OrderFate(intent, self._patience, before)
        self.working[intent.client_order_id] = fate
        return fate

    def get(self, order_id: str) -> OrderFate | None:
        """The order of that id; one that was over has, from now on, something to come."""
        if order_id in self._over:
            self.working[order_id] = self._over.pop(order_id)
        return self.working.get(order_id)

    def of(self, report: OrderReport) -> OrderFate | None:
        """The order that a report is about."""
        fate = self.get(report.client_order_id)
        if fate is None and not report.client_order_id:
            named = (order_id for order_id, each in self.everything.items() if each.record.concerns(report))
            fate = self.get(next(named, ""))
        return fate if fate and fate.record.concerns(report) else None

    def settle(self) -> None:
        """Put aside what is over."""
        for order_id, fate in list(self.working.items()):
            if fate.stage is Stage.DONE and fate.record.trades.is_complete:
                self._over[order_id] = self.working.pop(order_id)
        while len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]

    def confirm(self, now: int) -> None:
        """Ask for every order where it stands, whatever is believed."""
        for fate in self.working.values():
            fate.confirm(now)

    def begin_epoch(self, now: int, out: list[OrderOutput]) -> None:
        """Forget what the venue has forgotten; what may still get there, or is there already, is to be taken back."""
        left = {
            order_id: fate
            for order_id, fate in self.working.items()
            if fate.stage is Stage.HANDED or (fate.is_at_venue and not fate.is_vanished)
        }
        self.working = left
        self._over.clear()
        for fate in left.values():
            fate.take_back(now, out)
