"""
What an attempt at an order call proves: done, a definite no, never sent, or unknown.

One table for placing, cancelling and looking up. It reads what the venue answered, status and body, rather than
ccxt's exceptions: those depend on the host name, on earlier answers and on the wording, and lose the status. What is
in no row is unknown, because an order that is believed dead and is not costs money, and one more question does not.
Codes and words are those of Binance's public list of errors. Pure; knows nothing of sockets.
"""

import re
from collections.abc import Callable
from enum import StrEnum
from math import ceil
from typing import Final, TypeVar

import msgspec
from aiohttp import ClientConnectorError
from msgspec import Struct

from bot.adapters.http_waits import asked_to_wait_s
from bot.adapters.order_messages import NotSent, Refusal, Refused, Unresolved
from bot.adapters.redaction import redact
from bot.adapters.request_fates import Withheld
from bot.core.errors import DataError, VenueError

_Read = TypeVar("_Read")

No = Refused | NotSent | Unresolved
"""Every outcome but an answer."""


class Question(StrEnum):
    """What a venue was asked for."""

    PLACE = "place"
    CANCEL = "cancel"
    LOOK_UP = "look_up"


class Reply(Struct, frozen=True):
    """An HTTP answer that was heard to its end; headers that it does not have are empty."""

    status: int
    body: str
    retry_after: str = ""
    date: str = ""


class Attempt(Struct, frozen=True):
    """
    What became of one call of ccxt.

    `was_sent` says that the request was handed to the network, `reply` is what came back for it, and `error` is
    ccxt's exception, whose text holds signed addresses and is never shown.
    """

    was_sent: bool
    reply: Reply | None
    error: BaseException | None


class _Complaint(Struct):
    """Binance's error body."""

    code: int
    msg: str = ""


_WORDS_READ: Final = 1_000
_WORDS_SHOWN: Final = 200

_UNKNOWN_FATE: Final = frozenset({-1000, -1001, -1006, -1007, -1008})
"""Codes that say themselves that nobody knows, whatever status they come with."""

_SILENCED: Final = frozenset({418, 429})
_TIMED_OUT: Final = 408
_WALLS: Final = frozenset({403, 451})
_FIRST_CLIENT_ERROR: Final = 400
_FIRST_SERVER_ERROR: Final = 500

_REFUSALS: Final = {
    -1002: Refusal.CREDENTIALS,
    -1003: Refusal.LIMITED,
    -1013: Refusal.RULES,
    -1014: Refusal.RULES,
    -1015: Refusal.LIMITED,
    -1016: Refusal.MAINTENANCE,
    -1020: Refusal.RULES,
    -1021: Refusal.CLOCK,
    -1022: Refusal.CREDENTIALS,
    -1034: Refusal.LIMITED,
    -1112: Refusal.OTHER,
    -1220: Refusal.MARKET_CLOSED,
    -2011: Refusal.NOT_FOUND,
    -2013: Refusal.NOT_FOUND,
    -2014: Refusal.CREDENTIALS,
    -2015: Refusal.CREDENTIALS,
    -2026: Refusal.NOT_FOUND,
}
_PARAMETER_CODES: Final = range(-1199, -1099)
"""Parameters that are missing, malformed or too precise."""

_WORDS: Final = {
    "Duplicate order sent.": Refusal.DUPLICATE,
    "Account has insufficient balance for requested action.": Refusal.FUNDS,
    "Order would trigger immediately.": Refusal.WOULD_TRIGGER,
    "Market is closed.": Refusal.MARKET_CLOSED,
    "This order type is not possible in this trading phase.": Refusal.MARKET_CLOSED,
    "Limit orders require GTC for this phase.": Refusal.MARKET_CLOSED,
    "This symbol is not permitted for this account.": Refusal.MARKET_CLOSED,
    "This symbol is restricted for this account.": Refusal.MARKET_CLOSED,
    "System is under maintenance.": Refusal.MAINTENANCE,
    "This action is disabled on this account.": Refusal.CREDENTIALS,
    "This account may not place or cancel orders.": Refusal.CREDENTIALS,
    "Rest API trading is not enabled.": Refusal.CREDENTIALS,
    "Price * QTY is zero or less.": Refusal.RULES,
    "Unsupported order combination": Refusal.RULES,
    "The relationship of the prices for the orders is not correct.": Refusal.RULES,
    "Order was not canceled due to cancel restrictions.": Refusal.OTHER,
}
_BEGINNINGS: Final = {"Filter failure: ": Refusal.RULES}
_ENDINGS: Final = {
    " are not supported for this symbol.": Refusal.RULES,
    " are not supported for this symbol": Refusal.RULES,
}
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})\b")


