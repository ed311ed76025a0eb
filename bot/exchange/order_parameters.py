"""
From the parameters of a request to what is asked: an order, a pair, a cancel, a question.

Which parameters belong together is said here, and what is said when they do not; the values are judged elsewhere.
Knows nothing of accounts and markets.
"""

from decimal import Decimal
from typing import Final

from bot.core.market import DAY_MS
from bot.core.orders import BUY, SELL, Side
from bot.exchange.order_lists import NewOco
from bot.exchange.orders import ZERO, Kind, NewOrder, SelfTrade, TimeInForce
from bot.exchange.parameters import Parameters
from bot.exchange.refusals import (
    bad_combination,
    bad_kind,
    bad_restrictions,
    bad_side,
    bad_strategy_type,
    bad_time_in_force,
    invalid,
    long_lookup,
    missing,
    not_placed,
    not_required,
    one_missing,
)
from bot.exchange.requests import (
    CancelOrder,
    CancelReplace,
    HistoryQuery,
    ListRef,
    OrderRef,
    ReplaceMode,
    ReplyKind,
    Restriction,
)

_SIDES: Final = {"BUY": BUY, "SELL": SELL}
_LARGEST_LIMIT: Final = 1_000
_FIRST_FREE_STRATEGY: Final = 1_000_000
_NEEDS: Final[dict[Kind, frozenset[str]]] = {
    Kind.LIMIT: frozenset({"quantity", "price", "timeInForce"}),
    Kind.MARKET: frozenset(),
    Kind.LIMIT_MAKER: frozenset({"quantity", "price"}),
    Kind.STOP_LOSS: frozenset({"quantity", "stopPrice"}),
    Kind.STOP_LOSS_LIMIT: frozenset({"quantity", "price", "stopPrice", "timeInForce"}),
    Kind.TAKE_PROFIT: frozenset({"quantity", "stopPrice"}),
    Kind.TAKE_PROFIT_LIMIT: frozenset({"quantity", "price", "stopPrice", "timeInForce"}),
}
_ORDER_VALUES: Final = ("quantity", "price", "stopPrice", "timeInForce", "quoteOrderQty")
_UNSUPPORTED: Final = {
    "icebergQty": "Iceberg orders are not supported for this symbol.",
    "trailingDelta": "Trailing stop orders are not supported for this symbol.",
}


def new_order(params: Parameters) -> NewOrder:
    """`POST order`: a new order; how to answer is read by `reply_kind`."""
    kind = params.one_of("type", Kind, bad_kind())
    if kind is None:
        raise missing("type")
    return _order(params, params.text("symbol"), _side(params), kind, "")


def reply_kind(params: Parameters, kind: Kind) -> ReplyKind:
    """How much the answer is to say: all of it for market and limit orders, unless told otherwise."""
    default = ReplyKind.FULL if kind in (Kind.MARKET, Kind.LIMIT) else ReplyKind.ACK
    return params.one_of("newOrderRespType", ReplyKind, invalid("newOrderRespType")) or default


def new_oco(params: Parameters) -> NewOco:
    """`POST orderList/oco`: two orders of which one cancels the other."""
    symbol, side = params.text("symbol"), _side(params)
    params.text("quantity")
    legs = []
    for place in ("above", "below"):
        kind = params.one_of(f"{place}Type", Kind, bad_kind())
        if kind is None:
            raise missing(f"{place}Type")
        legs.append(_order(params, symbol, side, kind, place))
    return NewOco(legs[0], legs[1], params.client_id("listClientOrderId") or "")


def order_ref(params: Parameters, order: str = "orderId", client: str = "origClientOrderId") -> OrderRef:
    """Which order is meant; the names of the two parameters differ between requests."""
    symbol, number, client_id = params.text("symbol"), params.integer(order), params.client_id(client)
    if number is None and client_id is None:
        raise one_missing(client, order)
    return OrderRef(symbol, number, client_id)


def cancel_order(params: Parameters) -> CancelOrder:
    """`DELETE order`."""
    return CancelOrder(order_ref(params), params.client_id("newClientOrderId") or "", _restriction(params))


