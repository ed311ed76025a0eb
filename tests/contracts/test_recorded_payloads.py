"""
What the embedded exchange says beside what Binance has said: the same fields, of the same types.

The payloads of others are examples of Binance's documents and recordings, kept outside of this project; where one is
absent its test is skipped. Every difference is named, with its reason; a name that stands for none is an error.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from bot.core.market import Candle
from bot.core.orders import BUY, SELL
from bot.exchange.orders import TimeInForce
from bot.exchange.user_stream import told
from bot.exchange.wire import kline_row
from tests.binance_stories import LIMIT, MARKET, PAIR, Client, market_data
from tests.unit.bot.exchange.trading_desk import ALICE, COIN, Desk, limit, sell_pair, stop

DATA: Final = Path(__file__).resolve().parents[2] / "../shared/data"
DOCUMENTED: Final = "fixtures/nautilus/binance/crate/spot"
"""Examples of Binance's documents, as of 2026."""

RECORDED: Final = "fixtures/nautilus/binance/py"
"""What somebody has recorded in 2021, and reports of orders in the form of 2025."""


class Theirs(NamedTuple):
    """
    Where a payload of Binance lies, what of ours is like it, and in which fields the two differ, and why.

    A field stands for all that is inside of it.
    """

    file: str
    ours: str
    differences: Mapping[str, str] = MappingProxyType({})


def because(reason: str, *places: str) -> dict[str, str]:
    return dict.fromkeys(places, reason)


YOUNGER: Final = "younger than the recording"
SHORTENED: Final = "left out of the example; another one of the same event has it"
EMPTY: Final = "empty in the example"
SETTINGS: Final = "this exchange has it, or does not, by its own settings; a market of Binance may do otherwise"

