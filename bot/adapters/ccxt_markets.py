"""
The markets of a venue through ccxt: their rules, loaded for some of them, and the check of orders by them.

What is sent must be what was meant: a market whose amounts ccxt would round is not loaded. Knows nothing of orders that
are there already.
"""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from bot.adapters.ccxt_line import CcxtLine
from bot.adapters.exchange_info import read_limits, read_rules
from bot.adapters.order_messages import NotSent, Refusal, Refused
from bot.adapters.order_reports import venue_symbol
from bot.adapters.rate_limits import RateLimits
from bot.adapters.venue_filters import LotSize, PriceFilter, Standing
from bot.adapters.venue_rules import VenueRules, check_filters
from bot.core.errors import VenueError
from bot.core.orders import Intent

_NAMES_AT_ONCE: Final = 200
"""Markets in one request: about 4,000 bytes of address, of the 8,190 that servers commonly take."""


class CcxtMarkets:
    """
    The markets that are known.

    Args:
        line: To the venue.
        standing: How things stand in a market now, by its symbol.
    """

    def __init__(self, line: CcxtLine, standing: Callable[[str], Standing]) -> None:
        self._line = line
        self._standing = standing
        self._rules: dict[str, VenueRules] = {}
        self.limits = RateLimits()
        """What the venue lets us ask and place, as it said last."""
        self._listed: dict[str, Any] = {}
        self._missing: dict[str, str] = {}

    async def load(self, symbols: Sequence[str]) -> dict[str, VenueRules]:
        """
        Load the rules of some markets, anew where they are known.

        Raises:
            VenueError: The venue does not tell them all, or ccxt takes them for others; what was known before stays in
                force.
        """
        rules: dict[str, VenueRules] = {}
        limits = self.limits
        listed: list[Any] = []
        for first in range(0, len(symbols), _NAMES_AT_ONCE):
            wanted = symbols[first : first + _NAMES_AT_ONCE]
            names = json.dumps([venue_symbol(symbol) for symbol in wanted], separators=(",", ":"))
            send = partial(self._fetch, names, listed)
            said, limits = await self._line.look_up(
                f"the rules of {', '.join(wanted)}", send, partial(_read, symbols=wanted)
            )
            rules |= said
        understood = {market["symbol"]: market for market in listed}
        for symbol in symbols:
            _check_grid(rules[symbol], understood.get(symbol))
        self._rules |= rules
        for symbol in symbols:
            self._missing.pop(symbol, None)
        self.limits = limits
        self._listed |= understood
        self._line.exchange.set_markets(list(self._listed.values()))
        return rules

    def miss(self, symbol: str, reason: str) -> None:
        """Do without a market that the venue tells no rules of: it is closed until they can be loaded again."""
        self._missing[symbol] = reason

    def is_missed(self, symbol: str) -> bool:
        """Whether a market is done without."""
        return symbol in self._missing

    def unknown(self, symbol: str) -> NotSent | None:
        """
        Why nothing can be asked of a market: its rules are not loaded.

        ccxt would load all markets of the venue by itself, which is tens of megabytes.
        """
        return None if symbol in self._rules else NotSent(f"the rules of {symbol} are not loaded")

    def objection(self, intent: Intent, *, post_only: bool = False) -> Refused | NotSent | None:
        """Why an order is not to be sent; None where nothing speaks against it."""
        missing = self._missing.get(intent.symbol)
        if missing is not None:
            return Refused(Refusal.MARKET_CLOSED, missing)
        unknown = self.unknown(intent.symbol)
        if unknown:
            return unknown
        return check_filters(intent, self._rules[intent.symbol], self._standing(intent.symbol), post_only=post_only)

    async def _fetch(self, names: str, into: list[Any]) -> None:
        into += await self._line.exchange.fetch_markets({"symbols": names})


def _read(body: str, symbols: Sequence[str]) -> tuple[dict[str, VenueRules], RateLimits]:
    return read_rules(body, symbols), read_limits(body)


def _check_grid(rules: VenueRules, market: Any) -> None:
    """
    See that ccxt writes an amount that keeps the rules as it is, and rounds nothing.

    Raises:
        VenueError: It would, or it does not understand the market.
    """
    precision = market["precision"] if market else {}
    lots = [rule.grid.step for rule in rules.filters if isinstance(rule, LotSize) and not rule.at_market]
    ticks = [rule.grid.step for rule in rules.filters if isinstance(rule, PriceFilter)]
    for name, steps in (("amount", lots), ("price", ticks)):
        taken = Decimal(precision.get(name) or 0)
        if not taken or not any(step and step % taken == 0 for step in steps):
            raise VenueError(f"ccxt would round the {name} of orders in {rules.symbol} to other steps than the venue's")
