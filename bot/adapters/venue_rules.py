"""
The rules of a market, and the check of an order before it is sent.

What is refused here never costs a request, nor a count against the limits of orders. Pure.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.adapters.order_grids import common_step
from bot.adapters.order_messages import Refusal, Refused, RulesHeard
from bot.adapters.venue_filters import Filter, Grid, LotSize, Notional, PriceFilter, Standing
from bot.core.market import Costs, Instrument
from bot.core.orders import LIMIT, MARKET, STOP, ZERO, Intent

TRADING: Final = "TRADING"


class VenueRules(Struct, frozen=True):
    """
    What one market takes.

    `status` is the venue's word, `order_types` are its names of them. `base_unit` and `quote_unit` are the smallest
    quantity and price that can be written. `takes_pairs` says that one order can cancel another.
    """

    symbol: str
    status: str
    order_types: frozenset[str]
    base_unit: Decimal
    quote_unit: Decimal
    takes_pairs: bool
    filters: tuple[Filter, ...]

    @property
    def is_trading(self) -> bool:
        """Whether orders are taken at all."""
        return self.status == TRADING


def heard(rules: VenueRules, at_ms: int) -> RulesHeard:
    """What the tracker is to know of the rules of a market."""
    lots = _lots(rules)
    ticks = tuple(rule.grid.step for rule in rules.filters if isinstance(rule, PriceFilter) and rule.grid.step)
    return RulesHeard(
        at_ms,
        rules.symbol,
        (rules.base_unit, *(lot.step for lot in lots if lot.step)),
        (rules.quote_unit, *ticks),
        "STOP_LOSS" in rules.order_types,
        least=max((lot.least for lot in lots), default=ZERO),
        most_at_market=_most(lots),
    )


def order_type(intent: Intent, *, post_only: bool = False) -> str:
    """The venue's name of an order's type."""
    if intent.type is MARKET:
        return "MARKET"
    if intent.type is LIMIT:
        return "LIMIT_MAKER" if post_only else "LIMIT"
    return "STOP_LOSS" if intent.limit_price is None else "STOP_LOSS_LIMIT"


def check(intent: Intent, rules: VenueRules, standing: Standing, *, post_only: bool = False) -> Refused | None:
    """
    Find out whether a market would refuse an order.

    Args:
        intent: What is to be sent.
        rules: Of its market.
        standing: How things stand there.
        post_only: Whether the order is to be refused where it would trade at once.

    Returns:
        The refusal, with a sentence for people, or None where nothing speaks against it.
    """
    if not rules.is_trading:
        return Refused(Refusal.MARKET_CLOSED, f"{rules.symbol} does not trade now: its status is {rules.status}")
    return check_filters(intent, rules, standing, post_only=post_only)


def check_filters(intent: Intent, rules: VenueRules, standing: Standing, *, post_only: bool = False) -> Refused | None:
    """
    The same whatever the market's status, which changes by the minute.

    What is to end a position is not held back because the market was closed when its rules were loaded.
    """
    complaint = _complaint(intent, rules, standing, order_type(intent, post_only=post_only))
    return Refused(Refusal.RULES, f"{rules.symbol}: {complaint}") if complaint else None


def instrument(rules: VenueRules, costs: Costs, signal_venue: str, execution_venue: str) -> Instrument:
    """
    The market as the bot trades it: with steps that every filter of quantities takes.

    Args:
        rules: Of the market.
        costs: What trading costs there.
        signal_venue: Where its signals come from.
        execution_venue: Where its orders go.
    """
    lots = _lots(rules)
    ticks = [rule.grid.step for rule in rules.filters if isinstance(rule, PriceFilter) and rule.grid.step]
    step = common_step([lot.step for lot in lots if lot.step] or [rules.base_unit])
    return Instrument(
        symbol=rules.symbol,
        tick_size=common_step(ticks or [rules.quote_unit]),
        lot_step=step,
        min_quantity=max([step, *(grid.least for grid in lots)]),
        min_notional=max((rule.least for rule in rules.filters if isinstance(rule, Notional)), default=ZERO),
        costs=costs,
        signal_venue=signal_venue,
        execution_venue=execution_venue,
        max_quantity=_most(lots) // step * step or None,
    )


def _lots(rules: VenueRules) -> list[Grid]:
    """What all filters of quantities ask, those of orders at the market among them."""
    return [rule.grid for rule in rules.filters if isinstance(rule, LotSize)]


def _most(lots: Sequence[Grid]) -> Decimal:
    """The greatest quantity that all of them take; 0 is no bound."""
    return min((lot.most for lot in lots if lot.most), default=ZERO)


def _complaint(intent: Intent, rules: VenueRules, standing: Standing, kind: str) -> str | None:
    malformed = _malformed(intent, rules, kind)
    if malformed:
        return malformed
    for rule in rules.filters:
        complaint = rule.complaint(intent, standing)
        if complaint:
            return complaint
    return None


def _malformed(intent: Intent, rules: VenueRules, kind: str) -> str | None:
    """What is wrong with the order whatever the filters say."""
    if kind not in rules.order_types:
        return f"orders of type {kind} are not taken there"
    if (intent.type is LIMIT and not intent.limit_price) or (intent.type is STOP and not intent.stop_price):
        return f"an order of type {kind} needs its price"
    if not intent.quantity > 0:
        return f"a quantity of {intent.quantity} is nothing to trade"
    if intent.quantity % rules.base_unit:
        return f"the quantity {intent.quantity} has more digits after the point than {rules.base_unit}"
    for price in (intent.limit_price, intent.stop_price):
        if price and price % rules.quote_unit:
            return f"the price {price} has more digits after the point than {rules.quote_unit}"
    return None
