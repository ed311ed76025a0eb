"""
The words of Binance's WebSocket API: a request from its text, an answer as text.

Field names and meanings are those of Binance's public page on this API. Pure; knows nothing of what the methods do.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from bot.exchange.refusals import Limited
from bot.exchange.weights import Limit
from bot.exchange.wire import Refusal
from bot.exchange.ws_refusals import Malformed

RequestId = int | str | None

_OK: Final = 200
_LEGAL_ID: Final = "^[a-zA-Z0-9-_]{1,36}$"
_BAD_ID: Final = f"Invalid 'id' in JSON request; expected an integer, a string matching '{_LEGAL_ID}', or null."
_FIELDS: Final = msgspec.json.Decoder(float_hook=str)
"""Numbers with a point stay as they were written, because they are signed as they were written."""


class ApiRequest(Struct, frozen=True):
    """A request. `params` are the texts that its sender has signed; what can be no value is empty."""

    id: RequestId
    method: str
    params: dict[str, str]


class ApiAnswer(Struct, frozen=True, rename="camel"):
    """What is sent back: a result or an error, and maybe how much the sender has used up."""

    id: RequestId
    status: int
    result: Any = UNSET
    error: dict[str, Any] | UnsetType = UNSET
    rate_limits: list[dict[str, Any]] | UnsetType = UNSET


def read_request(data: str | bytes) -> ApiRequest:
    """
    Read a request.

    Raises:
        Malformed: It is none.
    """
    try:
        fields = _FIELDS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("Invalid JSON Request") from None
    if not isinstance(fields, dict):
        raise Malformed("Invalid JSON Request")
    request_id = _request_id(fields.get("id"))
    method, params = fields.get("method"), fields.get("params", {})
    if not isinstance(method, str):
        raise Malformed("Invalid 'method' in JSON request; expected a string.", request_id)
    if not isinstance(params, dict):
        raise Malformed("Invalid 'params' in JSON request; expected an object.", request_id)
    return ApiRequest(request_id, method, {name: _text(value) for name, value in params.items()})


def granted(request_id: RequestId, result: Any) -> ApiAnswer:
    """The answer to a request that was done."""
    return ApiAnswer(request_id, _OK, result)


def refused(request_id: RequestId, refusal: Refusal, now_ms: int) -> ApiAnswer:
    """The answer to a request that was not done; a limit says when it may be asked again."""
    error = refusal.body
    if isinstance(refusal, Limited):
        retry_ms = now_ms + refusal.retry_after_s * 1_000
        error = {**error, "data": {"serverTime": now_ms, "retryAfter": retry_ms}}
    return ApiAnswer(request_id, refusal.status, error=error)


def with_usage(answer: ApiAnswer, limit: Limit, used: int) -> ApiAnswer:
    """An answer that says how much of a limit is used."""
    usage = {
        "rateLimitType": limit.kind,
        "interval": limit.interval,
        "intervalNum": limit.count,
        "limit": limit.limit,
        "count": used,
    }
    return replace(answer, rate_limits=[usage])


def text_of(message: ApiAnswer | dict[str, Any]) -> str:
    """A message as it goes over the wire."""
    return msgspec.json.encode(message).decode()


def _request_id(value: object) -> RequestId:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and re.fullmatch(_LEGAL_ID, value, re.ASCII):
        return value
    raise Malformed(_BAD_ID)


def _text(value: object) -> str:
    """The value of a parameter in the form in which it is signed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""
