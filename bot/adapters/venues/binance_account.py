"""
Binance's private stream on its WebSocket API, without a socket: the request for it, and bytes in, values out.

Whatever arrives, the parser answers with a value: what cannot be true is a `Refused`, unknown events and fields are
passed over, an unknown status proves nothing. Amounts are exact. Shapes are those of Binance's pages on the WebSocket
API and on the user data stream.
"""

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from bot.adapters.api_keys import Credentials
from bot.adapters.binance_words import SIDES, STATUSES
from bot.adapters.order_messages import Balance, OrderReport, TradeReport, VenueStatus
from bot.adapters.venues import Ignored, Refused, ShuttingDown
from bot.adapters.venues.account_messages import (
    AccountEnded,
    AccountMessage,
    AccountRefused,
    AccountSubscribed,
    BalanceMoved,
    BalancesTold,
    OrderListTold,
    OrderTold,
)
from bot.adapters.venues.bars import NOT_JSON, quote
from bot.adapters.wire_numbers import WireId, WireTime, exact, is_sound
from bot.core.errors import DataError
from bot.core.orders import ZERO

_NO_REASON: Final = frozenset({"", "NONE"})


class _ErrorData(Struct):
    retry_at_ms: WireTime | None = field(name="retryAfter", default=None)


class _Error(Struct):
    code: int = 0
    msg: str = ""
    data: _ErrorData | None = None


class _Named(Struct):
    e: str = ""


class _Frame(Struct):
    """An answer has a status; an event comes wrapped, or by itself."""

    id: str | int | None = None
    status: int | UnsetType = UNSET
    error: _Error | None = None
    event: msgspec.Raw | UnsetType = UNSET
    e: str | UnsetType = UNSET


class _Execution(Struct):
    """Fields by what they mean: on the wire one letter means two things, by its case."""

    market: str = field(name="s")
    request_id: str = field(name="c")
    side: str = field(name="S")
    quantity: str = field(name="q")
    executed: str = field(name="z")
    status: str = field(name="X")
    order_id: WireId = field(name="i")
    at_ms: WireTime = field(name="T")
    what: str = field(name="x", default="")
    cancelled_id: str = field(name="C", default="")
    refusal: str = field(name="r", default="")
    expiry: str | None = field(name="eR", default=None)


class _Trade(Struct):
    trade_id: WireId = field(name="t")
    quantity: str = field(name="l")
    price: str = field(name="L")
    amount: str | None = field(name="Y", default=None)
    fee: str | None = field(name="n", default=None)
    fee_asset: str | None = field(name="N", default=None)


class _BalanceRow(Struct):
    asset: str = field(name="a")
    free: str = field(name="f")
    locked: str = field(name="l")


class _Position(Struct):
    at_ms: WireTime = field(name="u")
    rows: list[_BalanceRow] = field(name="B")


class _Movement(Struct):
    asset: str = field(name="a")
    amount: str = field(name="d")
    at_ms: WireTime = field(name="T")


class _List(Struct):
    market: str = field(name="s")
    list_id: WireId = field(name="g")
    status: str = field(name="L")
    at_ms: WireTime = field(name="T")


_Text = bytes | msgspec.Raw


def account_url(host: str) -> str:
    """Where a host has its WebSocket API."""
    return f"wss://{host}/ws-api/v3"


