"""
The private stream: what happens to an account, as Binance shapes it.

Field names and meanings are those of Binance's public page on the user data stream. Knows nothing of connections and
subscriptions but the number that wraps an event.
"""

from typing import Any, assert_never

from bot.exchange.account_events import AccountEvent, BalancesEvent, DepositEvent, Execution, ListEvent, OrderEvent
from bot.exchange.orders import ZERO
from bot.exchange.rest_replies import decimals

Event = dict[str, Any]


def wrapped(event: Event, subscription_id: int) -> Event:
    """An event as the WebSocket API sends it."""
    return {"subscriptionId": subscription_id, "event": event}


def announced(event: Event) -> Event:
    """An event that concerns a connection as a whole, as the WebSocket API sends it."""
    return {"event": event}


def stream_terminated(sent_ms: int) -> Event:
    """The last event of a subscription, however it ended."""
    return {"e": "eventStreamTerminated", "E": sent_ms}


def told(event: AccountEvent, execution_id: int, sent_ms: int) -> Event:
    """
    An event of an account as it is sent.

    Args:
        event: What happened.
        execution_id: A number that grows from report to report.
        sent_ms: The time of sending.
    """
    match event:
        case OrderEvent():
            return _execution_report(event, execution_id, sent_ms)
        case ListEvent():
            return _list_status(event, sent_ms)
        case BalancesEvent():
            return _account_position(event, sent_ms)
        case DepositEvent():
            return {
                "e": "balanceUpdate",
                "E": sent_ms,
                "a": event.asset,
                "d": decimals(event.amount),
                "T": event.at_ms,
            }
        case _:
            assert_never(event)


def _execution_report(event: OrderEvent, execution_id: int, sent_ms: int) -> Event:
    order, trade = event.order, event.trade
    report: Event = {
        "e": "executionReport",
        "E": sent_ms,
        "s": order.symbol,
        "c": event.cancel_id or order.client_order_id,
        "S": order.side.upper(),
        "o": order.kind.value,
        "f": order.time_in_force.value,
        "q": decimals(order.quantity),
        "p": decimals(order.price),
        "P": decimals(order.stop_price),
        "F": decimals(ZERO),
        "g": order.list_id,
        "C": order.client_order_id if event.cancel_id else "",
        "x": event.execution.value,
        "X": order.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": decimals(trade.quantity if trade else ZERO),
        "z": decimals(order.executed),
        "L": decimals(trade.price if trade else ZERO),
        "n": decimals(trade.commission) if trade else "0",
        "N": trade.commission_asset if trade else None,
        "T": event.at_ms,
        "t": trade.trade_id if trade else -1,
        "I": execution_id,
        "w": event.in_book,
        "m": trade.is_maker if trade else False,
        "M": trade is not None,
        "O": order.time_ms,
        "Z": decimals(order.amount),
        "Y": decimals(trade.amount if trade else ZERO),
        "Q": decimals(order.quote_quantity),
        "V": order.self_trade.value,
    }
    return {**report, **_extras(event)}


def _extras(event: OrderEvent) -> Event:
    """Fields that only some reports have."""
    order = event.order
    extras: Event = {}
    if order.is_working:
        extras["W"] = order.working_ms
    if order.strategy_id is not None:
        extras["j"] = order.strategy_id
    if order.strategy_type is not None:
        extras["J"] = order.strategy_type
    if event.execution is Execution.TRADE_PREVENTION:
        extras |= {"v": order.prevented_match_id, "A": decimals(order.prevented), "B": decimals(order.prevented)}
    if order.expiry is not None:
        extras["eR"] = order.expiry.value
    return extras


def _list_status(event: ListEvent, sent_ms: int) -> Event:
    pair = event.order_list
    return {
        "e": "listStatus",
        "E": sent_ms,
        "s": pair.symbol,
        "g": pair.list_id,
        "c": "OCO",
        "l": "EXEC_STARTED" if pair.is_open else "ALL_DONE",
        "L": pair.status.value,
        "r": "NONE",
        "C": pair.client_list_id,
        "T": event.at_ms,
        "O": [
            {"s": pair.symbol, "i": number, "c": client_id}
            for number, client_id in zip(pair.order_ids, event.client_order_ids, strict=True)
        ],
    }


def _account_position(event: BalancesEvent, sent_ms: int) -> Event:
    return {
        "e": "outboundAccountPosition",
        "E": sent_ms,
        "u": event.at_ms,
        "B": [
            {"a": asset, "f": decimals(balance.free), "l": decimals(balance.locked)}
            for asset, balance in event.balances.items()
        ],
    }