SHORT_REPORT: Final = because(SHORTENED, "F", "I", "M", "Q", "V", "Y", "g")
OLD_LIST: Final = {
    **because(SETTINGS, *(f"symbols[].filters[].{name}" for name in ("limit", "multiplierUp", "multiplierDown"))),
    **because(SETTINGS, "symbols[].filters[].applyToMarket", "symbols[].permissions"),
    **because(YOUNGER, *(f"symbols[].filters[].{name}" for name in ("maxNotional", "applyMinToMarket"))),
    **because(YOUNGER, "symbols[].filters[].applyMaxToMarket"),
    **because(YOUNGER, *(f"symbols[].filters[].{name}MultiplierUp" for name in ("ask", "bid"))),
    **because(YOUNGER, *(f"symbols[].filters[].{name}MultiplierDown" for name in ("ask", "bid"))),
    **because(YOUNGER, *(f"symbols[].{name}Allowed" for name in ("amend", "cancelReplace", "opo", "oto"))),
    **because(YOUNGER, "symbols[].allowTrailingStop", "symbols[].pegInstructionsAllowed", "symbols[].permissionSets"),
    **because(YOUNGER, "symbols[].defaultSelfTradePreventionMode", "symbols[].allowedSelfTradePreventionModes"),
}
THEIRS: Final = (
    Theirs(f"{DOCUMENTED}/http_json/account_response.json", "account"),
    Theirs(f"{DOCUMENTED}/http_json/account_trades_response.json", "trades"),
    Theirs(f"{DOCUMENTED}/http_json/all_orders_response.json", "orders"),
    Theirs(f"{DOCUMENTED}/http_json/avg_price_response.json", "avgPrice"),
    Theirs(f"{DOCUMENTED}/http_json/book_ticker_response.json", "bookTicker"),
    Theirs(
        f"{DOCUMENTED}/http_json/cancel_open_orders_response.json",
        "cancel of all",
        because("there are no iceberg orders here", "[].orderReports[].icebergQty"),
    ),
    Theirs(f"{DOCUMENTED}/http_json/cancel_order_response.json", "cancel"),
    Theirs(f"{DOCUMENTED}/http_json/depth_response.json", "depth"),
    Theirs(
        f"{DOCUMENTED}/http_json/exchange_info_response.json",
        "exchangeInfo",
        {
            **because("there is no smart order routing here", "sors"),
            **because(EMPTY, "rateLimits", "symbols[].filters"),
        },
    ),
    Theirs(f"{DOCUMENTED}/http_json/klines_response.json", "klines"),
    Theirs(f"{DOCUMENTED}/http_json/new_order_full_response.json", "new order"),
    Theirs(f"{DOCUMENTED}/http_json/open_orders_response.json", "open orders"),
    Theirs(f"{DOCUMENTED}/http_json/order_response.json", "order"),
    Theirs(f"{DOCUMENTED}/http_json/ticker_price_response.json", "price"),
    Theirs(f"{DOCUMENTED}/user_data_json/account_position.json", "balances"),
    Theirs(f"{DOCUMENTED}/user_data_json/account_position_wrapped.json", "balances"),
    Theirs(f"{DOCUMENTED}/user_data_json/balance_update.json", "deposit"),
    Theirs(f"{DOCUMENTED}/user_data_json/balance_update_wrapped.json", "deposit"),
    Theirs(f"{DOCUMENTED}/user_data_json/execution_report_wrapped.json", "NEW"),
    Theirs(f"{DOCUMENTED}/user_data_json/execution_report_new.json", "NEW", SHORT_REPORT | because(SHORTENED, "W")),
    Theirs(f"{DOCUMENTED}/user_data_json/execution_report_stop_loss.json", "NEW stop", SHORT_REPORT),
    Theirs(f"{DOCUMENTED}/user_data_json/execution_report_trade.json", "TRADE", SHORT_REPORT | because(SHORTENED, "W")),
    Theirs(
        f"{DOCUMENTED}/user_data_json/execution_report_canceled.json",
        "CANCELED",
        SHORT_REPORT | because(SHORTENED, "W"),
    ),
    Theirs(
        f"{DOCUMENTED}/user_data_json/execution_report_expired.json", "EXPIRED", SHORT_REPORT | because(SHORTENED, "W")
    ),
    Theirs(f"{DOCUMENTED}/user_data_json/list_status_wrapped.json", "pair"),
    Theirs(
        f"{RECORDED}/http_responses/http_spot_wallet_account.json",
        "account",
        because(YOUNGER, "brokered", "commissionRates", "preventSor", "requireSelfTradePrevention", "uid"),
    ),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_exchange_info.json", "exchangeInfo", OLD_LIST),
    Theirs(
        "ws/cryptofeed/BINANCE.0.gz",
        "exchangeInfo",
        OLD_LIST | because(SETTINGS, "symbols[].filters[].maxPosition"),
    ),
    Theirs("ws/cryptofeed/BINANCE.http.0.0.gz", "depth"),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_depth.json", "depth"),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_book_ticker.json", "bookTicker"),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_ticker_price.json", "price"),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_avg_price.json", "avgPrice", because(YOUNGER, "closeTime")),
    Theirs(f"{RECORDED}/http_responses/http_spot_market_klines.json", "klines"),
    *(
        Theirs(
            f"{RECORDED}/ws_messages/ws_spot_execution_report_{kind.lower()}.json", kind, because(SHORTENED, "V", "W")
        )
        for kind in ("NEW", "TRADE", "CANCELED")
    ),
    Theirs(
        f"{RECORDED}/ws_messages/ws_spot_execution_report_expired.json",
        "EXPIRED",
        because(SHORTENED, "V", "W") | because(YOUNGER, "eR"),
    ),
    Theirs(
        f"{RECORDED}/ws_messages/ws_spot_execution_report_trade_prevention.json",
        "TRADE_PREVENTION",
        because(SHORTENED, "A", "B", "W", "v"),
    ),
)


def answer(method: str, endpoint: str, **sent: str) -> Any:
    """To a request of somebody with an order, a trade and a pair."""
    client = Client()
    client.ask("POST", "order", **LIMIT)
    client.ask("POST", "order", **MARKET)
    client.ask("POST", "orderList/oco", **PAIR)
    return client.ask(method, endpoint, **sent)


def public(endpoint: str) -> Any:
    return next(call.body for call in market_data().calls if call.endpoint == endpoint)


def event(kind: str, tell: Callable[[Desk], object]) -> Any:
    """The first event of this kind that `tell` makes the exchange tell."""
    desk = Desk()
    desk.venue.drain()
    tell(desk)
    events = [told(happened, number, desk.now_ms) for number, happened in enumerate(desk.venue.drain())]
    return next(one for one in events if kind in (one.get("x"), one["e"]))


