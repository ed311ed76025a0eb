"""
Where Binance's OpenAPI description is older than Binance's documents, or does not agree with itself.

Each amendment stands for one place and says why; a test sees that none of them is more than is needed. "The documents"
are the pages on the REST interface and on filters in Binance's public repository of spot documentation.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from tests.binance_description import API, END, Amendment, Judge, Place

_AMOUNT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "format": "int64"}
_FLAG: Final = {"type": "boolean"}
_COUNT: Final = {"type": "integer"}
_ERROR: Final = {"$ref": "#/components/schemas/error"}

_CONDITIONAL: Final = "the documents list it under conditional fields: it is there for orders that it concerns"
_QUOTE_QUANTITY: Final = "the documents show it in every answer about an order"
_REASON: Final = "added to the documents in 2026, for orders that expired"
_REPORTS: Final = "the documents show the limit leg of a pair without a stop price, which it does not have"

_EXPIRY: Final = {
    "type": "string",
    "enum": [
        "EXCHANGE_CANCELED",
        "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
        "INSUFFICIENT_LIQUIDITY",
        "OCO_TRIGGER",
        "UNFILLED_FOK_ORDER_EXPIRED",
        "UNFILLED_IOC_QUANTITY_EXPIRED",
    ],
}


def _schema(name: str) -> Place:
    return ("components", "schemas", name)


def _status(method: str, endpoint: str, status: int) -> Place:
    return ("paths", API + endpoint, method.lower(), "responses", str(status))


def _answer(method: str, endpoint: str, status: int = 200) -> Place:
    return (*_status(method, endpoint, status), "content", "application/json", "schema")


def _json(schema: Any) -> Any:
    return {"description": "an answer", "content": {"application/json": {"schema": schema}}}


def _more(place: Place, because: str, **fields: Any) -> Iterable[Amendment]:
    """Fields that an object may have besides those that are described."""
    return (Amendment((*place, "properties", name), kind, because) for name, kind in fields.items())


def _parameter(method: str, endpoint: str, name: str, because: str) -> Amendment:
    place = ("paths", API + endpoint, method.lower(), "parameters", END)
    return Amendment(place, {"name": name, "in": "query", "schema": {"type": "string"}}, because)


def _filter(name: str, flags: Iterable[str] = (), counts: Iterable[str] = (), amounts: Iterable[str] = ()) -> Any:
    fields = {
        "filterType": {"type": "string", "enum": [name]},
        **dict.fromkeys(amounts, _AMOUNT),
        **dict.fromkeys(flags, _FLAG),
        **dict.fromkeys(counts, _COUNT),
    }
    return {"type": "object", "properties": fields, "required": list(fields)}


_QUANTITIES: Final = ("minQty", "maxQty", "stepSize")
_BY_SIDE: Final = ("bidMultiplierUp", "bidMultiplierDown", "askMultiplierUp", "askMultiplierDown")
_FILTERS: Final = (
    _filter("PRICE_FILTER", amounts=("minPrice", "maxPrice", "tickSize")),
    _filter("LOT_SIZE", amounts=_QUANTITIES),
    _filter("MARKET_LOT_SIZE", amounts=_QUANTITIES),
    _filter("PERCENT_PRICE_BY_SIDE", amounts=_BY_SIDE, counts=["avgPriceMins"]),
    _filter(
        "NOTIONAL",
        amounts=("minNotional", "maxNotional"),
        flags=("applyMinToMarket", "applyMaxToMarket"),
        counts=["avgPriceMins"],
    ),
    _filter("MIN_NOTIONAL", amounts=["minNotional"], flags=["applyToMarket"], counts=["avgPriceMins"]),
    _filter("MAX_NUM_ORDERS", counts=["maxNumOrders"]),
    _filter("MAX_NUM_ALGO_ORDERS", counts=["maxNumAlgoOrders"]),
    _filter("MAX_POSITION", amounts=["maxPosition"]),
)


_SYMBOL: Final = (*_answer("GET", "exchangeInfo"), "properties", "symbols", "items")
_PLACED_REPORT: Final = (*_answer("POST", "orderList/oco"), "properties", "orderReports", "items")
_CANCELLED_REPORT: Final = (*_schema("ocoOrder"), "properties", "orderReports", "items")
_REPLACED: Final = (*_answer("POST", "order/cancelReplace"), "properties")
_IN_EVERY_REPORT: Final = (
    *("symbol", "orderId", "orderListId", "clientOrderId", "transactTime", "price", "origQty", "executedQty"),
    *("cummulativeQuoteQty", "status", "timeInForce", "type", "side", "selfTradePreventionMode"),
)
_NEW_ORDER: Final = {
    "oneOf": [{"$ref": f"#/components/schemas/orderResponse{kind}"} for kind in ("Ack", "Result", "Full")]
}
_NOTHING: Final = {"type": "object", "nullable": True, "enum": [None]}
_FAILED: Final = {
    "type": "object",
    "properties": {
        "code": _NUMBER,
        "msg": {"type": "string"},
        "data": {
            "type": "object",
            "properties": {
                "cancelResult": {"type": "string", "enum": ["SUCCESS", "FAILURE"]},
                "newOrderResult": {"type": "string", "enum": ["SUCCESS", "FAILURE", "NOT_ATTEMPTED"]},
                "cancelResponse": {"oneOf": [{"$ref": "#/components/schemas/order"}, _ERROR]},
                "newOrderResponse": {"oneOf": [*_NEW_ORDER["oneOf"], _ERROR, _NOTHING]},
            },
            "required": ["cancelResult", "newOrderResult", "cancelResponse", "newOrderResponse"],
        },
    },
    "required": ["code", "msg"],
}
_COMMISSION_RATES: Final = {
    "type": "object",
    "properties": dict.fromkeys(("maker", "taker", "buyer", "seller"), _AMOUNT),
    "required": ["maker", "taker", "buyer", "seller"],
}

AMENDMENTS: Final = (
    *(
        Amendment((*_schema(name), "properties", "origQuoteOrderQty"), _AMOUNT, _QUOTE_QUANTITY)
        for name in ("order", "orderResponseResult", "orderResponseFull")
    ),
    *(
        Amendment((*report, "properties", "origQuoteOrderQty"), _AMOUNT, _QUOTE_QUANTITY)
        for report in (_PLACED_REPORT, _CANCELLED_REPORT)
    ),
    *_more(_schema("order"), _CONDITIONAL, stopPrice=_AMOUNT, strategyId=_NUMBER, strategyType=_NUMBER),
    *_more(_schema("orderDetails"), _CONDITIONAL, strategyId=_NUMBER, strategyType=_NUMBER),
    *_more(_schema("orderDetails"), _REASON, expiryReason=_EXPIRY),
    *_more(_schema("orderResponseResult"), _CONDITIONAL, stopPrice=_AMOUNT),
    *_more(_schema("orderResponseFull"), _CONDITIONAL, stopPrice=_AMOUNT),
    *_more(_schema("orderResponseFull"), _CONDITIONAL, preventedMatchId=_NUMBER, preventedQuantity=_AMOUNT),
    *_more(_schema("orderResponseFull"), _REASON, expiryReason=_EXPIRY),
    *_more(
        (*_schema("orderResponseFull"), "properties", "fills", "items"),
        "the documents show the number of each trade",
        tradeId=_NUMBER,
    ),
    Amendment((*_PLACED_REPORT, "required"), [*_IN_EVERY_REPORT, "workingTime"], _REPORTS),
    Amendment((*_CANCELLED_REPORT, "required"), [*_IN_EVERY_REPORT, "origClientOrderId"], _REPORTS),
    Amendment(
        (*_SYMBOL, "properties", "filters", "items"),
        {"oneOf": list(_FILTERS)},
        "the description knows the fields of one filter only; these are those of the page on filters",
    ),
    *_more(
        _SYMBOL,
        "the documents show it in exchangeInfo; it was added after the description was written, or left out of it",
        quotePrecision=_COUNT,
        opoAllowed=_FLAG,
        amendAllowed=_FLAG,
        pegInstructionsAllowed=_FLAG,
    ),
    *_more(
        _answer("GET", "account/commission"),
        "the page on commissions shows a third kind of rates",
        specialCommission=_COMMISSION_RATES,
    ),
    Amendment(
        (*_REPLACED, "cancelResponse"),
        {"$ref": "#/components/schemas/order"},
        "the answer to the cancel is that of a cancel, with its conditional fields",
    ),
    Amendment(
        (*_REPLACED, "newOrderResponse"),
        _NEW_ORDER,
        "the answer to the new order is as long as was asked for; the description has it in full and without fills",
    ),
    Amendment(
        _answer("POST", "order/cancelReplace", 400),
        _FAILED,
        "the documents show both outcomes beside the code when both parts fail",
    ),
    Amendment(
        _status("POST", "order/cancelReplace", 409),
        _json(_FAILED),
        "the documents give this status to a replacement of which one part failed",
    ),
    Amendment(
        _status("POST", "order", 429),
        _json(_ERROR),
        "the documents give this status to a request beyond a limit",
    ),
    _parameter("GET", "account", "omitZeroBalances", "the documents have it since 2024"),
    _parameter("GET", "account/commission", "recvWindow", "the documents allow it with every signed request"),
)


@cache
def judge() -> Judge:
    """The description as it should be; without it the test is skipped."""
    return Judge(AMENDMENTS)
