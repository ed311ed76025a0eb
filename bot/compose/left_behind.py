"""What a run that is over leaves at its venue, in words; knows nothing of how it ended."""

from collections.abc import Iterator
from typing import Final

from bot.core.commands import Notify
from bot.core.orders import WATCHED, Order, OrderStatus
from bot.engine.engine import Engine

_RESTING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})


def left_behind(engine: Engine) -> list[Notify]:
    """What a run that is over leaves at its venue, holdings and orders: no later run knows that they are ours."""
    return [Notify(engine.state.time_ms, "left_behind", text) for text in _texts(engine)]


def _texts(engine: Engine) -> Iterator[str]:
    state = engine.state
    told: set[str] = set()
    for market in engine.status({}).markets:
        holding = market.holding
        if holding is None or holding.is_dust:
            continue
        stop_id = state.markets[market.symbol].stop_id
        told.add(stop_id)
        yield (
            f"{market.symbol}: the run is over, and {holding.quantity} of it are still held at the venue, "
            f"{_guarded(state.orders.get(stop_id))}: no other run will see to them, sell them there"
        )
    for order_id, order in state.orders.items():
        if order_id not in told:
            yield _unfinished(order)


def _guarded(stop: Order | None) -> str:
    if stop is None:
        return "bare"
    named = f"stop {stop.intent.client_order_id} at {stop.intent.stop_price}"
    if stop.venue_order_id == WATCHED:
        return f"bare, since {named} was watched by the run itself"
    if stop.status not in _RESTING:
        return f"maybe bare, since nobody knows what became of {named}"
    return f"protected by {named}"


def _unfinished(order: Order) -> str:
    """An order that is not over, or of which nobody knows whether it is."""
    intent = order.intent
    return (
        f"{intent.symbol}: the run is over, and order {intent.client_order_id} is not ({order.status.value}), which "
        f"was to {intent.side.value} {order.remaining}: no other run will see to it, look for it at the venue"
    )
