"""
A bad day for orders, made from a seed: which fault strikes requests of an account and what it is told, and when.

Every fault passes by itself. Each has a name of its own, by which the log tells which of them struck.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from msgspec.structs import replace

from bot.exchange.fault_schedule import random_faults
from bot.exchange.faults import (
    AnyFault,
    Ban,
    BreakAnswer,
    CutList,
    Delay,
    EndStream,
    HangUp,
    Lag,
    Latency,
    MishandleRequest,
    RefuseHandshake,
    RefuseRequest,
    Repeat,
    Silence,
    kind_of,
)
from bot.exchange.occasions import Where

_SECOND_MS: Final = 1_000
_UNKNOWN: Final = ((500, -1000), (500, -1001), (502, -1006), (408, -1007), (503, -1008), (504, -1000))
_SAID_NO: Final = (
    (400, -1021, ""),
    (400, -2010, "Account has insufficient balance for requested action."),
    (400, -1013, "Filter failure: LOT_SIZE"),
    (400, -1015, ""),
    (429, -1003, ""),
    (403, -1000, ""),
)
_METHODS: Final = ("POST", "POST", "DELETE", "GET")
_ASKED: Final = ("openOrders", "account", "myTrades")
_REPORT: Final = "executionReport"
_LOGIN: Final = "userDataStream.subscribe.signature"
_Maker = Callable[[Random, int], AnyFault]


def random_order_faults(seed: int, from_ms: int, until_ms: int, mean_gap_ms: int) -> tuple[AnyFault, ...]:
    """Draw faults that begin in a stretch of market time; the same arguments give the same ones."""
    dice = Random(f"{seed} orders")  # noqa: S311 - dice, not keys
    faults: list[AnyFault] = []
    at_ms = from_ms + int(dice.expovariate(1.0 / mean_gap_ms))
    while at_ms < until_ms:
        faults.append(dice.choice(_MAKERS)(dice, at_ms))
        at_ms += 1 + int(dice.expovariate(1.0 / mean_gap_ms))
    return tuple(faults)


def bad_stretch(
    seed: int, markets: Sequence[str], from_ms: int, until_ms: int, order_gap_ms: int, other_gap_ms: int
) -> list[AnyFault]:
    """Faults of orders and of everything else, each with its own name, in a stretch of market time."""
    orders = random_order_faults(seed, from_ms, until_ms, order_gap_ms)
    others = random_faults(seed, markets, from_ms, until_ms, other_gap_ms)
    return [replace(one, name=f"{kind_of(one)} {seed}.{number}") for number, one in enumerate((*orders, *others))]


def _next(dice: Random, at_ms: int) -> Where:
    """The next request about one order, of one of its methods, or the next few."""
    return Where(from_ms=at_ms, times=dice.choice((1, 1, 2)), method=dice.choice(_METHODS), endpoint="order")


def _window(dice: Random, at_ms: int, endpoint: str, method: str | None = None) -> Where:
    """Some seconds to some minutes."""
    lasts_ms = int(_SECOND_MS * 10.0 ** dice.uniform(0.5, 2.0))
    return Where(from_ms=at_ms, until_ms=at_ms + lasts_ms, endpoint=endpoint, method=method)


def _unknown(dice: Random, at_ms: int) -> AnyFault:
    status, code = dice.choice(_UNKNOWN)
    return RefuseRequest(status=status, code=code, phase=dice.choice(("before", "after")), where=_next(dice, at_ms))


def _said_no(dice: Random, at_ms: int) -> AnyFault:
    status, code, text = dice.choice(_SAID_NO)
    wait_s = dice.randrange(1, 20) if status == _SAID_NO[4][0] else None
    return RefuseRequest(status=status, code=code, text=text, retry_after_s=wait_s, where=_next(dice, at_ms))


_MAKERS: Final[tuple[_Maker, ...]] = (
    _unknown,
    _unknown,
    _said_no,
    lambda dice, at: BreakAnswer(
        how=dice.choice(("reset", "close", "short body", "bad gzip", "html", "empty", "object", "null", "cut json")),
        phase=dice.choice(("before", "after")),
        where=_next(dice, at),
    ),
    lambda dice, at: Latency(
        dice.randrange(500, 16_000), phase=dice.choice(("before", "after")), where=_next(dice, at)
    ),
    lambda dice, at: Ban(retry_after_s=dice.randrange(2, 40), where=Where(from_ms=at, times=1, endpoint="order")),
    lambda dice, at: RefuseRequest(status=503, where=_window(dice, at, dice.choice(_ASKED), "GET")),
    lambda dice, at: Lag(
        by_ms=dice.randrange(500, 30_000), where=_window(dice, at, dice.choice((*_ASKED, "order")), "GET")
    ),
    lambda dice, at: CutList(rows=0, where=_window(dice, at, dice.choice(("openOrders", "myTrades")), "GET")),
    lambda _, at: EndStream(where=Where(from_ms=at, times=1)),
    lambda dice, at: HangUp(dice.choice((None, 1001, 1006 + 2)), where=Where(from_ms=at, times=1, endpoint="ws-api")),
    lambda dice, at: RefuseHandshake(dice.choice((429, 500, 503)), where=_window(dice, at, "ws-api")),
    lambda dice, at: MishandleRequest(dice.choice(("silent", "error", "wrong id")), where=_window(dice, at, _LOGIN)),
    lambda dice, at: Silence(where=_window(dice, at, _REPORT)),
    lambda dice, at: Delay(dice.randrange(1, 90) * _SECOND_MS, where=Where(from_ms=at, times=2, endpoint=_REPORT)),
    lambda dice, at: Repeat(dice.randrange(0, 90) * _SECOND_MS, where=Where(from_ms=at, times=2, endpoint=_REPORT)),
)
