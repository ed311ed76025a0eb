"""
How things stand in each market of an account, as far as it was heard: what the rules of a market ask for.

Pure; brought up to date by whoever hears prices and looks at the account.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.adapters.order_messages import Balance, OrderReport
from bot.adapters.venue_filters import Standing
from bot.core.orders import ZERO


class MarketStandings:
    """The last price, the open orders and the holding of each market. Call it for one market's."""

    def __init__(self) -> None:
        self._prices: dict[str, Decimal] = {}
        self._open: Counter[str] = Counter()
        self._balances: Mapping[str, Balance] = {}

    def __call__(self, symbol: str) -> Standing:
        """How things stand in a market; what was never heard of is left to the venue's own judgement."""
        held = self._balances.get(symbol.partition("/")[0], Balance())
        return Standing(self._prices.get(symbol), self._open[symbol], position=held.total or ZERO)

    def traded(self, symbol: str, last: Decimal) -> None:
        """Take a price."""
        self._prices[symbol] = last

    def looked(self, balances: Mapping[str, Balance], open_orders: Sequence[OrderReport]) -> None:
        """Take a look at the account."""
        self._balances = balances
        self._open = Counter(order.symbol for order in open_orders)
