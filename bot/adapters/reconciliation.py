"""
Bringing the books of the venue and ours together, from the engine's question to the one answer.

First the fate of every order is settled, each by a question of its own; then the account must cover what is ours. One
look that does not is no proof: balances lag behind trades. Sans-I/O.
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.adapters.account_check import check, in_words, own_part, rounded_off
from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import AccountLookedUp, TradeReport
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.core.commands import Reconcile, SubmitOrder
from bot.core.events import AccountDrifted, AccountReconciled
from bot.core.market import Instrument
from bot.core.orders import ZERO

LOOKS = 3
"""So many looks at the balances in a row must fail before the books are said to differ."""


class Reconciliation:
    """
    The newest comparison that was asked for.

    Args:
        instruments: Our markets.
        patience: Durations.

    `is_open` until the books have been found to agree.
    """

    def __init__(self, instruments: Mapping[str, Instrument], patience: OrderPatience) -> None:
        self.is_open = False
        self._instruments = instruments
        self._patience = patience
        self._cash = ZERO
        self._holdings: dict[str, Decimal] = {}
        self._fills = 0
        self._booked: dict[str, Decimal] = {}
        self._awaited: list[OrderFate] = []
        self._since_ms = -1
        self._settled_ms: int | None = None
        self._look_ms = 0
        self._failed = 0
        self._has_drifted = False
        self._short_ms = -1

    @property
    def due_ms(self) -> int | None:
        """When the account is to be looked at; None while orders are still to be settled, or all is done."""
        return self._look_ms if self.is_open and self._settled_ms is not None else None

    def begin(self, asked: Reconcile, fates: Mapping[str, OrderFate], now: int) -> None:
        """Compare with these books; `fates` are all orders known by now, those of the books among them."""
        self.is_open = True
        self._cash, self._holdings, self._fills = asked.cash, asked.holdings, asked.fills
        # What the books do not name any more they have booked to its end.
        self._booked = {order_id: fate.record.trades.total for order_id, fate in fates.items()}
        self._booked |= {order.intent.client_order_id: order.filled for order in asked.orders}
        self._booked |= {
            deed.approved.intent.client_order_id: ZERO for deed in asked.unanswered if isinstance(deed, SubmitOrder)
        }
        self._awaited = list(fates.values())
        self._since_ms, self._settled_ms, self._look_ms, self._failed = now, None, now, 0
        self._has_drifted = False
        self._short_ms = -1

    def begin_epoch(self, budget: Decimal, now: int) -> None:
        """The venue has begun anew: the whole budget is ours, and nothing else."""
        self._cash, self._holdings, self._booked, self._awaited = budget, {}, {}, []
        self._fills = 0
        self._since_ms, self._settled_ms, self._look_ms, self._failed = now, None, now, 0
        self._has_drifted = False
        self._short_ms = -1

    def look(self, now: int) -> None:
        """Note whether the fate of every order is settled by now."""
        if self.is_open and self._settled_ms is None:
            self._awaited = [fate for fate in self._awaited if not _is_settled(fate, self._since_ms)]
            if not self._awaited:
                self._settled_ms = self._look_ms = now

    def own(self, fates: Mapping[str, OrderFate]) -> dict[str, Decimal]:
        """What is ours by now, by asset: of the books that were given last, and of what these orders traded since."""
        return own_part(self._instruments, self._cash, self._holdings, self._later(fates))

    def compare(self, seen: AccountLookedUp, fates: Mapping[str, OrderFate], now: int, out: list[OrderOutput]) -> bool:
        """
        Take a look at the account.

        Returns:
            Whether it leaves a question open: then every order should be asked for again.
        """
        balances = seen.balances
        if balances is None or self.due_ms is None or seen.asked_at_ms < self.due_ms:
            return False
        own = self.own(fates)
        trades = self._fills + len(self._later(fates))
        found = check(own, balances, rounded_off(self._instruments.values(), trades))
        if not found.missing:
            self.is_open = False
            out.append(AccountReconciled(now, found.foreign))
            return False
        # What an order may have done meanwhile is no drift: a look counts when every order has been asked for since the
        # one before, and a stop that was thought to rest may have sold what is missing.
        self._failed += all(_is_settled(fate, self._short_ms) for fate in fates.values())
        self._short_ms = now
        pause_ms = self._patience.drift_ms if self._failed < LOOKS else self._patience.live_poll_ms
        self._look_ms = now + pause_ms
        if self._failed == LOOKS and not self._has_drifted:
            self._has_drifted = True
            out.append(AccountDrifted(now, in_words(own, balances, found.missing)))
        return True

    def _later(self, fates: Mapping[str, OrderFate]) -> list[TradeReport]:
        """The trades that the books did not have."""
        return [
            trade
            for order_id, fate in fates.items()
            for trade in fate.record.trades.beyond(self._booked.get(order_id, ZERO))
        ]


def _is_settled(fate: OrderFate, since_ms: int) -> bool:
    """Whether it is certain where an order stands, by an answer to a question that was asked since then."""
    if fate.is_pending and not (fate.is_at_venue and fate.record.confirmed_ms >= since_ms):
        return False
    return fate.record.trades.is_complete
