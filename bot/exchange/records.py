"""
What the exchange remembers and can be asked for: orders as they were, trades, balances.

Everything is kept with its time, so that a question can be answered as of a moment ago, which is how an exchange
answers that reads from a copy. Knows nothing of what the answers look like.
"""

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

from bot.exchange.accounts import Balance
from bot.exchange.orders import Trade, VenueOrder

_updated = attrgetter("update_ms")


class MarketRecords:
    """The orders and trades of one market, of all accounts."""

    def __init__(self) -> None:
        self._orders: dict[int, list[VenueOrder]] = {}
        self._trades: list[Trade] = []

    def put(self, order: VenueOrder) -> None:
        """Remember an order as it is now; at one time the last word counts."""
        states = self._orders.setdefault(order.order_id, [])
        if states and states[-1].update_ms == order.update_ms:
            states[-1] = order
        else:
            states.append(order)

    def add(self, trade: Trade) -> None:
        """Remember a trade."""
        self._trades.append(trade)

    def latest(self, order_id: int) -> VenueOrder:
        """An order as it is now."""
        return self._orders[order_id][-1]

    def orders(self, account: str, as_of_ms: int) -> Iterator[VenueOrder]:
        """The orders of an account as they were, oldest first; those that were not there yet are left out."""
        for states in self._orders.values():
            if states[0].account == account:
                seen = bisect_right(states, as_of_ms, key=_updated)
                if seen:
                    yield states[seen - 1]

    def find(self, account: str, order_id: int | None, client_order_id: str | None, as_of_ms: int) -> VenueOrder | None:
        """An order by its number or, where none is given, the newest with this client id."""
        found = None
        for order in self.orders(account, as_of_ms):
            if order.order_id == order_id if order_id is not None else order.client_order_id == client_order_id:
                found = order
        return found

    def trades(self, account: str, as_of_ms: int) -> list[Trade]:
        """The trades of an account as far as they were known, oldest first."""
        return [trade for trade in self._trades if trade.account == account and trade.time_ms <= as_of_ms]


class BalanceRecords:
    """The balances of every account at each time at which they changed."""

    def __init__(self) -> None:
        self._times: dict[str, list[int]] = {}
        self._states: dict[str, list[dict[str, Balance]]] = {}

    def put(self, account: str, at_ms: int, balances: dict[str, Balance]) -> None:
        """Remember balances; at one time the last word counts."""
        times = self._times.setdefault(account, [])
        states = self._states.setdefault(account, [])
        if times and times[-1] >= at_ms:
            states[-1] = dict(balances)
        else:
            times.append(at_ms)
            states.append(dict(balances))

    def at(self, account: str, as_of_ms: int) -> tuple[int, dict[str, Balance]]:
        """The balances of an account as they were, and since when; the first ones for a time before them."""
        seen = max(bisect_right(self._times[account], as_of_ms) - 1, 0)
        return self._times[account][seen], self._states[account][seen]