def subscribe_request(credentials: Credentials, request_id: str, now_ms: int, window_ms: int | None = None) -> str:
    """
    Write the signed request for the private stream; nobody is to log it.

    Args:
        credentials: Whose account.
        request_id: What the answer is to carry, `[A-Za-z0-9-]{1,36}`.
        now_ms: The venue's time.
        window_ms: How long the request counts as fresh; None for the venue's own five seconds.
    """
    params: dict[str, str | int] = {"apiKey": credentials.api_key, "timestamp": now_ms}
    if window_ms is not None:
        params["recvWindow"] = window_ms
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = hmac.new(credentials.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    request = {"id": request_id, "method": "userDataStream.subscribe.signature", "params": params}
    return msgspec.json.encode(request).decode()


class BinanceAccount:
    """
    What the private stream of an account says.

    Args:
        markets: Our symbols by Binance's, such as `{"BTCUSDT": "BTC/USDT"}`; what happens in others is ignored.
    """

    def __init__(self, markets: Mapping[str, str]) -> None:
        self._markets = dict(markets)
        self._decode = msgspec.json.Decoder(_Frame).decode

    def parse(self, frame: bytes) -> AccountMessage:
        """Say what a frame means. Never raises, whatever the bytes."""
        try:
            outer = self._decode(frame)
            if outer.status is not UNSET:
                return _answer(outer, outer.status)
            if outer.event is not UNSET:
                return self._event(msgspec.json.decode(outer.event, type=_Named).e, outer.event)
            return Ignored("unknown message") if outer.e is UNSET else self._event(outer.e, frame)
        except NOT_JSON as error:
            return Refused("malformed", quote(f"what cannot be understood: {error}"))
        except DataError as error:
            return Refused("impossible", quote(str(error)))

    def _event(self, name: str, text: _Text) -> AccountMessage:
        message: AccountMessage
        match name:
            case "executionReport":
                message = self._execution(text)
            case "outboundAccountPosition":
                message = _position(text)
            case "balanceUpdate" | "externalLockUpdate":
                moved = msgspec.json.decode(text, type=_Movement)
                is_lock = name == "externalLockUpdate"
                message = BalanceMoved(moved.at_ms, moved.asset, _signed(moved.amount), is_lock)
            case "listStatus":
                message = self._list(text)
            case "eventStreamTerminated":
                message = AccountEnded()
            case "serverShutdown":
                message = ShuttingDown()
            case _:
                message = Ignored(quote(name))
        return message

    def _execution(self, text: _Text) -> OrderTold | Ignored | Refused:
        told = msgspec.json.decode(text, type=_Execution)
        symbol = self._markets.get(told.market)
        if symbol is None:
            return Ignored(quote(f"an order in {told.market}"))
        if told.side not in SIDES:
            return Refused("malformed", quote(f"{symbol}: an order on the side {told.side!r}"))
        # The id of a cancelled order stands apart: `c` is then that of the request which cancelled it.
        report = OrderReport(
            symbol=symbol,
            client_order_id=told.cancelled_id or told.request_id,
            venue_order_id=str(told.order_id),
            status=STATUSES.get(told.status, VenueStatus.OTHER),
            quantity=exact(told.quantity),
            executed=exact(told.executed),
            at_ms=told.at_ms,
            reason=quote(", ".join(word for word in (told.refusal, told.expiry or "") if word not in _NO_REASON)),
        )
        # An order for an amount of money, which is never ours, has a quantity of 0 until it has traded.
        if report.executed > report.quantity > 0:
            return Refused("impossible", f"{symbol}: {report.executed} executed of an order of {report.quantity}")
        if report.status is VenueStatus.FILLED and not report.executed:
            return Refused("impossible", f"{symbol}: an order that is filled without an execution")
        if told.what == "NEW" and report.executed:
            return Refused("impossible", f"{symbol}: a new order that has executed {report.executed}")
        trade = _trade(text, report, told) if told.what == "TRADE" else None
        return OrderTold(msgspec.structs.replace(report, trades=(trade,)) if trade else report)

    def _list(self, text: _Text) -> OrderListTold | Ignored:
        told = msgspec.json.decode(text, type=_List)
        symbol = self._markets.get(told.market)
        if symbol is None:
            return Ignored(quote(f"a pair of orders in {told.market}"))
        return OrderListTold(told.at_ms, symbol, str(told.list_id), quote(told.status))


def _answer(frame: _Frame, status: int) -> AccountSubscribed | AccountRefused:
    request_id = None if frame.id is None else quote(str(frame.id))
    if status == HTTPStatus.OK and request_id is not None:
        return AccountSubscribed(request_id)
    error = frame.error or _Error()
    retry_at_ms = error.data.retry_at_ms if error.data else None
    return AccountRefused(request_id, status, error.code, quote(error.msg), retry_at_ms)


def _position(text: _Text) -> BalancesTold:
    told = msgspec.json.decode(text, type=_Position)
    return BalancesTold(told.at_ms, {row.asset: Balance(exact(row.free), exact(row.locked)) for row in told.rows})


def _signed(text: str) -> Decimal:
    """Read an amount that can be below zero."""
    return -exact(text[1:]) if text.startswith("-") else exact(text)


def _trade(text: _Text, report: OrderReport, order: _Execution) -> TradeReport | None:
    """
    Read the execution that a report is about.

    None for one that cannot be true: what was executed in all stands in the report, and the venue's list of trades
    has the rest.
    """
    try:
        told = msgspec.json.decode(text, type=_Trade)
        quantity, price = exact(told.quantity), exact(told.price)
        # Without commission there is no asset of it.
        fee = ZERO if told.fee is None and told.fee_asset is None else exact(told.fee or "")
        amount = None if told.amount is None else exact(told.amount)
    except (msgspec.ValidationError, DataError):
        return None
    if not 0 < quantity <= report.executed or not price or (fee and not told.fee_asset):
        return None
    if not is_sound(report.symbol, quantity, price, amount, (fee, told.fee_asset or "")):
        return None
    return TradeReport(
        symbol=report.symbol,
        venue_order_id=report.venue_order_id,
        trade_id=str(told.trade_id),
        side=SIDES[order.side],
        quantity=quantity,
        price=price,
        fee=fee,
        fee_asset=told.fee_asset or "",
        at_ms=report.at_ms,
        client_order_id=report.client_order_id,
    )
