"""
Why one market does or does not trade, in one sentence: the first thing that stands in the way, or the last decision.

Knows words, not how the facts came about.
"""

from typing import assert_never

from msgspec import Struct

from bot.core.commands import Decided, Verdict
from bot.core.orders import Order


class Reasons(Struct, frozen=True):
    """
    Everything that can keep a market from trading.

    `state` and `state_reason` are the account's; `has_stop` says that what is held has a stop, `is_sold_off` that all
    is being sold by the operator or by the drawdown breaker. `entry` and `exit` are under way; `waits_for_stop`
    is an exit that needs the resting stop out of the way. A candle that is in may wait for those of the other markets,
    or for its forecast.
    """

    state: str
    state_reason: str
    is_held: bool
    has_stop: bool
    is_sold_off: bool
    data_problem: str
    place_problem: str
    asks_history: bool
    bars: int
    bars_needed: int
    entry: Order | None
    exit: Order | None
    waits_for_stop: bool
    waits_for_others: bool
    waits_for_forecast: bool
    decided: Decided | None


def explain(reasons: Reasons) -> str:
    """Say in one sentence why the market does or does not trade."""
    return _under_way(reasons) or _forbidden(reasons) or _not_ready(reasons) or _reduced(reasons)


def _under_way(reasons: Reasons) -> str:
    if reasons.waits_for_stop:
        return "being sold: its stop is taken back first"
    if reasons.exit is not None:
        return f"being sold: {_progress(reasons.exit)}"
    if reasons.entry is not None:
        return f"being bought: {_progress(reasons.entry)}"
    return ""


def _progress(order: Order) -> str:
    intent = order.intent
    return (
        f"{intent.purpose} order {intent.client_order_id} is {order.status.value.replace('_', ' ')}, "
        f"{order.filled} of {intent.quantity} filled"
    )


def _forbidden(reasons: Reasons) -> str:
    if reasons.is_sold_off and reasons.is_held:
        return f"to be sold and not bought again: {reasons.state_reason}"
    if reasons.state == "halted":
        return f"not traded: {reasons.state_reason}" + ("; its stop stays" if reasons.has_stop else "")
    if reasons.data_problem:
        return f"no entries, its data cannot be proven: {reasons.data_problem}"
    if reasons.place_problem:
        return f"no entries at its place of execution: {reasons.place_problem}"
    return ""


def _not_ready(reasons: Reasons) -> str:
    if reasons.asks_history:
        return "waiting for history"
    if reasons.bars < reasons.bars_needed:
        return f"warming up: {reasons.bars} of {reasons.bars_needed} candles"
    if reasons.waits_for_others:
        return "its candle is in, waiting for those of the other markets"
    if reasons.waits_for_forecast:
        return "waiting for its forecast"
    return ""


def _reduced(reasons: Reasons) -> str:
    words = _decided(reasons)
    return f"{words}; nothing is bought: {reasons.state_reason}" if reasons.state == "reducing" else words


def _decided(reasons: Reasons) -> str:
    row = reasons.decided
    if row is None:
        return "no candle has been decided on yet"
    match row.verdict:
        case Verdict.HOLD:
            return f"{'held' if reasons.is_held else 'not bought'}: {row.reason}{_moves(row)}"
        case Verdict.DENIED:
            return f"denied by risk at its last close: {row.reason}{_moves(row)}"
        case Verdict.SUBMITTED:
            return f"traded at its last close: {row.reason}{_moves(row)}"
        case Verdict.NO_FORECAST:
            return f"no forecast: {row.reason}"
        case Verdict.NOT_TRADABLE:
            return f"not tradable: {row.reason}"
        case _:
            assert_never(row.verdict)


def _moves(row: Decided) -> str:
    if row.expected_move_bps is None or row.needed_move_bps is None:
        return ""
    # Rounded first, and a zero without its sign: "-0.0" would look like a move.
    expected, needed = (round(move, 1) + 0.0 for move in (row.expected_move_bps, row.needed_move_bps))
    return f" (expected {expected:+.1f} bp, needed {needed:+.1f} bp)"