def judge(question: Question, attempt: Attempt, read: Callable[[str], _Read], now_ms: int) -> _Read | No:
    """
    Say what an attempt proves.

    Args:
        question: What was asked for.
        attempt: What became of it.
        read: Makes the answer out of the body of a success; raises `DataError` for everything that is not it, such
            as a page in HTML, an empty object or another order.
        now_ms: The venue's time, from which waits are counted.
    """
    reply = attempt.reply
    if reply is None:
        return _unheard(question, attempt)
    if not 200 <= reply.status < 300:
        return _denied(question, reply, now_ms)
    try:
        return read(reply.body)
    except DataError as error:
        return Unresolved(f"the venue answered with something else than was asked for: {error}")


def _unheard(question: Question, attempt: Attempt) -> No:
    """No answer was heard: what matters is whether the request can have got through."""
    error, cause = attempt.error, attempt.error.__cause__ if attempt.error else None
    if not attempt.was_sent:
        name = type(error).__name__
        if _is_own_refusal(error):
            return Refused(Refusal.RULES, f"ccxt does not send such an order ({name})")
        return NotSent(f"the request was not sent ({name})")
    if isinstance(cause, Withheld):
        return NotSent(str(cause), cause.retry_at_ms)
    # By itself aiohttp sends a DELETE again where the first try broke off: this may be the failure of the second.
    if isinstance(cause, ClientConnectorError) and question is not Question.CANCEL:
        return NotSent(f"no connection to the venue ({type(cause).__name__})")
    return Unresolved(_loss(cause or error))


def _loss(error: BaseException | None) -> str:
    """What happened to an answer, without the words of a library, which hold whole addresses."""
    if isinstance(error, VenueError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "the venue did not answer in time"
    return f"the answer was lost on its way ({type(error).__name__})"


def _is_own_refusal(error: BaseException | None) -> bool:
    """Whether ccxt itself turned the order down, which it will do again."""
    from ccxt.base.errors import ArgumentsRequired, BadRequest, InvalidOrder  # type: ignore[import-untyped]

    return isinstance(error, (ArgumentsRequired, BadRequest, InvalidOrder))


def _denied(question: Question, reply: Reply, now_ms: int) -> Refused | Unresolved:
    """An answer other than success."""
    status, complaint = reply.status, _complaint(reply.body)
    code = complaint.code if complaint else None
    words = redact(complaint.msg[:_WORDS_READ])[:_WORDS_SHOWN] if complaint else "no reason"
    said = f"{words} (HTTP {status})" if code is None else f"{words} (HTTP {status}, {code})"
    is_clients_fault = _FIRST_CLIENT_ERROR <= status < _FIRST_SERVER_ERROR and status != _TIMED_OUT
    if not is_clients_fault or code in _UNKNOWN_FATE:
        return Unresolved(f"the venue does not say whether it was done: {said}")
    refusal = _refusal(question, status, complaint)
    if refusal is None:
        return Unresolved(f"somebody refused who may not be the venue: {said}")
    return Refused(refusal, said, code, _retry_at_ms(reply, now_ms) if refusal is Refusal.LIMITED else None)


def _refusal(question: Question, status: int, complaint: _Complaint | None) -> Refusal | None:
    """What an answer that blames the sender means; without a reason, only some statuses mean anything."""
    if status in _SILENCED:
        return Refusal.LIMITED
    refusal = _meaning(complaint) if complaint else None
    if refusal is None or refusal is Refusal.OTHER:
        return Refusal.BLOCKED if status in _WALLS else refusal
    if refusal is Refusal.NOT_FOUND and question is Question.PLACE:
        return Refusal.OTHER
    return refusal


def _meaning(complaint: _Complaint) -> Refusal:
    """What the venue's reason means; the words say more than the code, where they are known."""
    text = complaint.msg
    if text in _WORDS:
        return _WORDS[text]
    for beginning, refusal in _BEGINNINGS.items():
        if text.startswith(beginning):
            return refusal
    for ending, refusal in _ENDINGS.items():
        if text.endswith(ending):
            return refusal
    if complaint.code in _REFUSALS:
        return _REFUSALS[complaint.code]
    return Refusal.RULES if complaint.code in _PARAMETER_CODES else Refusal.OTHER


def _complaint(body: str) -> _Complaint | None:
    try:
        return msgspec.json.decode(body, type=_Complaint)
    except (msgspec.DecodeError, RecursionError):
        return None


def _retry_at_ms(reply: Reply, now_ms: int) -> int | None:
    """When the venue wants to hear of us again, by its header or, of a ban, by its words."""
    wait_s = asked_to_wait_s(reply.retry_after, reply.date)
    times = [now_ms + ceil(wait_s * 1_000)] if wait_s else []
    times += [int(told) for told in _BANNED_UNTIL.findall(reply.body)]
    return max(times, default=None)
