"""
The rules of a market, and the check of an order before it is sent.

What is refused here never costs a request, nor a count against the limits of orders. Pure.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import lcm
from typing import Final

from msgspec import Struct

from bot.adapters.order_messages import Refusal, Refused, RulesHeard
from bot.adapters.venue_filters import Filter, LotSize, Notional, PriceFilter, Standing
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
    lots = tuple(rule.grid.step for rule in rules.filters if isinstance(rule, LotSize) and rule.grid.step)
    ticks = tuple(rule.grid.step for rule in rules.filters if isinstance(rule, PriceFilter) and rule.grid.step)
    return RulesHeard(
        at_ms, rules.symbol, (rules.base_unit, *lots), (rules.quote_unit, *ticks), "STOP_LOSS" in rules.order_types
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
    lots = [rule.grid for rule in rules.filters if isinstance(rule, LotSize)]
    ticks = [rule.grid for rule in rules.filters if isinstance(rule, PriceFilter)]
    step = _common_step([grid.step for grid in lots], rules.base_unit)
    return Instrument(
        symbol=rules.symbol,
        tick_size=_common_step([grid.step for grid in ticks], rules.quote_unit),
        lot_step=step,
        min_quantity=max([step, *(grid.least for grid in lots)]),
        min_notional=max((rule.least for rule in rules.filters if isinstance(rule, Notional)), default=ZERO),
        costs=costs,
        signal_venue=signal_venue,
        execution_venue=execution_venue,
    )


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


def _common_step(steps: Sequence[Decimal], unit: Decimal) -> Decimal:
    """The smallest step that is a multiple of all; without any, the smallest amount that can be written."""
    stated = [step for step in steps if step]
    finest = Decimal(1).scaleb(min(step.adjusted() - len(step.as_tuple().digits) for step in [unit, *stated]))
    return lcm(*(int(step / finest) for step in stated)) * finest if stated else unit
