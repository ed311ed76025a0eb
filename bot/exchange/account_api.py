"""
The signed half of Binance's REST interface, without HTTP: from a request as it was sent to the answer.

Keys, signatures, parameters, the venue and the shapes of its answers meet here. Sockets, weights of addresses and
faults are somebody else's.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from msgspec import Struct

from bot.exchange import rest_replies as replies
from bot.exchange.order_lists import OrderList
from bot.exchange.order_parameters import (
    cancel_order,
    cancel_replace,
    history_query,
    list_ref,
    new_oco,
    new_order,
    order_ref,
    reply_kind,
)
from bot.exchange.orders import VenueOrder
from bot.exchange.parameters import Parameters, merged
from bot.exchange.refusals import Limited
from bot.exchange.signing import Keyring, rest_payload
from bot.exchange.trading import TradingVenue
from bot.exchange.wire import Refusal

_OK: Final = 200


class Request(Struct, frozen=True):
    """
    A request as it was sent: `endpoint` is what follows `/api/v3/`, query and body are raw.

    Questions are answered as of `as_of_ms`, which is earlier than now in a venue whose copies are behind.
    """

    method: str
    endpoint: str
    query: str
    body: str
    api_key: str | None
    now_ms: int
    as_of_ms: int


class Answer(Struct, frozen=True):
    """What is sent back: HTTP status, JSON and headers."""

    status: int
    body: Any
    headers: dict[str, str]


class _Call(Struct, frozen=True):
    """A request whose sender is known."""

    account: str
    params: Parameters
    now_ms: int
    as_of_ms: int


_Handler = Callable[[_Call], Any]


class AccountApi:
    """
    Answers the signed requests of Binance's REST interface.

    Args:
        venue: Where orders go.
        keys: Who may ask.
    """

    def __init__(self, venue: TradingVenue, keys: Keyring) -> None:
        self._venue = venue
        self._keys = keys
        self._questions: Mapping[tuple[str, str], _Handler] = {
            ("GET", "order"): self._order,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._my_trades,
            ("GET", "account"): self._account,
            ("GET", "account/commission"): self._commission,
            ("GET", "orderList"): self._order_list,
            ("GET", "openOrderList"): self._open_lists,
            ("GET", "rateLimit/order"): self._order_usage,
        }
        self._commands: Mapping[tuple[str, str], _Handler] = {
            ("POST", "order"): self._place,
            ("POST", "order/test"): self._vet,
            ("POST", "order/cancelReplace"): self._cancel_replace,
            ("POST", "orderList/oco"): self._place_pair,
            ("DELETE", "order"): self._cancel,
            ("DELETE", "openOrders"): self._cancel_all,
            ("DELETE", "orderList"): self._cancel_pair,
        }

    def knows(self, method: str, endpoint: str) -> bool:
        """Whether a request is one of these."""
        return (method, endpoint) in self._questions or (method, endpoint) in self._commands

    def answer(self, request: Request) -> Answer:
        """Answer a request that is known; a refusal is an answer as well."""
        try:
            return self._answer(request)
        except Limited as refusal:
            return Answer(refusal.status, refusal.body, {"Retry-After": str(refusal.retry_after_s)})
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body, {})

    def _answer(self, request: Request) -> Answer:
        name = (request.method, request.endpoint)
        command = self._commands.get(name)
        sent = merged(_pairs(request.query), _pairs(request.body))
        payload = rest_payload(request.query, request.body)
        key = self._keys.admit(request.api_key, payload, sent, request.now_ms, trades=command is not None)
        call = _Call(key.account, Parameters(sent), request.now_ms, request.as_of_ms)
        done = (command or self._questions[name])(call)
        answer = done if isinstance(done, Answer) else Answer(_OK, done, {})
        if request.method == "POST":
            headers = self._venue.meter(key.account).headers(request.now_ms)
            return Answer(answer.status, answer.body, {**answer.headers, **headers})
        return answer

    def _place(self, call: _Call) -> Any:
        order = new_order(call.params)
        kind = reply_kind(call.params, order.kind)
        call.params.done()
        return replies.placed(self._venue.place(call.account, order, call.now_ms), kind)

    def _vet(self, call: _Call) -> Any:
        order = new_order(call.params)
        reply_kind(call.params, order.kind)
        call.params.done()
        self._venue.vet(call.account, order, call.now_ms)
        return {}

    def _cancel_replace(self, call: _Call) -> Any:
        request = cancel_replace(call.params)
        kind = reply_kind(call.params, request.order.kind)
        call.params.done()
        done = self._venue.cancel_replace(call.account, request, call.now_ms)
        status, body = replies.replaced(done, kind)
        return Answer(status, body, {})

    def _place_pair(self, call: _Call) -> Any:
        request = new_oco(call.params)
        reply_kind(call.params, request.above.kind)
        call.params.done()
        pair = self._venue.place_pair(call.account, request, call.now_ms)
        return replies.list_placed(pair, self._legs(pair))

    def _cancel(self, call: _Call) -> Any:
        request = cancel_order(call.params)
        call.params.done()
        done = self._venue.cancel(call.account, request, call.now_ms)
        return replies.cancelled(done, done.orders[0])

    def _cancel_all(self, call: _Call) -> Any:
        symbol = call.params.text("symbol")
        call.params.done()
        answers = self._venue.cancel_all(call.account, symbol, call.now_ms)
        return replies.all_cancelled(answers, {pair.list_id: pair for pair in self._venue.lists.of(call.account)})

    def _cancel_pair(self, call: _Call) -> Any:
        call.params.text("symbol")
        ref = list_ref(call.params, "listClientOrderId")
        call.params.done()
        return replies.list_cancelled(*self._venue.cancel_pair(call.account, ref, call.now_ms))

    def _order(self, call: _Call) -> Any:
        ref = order_ref(call.params)
        call.params.done()
        return replies.order_shown(self._venue.inquiries.order(call.account, ref, call.as_of_ms))

    def _open_orders(self, call: _Call) -> Any:
        symbol = call.params.optional("symbol")
        call.params.done()
        found = self._venue.inquiries.open_orders(call.account, symbol, call.as_of_ms)
        return [replies.order_shown(order) for order in found]

    def _all_orders(self, call: _Call) -> Any:
        query = history_query(call.params)
        call.params.done()
        found = self._venue.inquiries.all_orders(call.account, query, call.as_of_ms)
        return [replies.order_shown(order) for order in found]

    def _my_trades(self, call: _Call) -> Any:
        query = history_query(call.params)
        call.params.done()
        found = self._venue.inquiries.my_trades(call.account, query, call.as_of_ms)
        return [replies.trade_shown(trade) for trade in found]

    def _account(self, call: _Call) -> Any:
        hides_empty = call.params.optional("omitZeroBalances") == "true"
        call.params.done()
        since_ms, balances = self._venue.inquiries.balances(call.account, call.as_of_ms)
        if hides_empty:
            balances = {asset: balance for asset, balance in balances.items() if balance.free or balance.locked}
        return replies.account_shown(self._venue.ledger.accounts[call.account], balances, since_ms)

    def _commission(self, call: _Call) -> Any:
        symbol = call.params.text("symbol")
        call.params.done()
        self._venue.market(symbol)
        return replies.commission_shown(symbol, self._venue.ledger.accounts[call.account].fees)

    def _order_list(self, call: _Call) -> Any:
        ref = list_ref(call.params)
        call.params.done()
        pair = self._venue.inquiries.order_list(call.account, ref)
        return replies.list_shown(pair, self._legs(pair))

    def _open_lists(self, call: _Call) -> Any:
        call.params.done()
        found = self._venue.inquiries.open_lists(call.account)
        return [replies.list_shown(pair, self._legs(pair)) for pair in found]

    def _order_usage(self, call: _Call) -> Any:
        call.params.done()
        return replies.order_usage(self._venue.meter(call.account).usage(call.now_ms))

    def _legs(self, pair: OrderList) -> list[VenueOrder]:
        records = self._venue.market(pair.symbol).floor.records
        return [records.latest(number) for number in pair.order_ids]


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)