def cancelled(desk: Desk) -> None:
    desk.cancel(desk.place(limit(BUY, "98")).order.order_id)


def met_itself(desk: Desk) -> None:
    desk.place(limit(BUY, "99.95"))
    desk.place(limit(SELL, "99.95"))


def partly_filled_at_once(desk: Desk) -> None:
    desk.place(limit(BUY, "101", "40", time_in_force=TimeInForce.IOC))


OURS: Final[dict[str, Callable[[], Any]]] = {
    "account": lambda: answer("GET", "account"),
    "trades": lambda: answer("GET", "myTrades", symbol=COIN),
    "orders": lambda: answer("GET", "allOrders", symbol=COIN, limit="2"),
    "open orders": lambda: answer("GET", "openOrders", symbol=COIN),
    "order": lambda: answer("GET", "order", symbol=COIN, orderId="1"),
    "cancel": lambda: answer("DELETE", "order", symbol=COIN, orderId="1"),
    "cancel of all": lambda: answer("DELETE", "openOrders", symbol=COIN),
    "new order": lambda: answer("POST", "order", **MARKET),
    "exchangeInfo": lambda: public("exchangeInfo"),
    "depth": lambda: public("depth"),
    "avgPrice": lambda: public("avgPrice"),
    "bookTicker": lambda: public("ticker/bookTicker"),
    "price": lambda: public("ticker/price"),
    "klines": lambda: [kline_row(Candle(0, 100.0, 101.0, 99.0, 100.0, 5.0), 60_000)],
    "NEW": lambda: event("NEW", lambda desk: desk.place(limit(BUY, "98"))),
    "NEW stop": lambda: event("NEW", lambda desk: desk.place(stop(SELL, "95", price="94"))),
    "TRADE": lambda: event("TRADE", lambda desk: desk.place(limit(BUY, "101"))),
    "CANCELED": lambda: event("CANCELED", cancelled),
    "EXPIRED": lambda: event("EXPIRED", partly_filled_at_once),
    "TRADE_PREVENTION": lambda: event("TRADE_PREVENTION", met_itself),
    "pair": lambda: event("listStatus", lambda desk: desk.place_pair(sell_pair())),
    "balances": lambda: event("outboundAccountPosition", lambda desk: desk.place(limit(BUY, "98"))),
    "deposit": lambda: event("balanceUpdate", lambda desk: desk.venue.deposit(ALICE, "USDT", Decimal(1), 9_000)),
}


def typed(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The type of each value by its place; the elements of a list share one, unless it is a row of several types."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from typed(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        is_row = len({type(inner) for inner in value}) > 1
        for number, inner in enumerate(value):
            yield from typed(inner, f"{place}[{number if is_row else ''}]")
    else:
        yield place, type(value).__name__


def different(ours: Any, theirs: Any) -> set[str]:
    """Where one has a value that the other has not, or not of this type."""
    return {place for place, _ in set(typed(ours)) ^ set(typed(theirs))}


def named(place: str, names: Iterable[str]) -> str:
    """The name that stands for a place, or else the place itself."""
    return next((name for name in names if place == name or place.startswith((f"{name}.", f"{name}["))), place)


def read(file: str) -> Any:
    """A payload; of a recording the first, and of one that is wrapped what is inside."""
    path = DATA / file
    if not path.exists():
        pytest.skip(f"no payload at ../shared/data/{file}")
    if path.suffix == ".gz":
        with gzip.open(path, "rt") as lines:
            return json.loads(next(lines).partition(" -> ")[2].partition(": ")[2])
    payload = json.loads(path.read_text())
    return payload.get("event", payload.get("data", payload)) if isinstance(payload, dict) else payload


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda theirs: Path(theirs.file).stem)
def test_a_payload_has_the_fields_and_types_of_binance(theirs: Theirs) -> None:
    found = different(OURS[theirs.ours](), read(theirs.file))
    assert {named(place, theirs.differences) for place in found} == theirs.differences.keys()


def test_every_payload_of_ours_is_compared() -> None:
    assert {theirs.ours for theirs in THEIRS} == OURS.keys()
