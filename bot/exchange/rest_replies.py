"""
The answers about orders and accounts, as Binance shapes them.

Field names and meanings are those of Binance's public spot documentation; which fields are there depends on the order
as it does there. All amounts have eight decimals. Knows nothing of HTTP but its status codes.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from bot.core.orders import BUY
from bot.exchange.accounts import BNB, Account, Balance, FeeSchedule
from bot.exchange.order_lists import OrderList
from bot.exchange.orders import ZERO, Trade, VenueOrder
from bot.exchange.requests import Cancelled, Placed, Replaced, ReplyKind
from bot.exchange.weights import Limit
from bot.exchange.wire import Refusal

Reply = dict[str, Any]

_PARTLY: Final = 409
_FAILED: Final = 400
_DONE: Final = 200


def decimals(value: Decimal) -> str:
    """An amount with eight decimals."""
    return f"{value:.8f}"


def placed(done: Placed, kind: ReplyKind) -> Reply:
    """The answer to a new order, as long as was asked for."""
    order = done.order
    if kind is ReplyKind.ACK:
        return _ack(order)
    result = {**_ack(order), **_state(order), "workingTime": order.working_ms, **_extras(order)}
    if kind is ReplyKind.RESULT:
        return result
    return {**result, "fills": [_fill(trade) for trade in done.trades]}


def order_shown(order: VenueOrder) -> Reply:
    """The answer to a question for an order; of a list of orders, one row."""
    shown = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        **_state(order),
        "stopPrice": decimals(order.stop_price),
        "icebergQty": decimals(ZERO),
        "time": order.time_ms,
        "updateTime": order.update_ms,
        "isWorking": order.is_working,
        "workingTime": order.working_ms,
    }
    return {**shown, **_extras(order)}


def cancelled(done: Cancelled, order: VenueOrder) -> Reply:
    """The answer to a cancel: the order's own client id is the original one, the other is the cancel's."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": done.cancel_id,
        "transactTime": done.at_ms,
        **_state(order),
        **_extras(order),
    }


def all_cancelled(answers: Iterable[Cancelled], lists: Mapping[int, OrderList]) -> list[Reply]:
    """The answer to a cancel of everything in a market: orders, and pairs as pairs."""
    rows: list[Reply] = []
    for done in answers:
        pair = lists.get(done.orders[0].list_id)
        rows.append(cancelled(done, done.orders[0]) if pair is None else list_cancelled(pair, done))
    return rows


def replaced(done: Replaced, kind: ReplyKind) -> tuple[int, Reply]:
    """The HTTP status and the answer to a cancel-and-replace, which fails as a whole, in part or not at all."""
    ended, entered = done.cancelled, done.placed
    data = {
        "cancelResult": "FAILURE" if isinstance(ended, Refusal) else "SUCCESS",
        "newOrderResult": _outcome(entered),
        "cancelResponse": ended.body if isinstance(ended, Refusal) else cancelled(ended, ended.orders[0]),
        "newOrderResponse": _entered(entered, kind),
    }
    failures = isinstance(ended, Refusal) + (not isinstance(entered, Placed))
    if not failures:
        return _DONE, data
    if failures == 1:
        return _PARTLY, {"code": -2021, "msg": "Order cancel-replace partially failed.", "data": data}
    return _FAILED, {"code": -2022, "msg": "Order cancel-replace failed.", "data": data}


