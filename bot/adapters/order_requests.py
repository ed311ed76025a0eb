"""Orders as ccxt and Binance are asked for them. Pure."""

from bot.adapters.order_reports import venue_symbol
from bot.adapters.wire_numbers import plain
from bot.core.orders import LIMIT, MARKET, SELL, STOP, Intent

OrderArguments = tuple[str, str, str, str, str | None, dict[str, object]]
"""Symbol, type, side, amount, price and parameters, in the order in which `create_order` takes them."""


def order_arguments(intent: Intent, *, post_only: bool = False) -> OrderArguments:
    """
    What ccxt's `create_order` is given.

    Args:
        intent: What is wanted; a stop with a limit becomes a limit order when its price is touched.
        post_only: Whether the venue is to refuse it where it would trade at once.
    """
    # FULL, because of a stop Binance otherwise says only that it came in, not where it stands.
    params: dict[str, object] = {"clientOrderId": intent.client_order_id, "newOrderRespType": "FULL"}
    if intent.type is STOP and intent.stop_price is not None:
        params["stopLossPrice"] = plain(intent.stop_price)
    if post_only:
        params["postOnly"] = True
    # A market order never has a price: ccxt would make it an order for an amount of money.
    price = None if intent.type is MARKET or intent.limit_price is None else plain(intent.limit_price)
    kind = "market" if price is None else "limit"
    return intent.symbol, kind, intent.side.value, plain(intent.quantity), price, params


def pair_parameters(limit: Intent, stop: Intent) -> dict[str, str]:
    """
    The parameters of `POST orderList/oco`; the order of the higher price is the one above.

    Args:
        limit: Of type LIMIT.
        stop: Of type STOP, of the same market, side and quantity.

    Raises:
        ValueError: They are no pair.
    """
    same = (limit.symbol, limit.side, limit.quantity) == (stop.symbol, stop.side, stop.quantity)
    if not same or limit.type is not LIMIT or stop.type is not STOP or not limit.limit_price or not stop.stop_price:
        raise ValueError(f"{limit} and {stop} are no pair")
    upper, lower = ("above", "below") if limit.side is SELL else ("below", "above")
    params = {
        "symbol": venue_symbol(limit.symbol),
        "side": limit.side.upper(),
        "quantity": plain(limit.quantity),
        # A pair needs a name of its own; that of its limit order is unique already.
        "listClientOrderId": f"{limit.client_order_id}-pair",
        f"{upper}Type": "LIMIT_MAKER",
        f"{upper}ClientOrderId": limit.client_order_id,
        f"{upper}Price": plain(limit.limit_price),
        f"{lower}Type": "STOP_LOSS",
        f"{lower}ClientOrderId": stop.client_order_id,
        f"{lower}StopPrice": plain(stop.stop_price),
        "newOrderRespType": "RESULT",
    }
    if stop.limit_price is not None:
        params |= {f"{lower}Type": "STOP_LOSS_LIMIT", f"{lower}Price": plain(stop.limit_price)}
        params[f"{lower}TimeInForce"] = "GTC"
    return params
