"""
What a venue lets us ask: how much in which stretch of time, and what its answers say of what is used up.

Pure: exchangeInfo, headers and bodies in, numbers out. The words are Binance's.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.http_waits import asked_to_wait_s
from bot.core.errors import DataError
from bot.core.market import DAY_MS, MINUTE_MS

TOO_MANY: Final = 429
BANNED: Final = 418
TOO_MANY_ORDERS: Final = -1015

_UNIT_MS: Final = {"S": 1_000, "M": MINUTE_MS, "H": 60 * MINUTE_MS, "D": DAY_MS}
_USED_WEIGHT: Final = re.compile(r"x-mbx-used-weight-(\d{1,4})([smhd])", re.IGNORECASE)
_ORDER_COUNT: Final = re.compile(r"x-mbx-order-count-(\d{1,4})([smhd])", re.IGNORECASE)
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})(?!\d)")
_COUNT: Final = re.compile(r"\d{1,9}")


class WindowLimit(Struct, frozen=True):
    """So much in each window of time; windows follow one another from 1970 on, as Binance's do."""

    most: int
    window_ms: int


class RateLimits(Struct, frozen=True):
    """
    The limits of one venue; those of Binance unless it says otherwise.

    `weight` and `requests` are of our address, `orders` of the account.
    """

    weight: WindowLimit = WindowLimit(6_000, MINUTE_MS)
    orders: tuple[WindowLimit, ...] = (WindowLimit(50, 10_000), WindowLimit(160_000, DAY_MS))
    requests: WindowLimit = WindowLimit(300_000, 5 * MINUTE_MS)


class _Stated(Struct):
    kind: str = msgspec.field(name="rateLimitType", default="")
    interval: str = ""
    intervals: int = msgspec.field(name="intervalNum", default=0)
    limit: int = 0


class _Words(Struct):
    code: int = 0
    msg: str = ""


class Told(Struct, frozen=True):
    """What an answer says of what is used up, by the length of the window."""

    weight: dict[int, int]
    orders: dict[int, int]


class Quiet(Struct, frozen=True):
    """
    The venue wants to hear nothing for a time; with `orders_alone` just no new orders.

    `wait_ms` counts from the answer, `until_ms` is a time of the venue; both are None where it did not say how long.
    """

    reason: str
    wait_ms: int | None
    until_ms: int | None
    orders_alone: bool = False


def limits_of(stated: object) -> RateLimits:
    """
    Read the `rateLimits` of an exchangeInfo; a kind that is not stated keeps the documented figure.

    Raises:
        DataError: They are no list of limits, or one of them cannot be true.
    """
    try:
        rows = msgspec.convert(stated, list[_Stated])
    except msgspec.ValidationError as error:
        raise DataError(f"the venue's rateLimits cannot be understood: {error}") from None
    usual = RateLimits()
    weight = [_limit(row) for row in rows if row.kind == "REQUEST_WEIGHT"]
    orders = [_limit(row) for row in rows if row.kind == "ORDERS"]
    requests = [_limit(row) for row in rows if row.kind == "RAW_REQUESTS"]
    return RateLimits(
        weight[0] if weight else usual.weight,
        tuple(orders) or usual.orders,
        requests[0] if requests else usual.requests,
    )


def told_by(headers: Mapping[str, str]) -> Told:
    """Read the counters in the headers of an answer; what is no number is passed over."""
    return Told(dict(_counters(headers, _USED_WEIGHT)), dict(_counters(headers, _ORDER_COUNT)))


def quiet_asked_by(status: int, headers: Mapping[str, str], body: bytes) -> Quiet | None:
    """
    Read whether an answer asks for silence, which 429 and 418 do, and for how long.

    Args:
        status: Of HTTP.
        headers: With names that are looked up whatever their case.
        body: As far as it is known.
    """
    if status not in (TOO_MANY, BANNED):
        return None
    words = _words(body)
    asked_s = asked_to_wait_s(headers.get("Retry-After", ""), headers.get("Date", ""))
    until = _BANNED_UNTIL.search(words.msg)
    return Quiet(
        f"HTTP {status}",
        round(asked_s * 1_000) if asked_s else None,
        int(until.group(1)) if until else None,
        orders_alone=status == TOO_MANY and words.code == TOO_MANY_ORDERS,
    )


def _limit(row: _Stated) -> WindowLimit:
    unit_ms = _UNIT_MS.get(row.interval[:1])
    if unit_ms is None or row.intervals < 1 or row.limit < 1:
        raise DataError(
            f"the venue states an impossible limit: {row.limit} {row.kind} in {row.intervals} {row.interval}"
        )
    return WindowLimit(row.limit, row.intervals * unit_ms)


def _counters(headers: Mapping[str, str], pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    for name, text in headers.items():
        found = pattern.fullmatch(name)
        if found and _COUNT.fullmatch(text):
            yield int(found.group(1)) * _UNIT_MS[found.group(2).upper()], int(text)


def _words(body: bytes) -> _Words:
    try:
        return msgspec.json.decode(body, type=_Words)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Words()