def list_shown(pair: OrderList, orders: Iterable[VenueOrder]) -> Reply:
    """The answer to a question for a pair."""
    status = "EXEC_STARTED" if pair.is_open else "ALL_DONE"
    return {
        "orderListId": pair.list_id,
        "contingencyType": "OCO",
        "listStatusType": status,
        "listOrderStatus": pair.status.value,
        "listClientOrderId": pair.client_list_id,
        "transactionTime": pair.time_ms,
        "symbol": pair.symbol,
        "orders": [
            {"symbol": order.symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in orders
        ],
    }


def list_placed(pair: OrderList, orders: Iterable[VenueOrder]) -> Reply:
    """The answer to a new pair: both orders are told in full, whatever was asked for."""
    legs = list(orders)
    reports = [placed(Placed(order), ReplyKind.RESULT) for order in legs]
    return {**list_shown(pair, legs), "orderReports": reports}


def list_cancelled(pair: OrderList, done: Cancelled) -> Reply:
    """The answer to the cancel of a pair."""
    shown = {**list_shown(pair, done.orders), "transactionTime": done.at_ms}
    return {**shown, "orderReports": [cancelled(done, order) for order in done.orders]}


def trade_shown(trade: Trade) -> Reply:
    """One row of an account's trades."""
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id,
        "price": decimals(trade.price),
        "qty": decimals(trade.quantity),
        "quoteQty": decimals(trade.amount),
        "commission": decimals(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "isBuyer": trade.side is BUY,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def account_shown(account: Account, balances: Mapping[str, Balance], since_ms: int) -> Reply:
    """The answer to a question for an account."""
    fees = account.fees
    return {
        "makerCommission": int(fees.maker * 10_000),
        "takerCommission": int(fees.taker * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(fees.maker, fees.taker),
        "canTrade": account.may_trade,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": since_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": decimals(balance.free), "locked": decimals(balance.locked)}
            for asset, balance in sorted(balances.items())
        ],
        "permissions": ["SPOT"],
        "uid": account.uid,
    }


def commission_shown(symbol: str, fees: FeeSchedule) -> Reply:
    """The answer to a question for the rates of an account."""
    return {
        "symbol": symbol,
        "standardCommission": _rates(fees.maker, fees.taker),
        "specialCommission": _rates(ZERO, ZERO),
        "taxCommission": _rates(ZERO, ZERO),
        "discount": {
            "enabledForAccount": fees.bnb_price is not None,
            "enabledForSymbol": fees.bnb_price is not None,
            "discountAsset": BNB,
            "discount": decimals(fees.bnb_discount),
        },
    }


def order_usage(usage: Iterable[tuple[Limit, int]]) -> list[Reply]:
    """The answer to a question for the number of unfilled orders."""
    return [{**limit_shown(limit), "count": used} for limit, used in usage]


def limit_shown(limit: Limit) -> Reply:
    """A limit as `exchangeInfo` shows it."""
    return {
        "rateLimitType": limit.kind,
        "interval": limit.interval,
        "intervalNum": limit.count,
        "limit": limit.limit,
    }


def _ack(order: VenueOrder) -> Reply:
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": order.update_ms,
    }


def _state(order: VenueOrder) -> Reply:
    """What all answers but the shortest say of an order."""
    return {
        "price": decimals(order.price),
        "origQty": decimals(order.quantity),
        "executedQty": decimals(order.executed),
        "origQuoteOrderQty": decimals(order.quote_quantity),
        "cummulativeQuoteQty": decimals(order.amount),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.kind.value,
        "side": order.side.upper(),
        "selfTradePreventionMode": order.self_trade.value,
    }


def _extras(order: VenueOrder) -> Reply:
    """Fields that only some orders have."""
    extras: Reply = {}
    if order.kind.is_algo:
        extras["stopPrice"] = decimals(order.stop_price)
    if order.strategy_id is not None:
        extras["strategyId"] = order.strategy_id
    if order.strategy_type is not None:
        extras["strategyType"] = order.strategy_type
    if order.prevented_match_id is not None:
        extras["preventedMatchId"] = order.prevented_match_id
        extras["preventedQuantity"] = decimals(order.prevented)
    if order.expiry is not None:
        extras["expiryReason"] = order.expiry.value
    return extras


def _fill(trade: Trade) -> Reply:
    return {
        "price": decimals(trade.price),
        "qty": decimals(trade.quantity),
        "commission": decimals(trade.commission),
        "commissionAsset": trade.commission_asset,
        "tradeId": trade.trade_id,
    }


def _rates(maker: Decimal, taker: Decimal) -> Reply:
    return {"maker": decimals(maker), "taker": decimals(taker), "buyer": decimals(ZERO), "seller": decimals(ZERO)}


def _outcome(entered: Placed | Refusal | None) -> str:
    if entered is None:
        return "NOT_ATTEMPTED"
    return "FAILURE" if isinstance(entered, Refusal) else "SUCCESS"


def _entered(entered: Placed | Refusal | None, kind: ReplyKind) -> Reply | None:
    if entered is None:
        return None
    return entered.body if isinstance(entered, Refusal) else placed(entered, kind)
