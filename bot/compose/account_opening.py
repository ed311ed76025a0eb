"""
A look at the account before a run touches it: whether its key is taken, and whether there is the money to begin with.

Later on a venue's silence is waited out, because orders and stops have to be seen to. At the beginning it is a mistake
that somebody made, and nothing is lost by saying so.
"""

import logging
from decimal import Decimal

from bot.adapters.ccxt_orders import CcxtOrders
from bot.compose.session_request import Terms
from bot.core.errors import ConfigError, VenueUnavailable

_log = logging.getLogger(__name__)


async def see_account(orders: CcxtOrders, terms: Terms) -> None:
    """
    Ask for the account's balances.

    Raises:
        ConfigError: A new run would trade with more than the account has free.
        VenueError: The venue refuses the key; or does not tell, and the run is a new one.
    """
    try:
        # Of no market: what is open there is asked for when the books are compared.
        balances, _ = await orders.account(())
    except VenueUnavailable as error:
        if terms.recorded is None:
            raise
        _log.warning("the account cannot be seen yet: %s", error)
        return
    if terms.recorded is not None:
        return  # what it holds by now is compared with the books, and goes on being so
    quote = terms.symbols[0].partition("/")[2]
    budget = terms.loaded.settings.account.budget
    free = balances[quote].free if quote in balances else Decimal(0)
    if free < budget:
        raise ConfigError(
            f"the account has {free.normalize():f} {quote} free, and the run would trade with {budget.normalize():f}: "
            "name less with --cash"
        )
