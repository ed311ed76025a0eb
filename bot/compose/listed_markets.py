"""
The markets of a run as its venue lists them now, and those that it lists no more.

A run that holds something must be able to go on though a market of it is gone: whoever wants to sell, or to see what is
held, has no other way to it.
"""

from collections.abc import Mapping

from msgspec import Struct

from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.venue_rules import VenueRules
from bot.compose.session_request import Terms
from bot.core.errors import VenueError, VenueUnavailable


class ListedMarkets(Struct, frozen=True):
    """The rules of what is listed, and why each other market has none, by symbol."""

    rules: Mapping[str, VenueRules]
    missing: Mapping[str, str]


async def listed_markets(orders: CcxtOrders, terms: Terms) -> ListedMarkets:
    """
    Load the rules of a session's markets. One that is gone is done without where the run has its own record of it.

    Raises:
        VenueError: The venue does not tell them, or not of a market that the run does not know yet, or of none at all.
    """
    try:
        return ListedMarkets(await orders.rules(terms.symbols), {})
    except VenueUnavailable:
        raise
    except VenueError as error:
        if terms.kept_markets is None:
            raise
        refusal = error
    rules: dict[str, VenueRules] = {}
    missing: dict[str, str] = {}
    for symbol in terms.symbols:
        try:
            rules |= await orders.rules([symbol])
        except VenueUnavailable:
            raise
        except VenueError as error:
            missing[symbol] = f"{symbol} cannot be traded there any more: {error}"
    if not rules:
        raise refusal
    for symbol, reason in missing.items():
        orders.miss(symbol, reason)
    return ListedMarkets(rules, missing)