def cancel_replace(params: Parameters) -> CancelReplace:
    """`POST order/cancelReplace`."""
    mode = params.one_of("cancelReplaceMode", ReplaceMode, invalid("cancelReplaceMode"))
    if mode is None:
        raise missing("cancelReplaceMode")
    ref = order_ref(params, "cancelOrderId", "cancelOrigClientOrderId")
    cancel = CancelOrder(ref, params.client_id("cancelNewClientOrderId") or "", _restriction(params))
    return CancelReplace(cancel, new_order(params), mode)


def list_ref(params: Parameters, client: str = "origClientOrderId") -> ListRef:
    """Which pair is meant: `GET orderList`, and `DELETE orderList`, which calls the client id `listClientOrderId`."""
    number, client_id = params.integer("orderListId"), params.client_id(client)
    if number is None and client_id is None:
        raise one_missing(client, "orderListId")
    return ListRef(number, client_id, params.optional("symbol") or "", params.client_id("newClientOrderId") or "")


def history_query(params: Parameters) -> HistoryQuery:
    """
    `GET myTrades` and `GET allOrders`.

    Raises:
        Refusal: The times are more than a day apart, or the parameters exclude each other.
    """
    limit = params.integer("limit")
    query = HistoryQuery(
        symbol=params.text("symbol"),
        order_id=params.integer("orderId"),
        from_id=params.integer("fromId"),
        start_ms=params.integer("startTime"),
        end_ms=params.integer("endTime"),
        limit=500 if limit is None else min(limit, _LARGEST_LIMIT),
    )
    if query.from_id is not None and (query.start_ms is not None or query.end_ms is not None):
        raise bad_combination()
    if query.start_ms is not None and query.end_ms is not None and query.end_ms - query.start_ms > DAY_MS:
        raise long_lookup()
    return query


def _order(params: Parameters, symbol: str, side: Side, kind: Kind, place: str) -> NewOrder:
    """An order whose own parameters begin with `place`; a pair has one quantity for both."""
    names = {name: _placed(place, name) for name in _ORDER_VALUES}
    names["quantity"] = "quantity"
    for name, text in _UNSUPPORTED.items():
        if params.optional(_placed(place, name)) is not None:
            raise not_placed(text)
    allowed = _NEEDS[kind] | ({"quantity", "quoteOrderQty"} if kind is Kind.MARKET else set())
    for name, sent in names.items():
        if name not in allowed and sent in params:
            raise not_required(sent)
        if name in _NEEDS[kind] and sent not in params:
            raise missing(sent)
    if kind is Kind.MARKET:
        _check_market(params)
    tif = params.one_of(names["timeInForce"], TimeInForce, bad_time_in_force())
    strategy_type = params.integer(_placed(place, "strategyType"))
    if strategy_type is not None and strategy_type < _FIRST_FREE_STRATEGY:
        raise bad_strategy_type()
    return NewOrder(
        symbol=symbol,
        side=side,
        kind=kind,
        quantity=_amount(params, names["quantity"]),
        price=_amount(params, names["price"]),
        stop_price=_amount(params, names["stopPrice"]),
        quote_quantity=_amount(params, names["quoteOrderQty"]),
        time_in_force=tif or TimeInForce.GTC,
        client_order_id=params.client_id(_placed(place, "clientOrderId") if place else "newClientOrderId") or "",
        self_trade=params.one_of("selfTradePreventionMode", SelfTrade, invalid("selfTradePreventionMode")),
        strategy_id=params.integer(_placed(place, "strategyId")),
        strategy_type=strategy_type,
    )


def _check_market(params: Parameters) -> None:
    """A market order states a quantity or an amount, and not both."""
    both = ["quantity" in params, "quoteOrderQty" in params]
    if not any(both):
        raise one_missing("quantity", "quoteOrderQty")
    if all(both):
        raise bad_combination()


def _amount(params: Parameters, name: str) -> Decimal:
    return params.decimal(name) if name in params else ZERO


def _placed(place: str, name: str) -> str:
    return place + name[0].upper() + name[1:] if place else name


def _side(params: Parameters) -> Side:
    try:
        return _SIDES[params.text("side")]
    except KeyError:
        raise bad_side() from None


def _restriction(params: Parameters) -> Restriction | None:
    return params.one_of("cancelRestrictions", Restriction, bad_restrictions())
