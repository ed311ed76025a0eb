"""
A bad day, made from a seed: which fault strikes a running exchange when.

Every fault in it passes by itself, so that a client that does the right thing gets every candle in the end, or says
which market it cannot prove. Knows nothing of servers.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from bot.exchange.faults import (
    AnyFault,
    BreakAnswer,
    Delay,
    Edit,
    GoDark,
    HangUp,
    InjectJunk,
    Lag,
    Latency,
    MishandleRequest,
    Reframe,
    RefuseConnections,
    RefuseHandshake,
    RefuseRequest,
    Repeat,
    ReplayOld,
    Rewrite,
    ShutDown,
    Silence,
    SpoilRows,
    Stall,
    TurnAway,
)
from bot.exchange.occasions import Where

_SECOND_MS: Final = 1_000
_CLOSE_CODES: Final = (None, 1000, 1001, 1005, 1008, 1009, 1011, 1012, 1013)
_Maker = Callable[[Random, str, int], AnyFault]


def random_faults(
    seed: int, symbols: Sequence[str], from_ms: int, until_ms: int, mean_gap_ms: int
) -> tuple[AnyFault, ...]:
    """
    Faults that begin at random in a stretch of market time, in the order of their beginnings.

    Args:
        seed: The same arguments give the same faults.
        symbols: The markets as the wire names them.
        from_ms: When the first may begin; `until_ms` is exclusive.
        until_ms: No fault begins later; one may last some minutes longer.
        mean_gap_ms: Time between two beginnings, on average.
    """
    dice = Random(f"{seed} schedule")  # noqa: S311 - dice, not keys
    faults: list[AnyFault] = []
    at_ms = from_ms + int(dice.expovariate(1.0 / mean_gap_ms))
    while at_ms < until_ms:
        faults.append(dice.choice(_MAKERS)(dice, dice.choice(symbols), at_ms))
        at_ms += 1 + int(dice.expovariate(1.0 / mean_gap_ms))
    return tuple(faults)


def _once(at_ms: int, symbol: str | None = None, closing: bool | None = None) -> Where:  # noqa: FBT001 - as in `Where`
    return Where(from_ms=at_ms, times=1, symbol=symbol, closing=closing)


def _while(dice: Random, at_ms: int, symbol: str | None = None, endpoint: str | None = None) -> Where:
    """A window of some seconds to some minutes."""
    lasts_ms = int(_SECOND_MS * 10.0 ** dice.uniform(0.5, 2.3))
    return Where(from_ms=at_ms, until_ms=at_ms + lasts_ms, symbol=symbol, endpoint=endpoint)


def _away_ms(dice: Random) -> int:
    return int(dice.uniform(1.0, 90.0) * _SECOND_MS)


_MAKERS: Final[tuple[_Maker, ...]] = (
    lambda dice, _, at: HangUp(dice.choice(_CLOSE_CODES), where=_once(at)),
    lambda dice, _, at: HangUp(None, where=Where(from_ms=at, until_ms=at + 2 * _SECOND_MS + dice.randrange(5))),
    lambda dice, _, at: ShutDown(_away_ms(dice), where=_once(at)),
    lambda _dice, _, at: GoDark(where=_once(at)),
    lambda dice, _, at: Stall(_away_ms(dice), where=_once(at)),
    lambda dice, _, at: RefuseConnections(where=_while(dice, at)),
    lambda dice, _, at: TurnAway(dice.choice(("reset", "ignore")), where=_while(dice, at)),
    lambda dice, _, at: RefuseHandshake(dice.choice((429, 500, 502, 503, 504)), where=_while(dice, at)),
    lambda dice, _, at: MishandleRequest(dice.choice(("silent", "wrong id", "no data")), where=_while(dice, at)),
    lambda dice, _, at: Silence(where=_while(dice, at)),
    lambda dice, symbol, at: Silence(where=_while(dice, at, symbol)),
    lambda _dice, symbol, at: Silence(where=_once(at, symbol, closing=True)),
    lambda dice, symbol, at: Delay(_away_ms(dice), where=_once(at, symbol, closing=True)),
    lambda dice, symbol, at: Repeat(_away_ms(dice), where=_once(at, symbol, closing=True)),
    lambda _dice, symbol, at: Repeat(edit=Edit(set={"k.x": False}), where=_once(at, symbol, closing=True)),
    lambda dice, _, at: ReplayOld(dice.randrange(1, 40), where=_once(at)),
    lambda dice, _, at: InjectJunk(dice.choice(("binary", "invalid json", "empty", "deep nesting")), where=_once(at)),
    lambda _dice, symbol, at: Rewrite(Edit(scale={"k.h": 0.5}), where=_once(at, symbol, closing=False)),
    lambda _dice, symbol, at: Rewrite(Edit(remove=("k.c",)), where=_once(at, symbol, closing=True)),
    lambda dice, _, at: Reframe(dice.choice(("fragmented", "compressed", "other wrapping")), where=_once(at)),
    lambda dice, _, at: Latency(dice.randrange(1, 3_000), dice.randrange(1, 3_000), where=_while(dice, at)),
    lambda dice, symbol, at: Lag(_away_ms(dice), where=_while(dice, at, symbol, "klines")),
    lambda dice, symbol, at: SpoilRows(dice.choice(("duplicate", "reverse")), where=_while(dice, at, symbol, "klines")),
    lambda dice, _, at: RefuseRequest(dice.choice((500, 502, 503)), where=_while(dice, at)),
    lambda dice, _, at: BreakAnswer(
        dice.choice(("reset", "cut headers", "short body", "bad gzip", "html", "cut json")), where=_while(dice, at)
    ),
)
