"""
The final period of a history: looked at once, and every look at candles is written down.

A period that is looked at again and again becomes one more part to fit, whatever looks at it: a comparison, a study, a
training. What counts as having seen it is decided here; where looks are kept is no matter of this file.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from strategies.forecasting.folds import utc_day

_NAMED: Final = 3
"""Looks that a sentence names; the rest are counted."""


class Stretch(Struct, frozen=True):
    """Candles that forecasts were judged on, from `from_ms` until `until_ms`, the last label included."""

    symbols: tuple[str, ...]
    timeframe: str
    from_ms: int
    until_ms: int

    @property
    def name(self) -> str:
        """Say which: `BTC/USDT 1h from 2024-06-01 on`."""
        return f"{', '.join(self.symbols)} {self.timeframe} from {utc_day(self.from_ms)} on"


class Look(Struct, frozen=True, tag="look"):
    """
    Forecasts of candles were judged.

    `command` is who looked, `out` the folder that it told, `about` the sha256 of what was judged and how. `locked` says
    whether the candles had been kept apart for this look.
    """

    opened_at_ms: int
    command: str
    out: str
    about: str
    candles: tuple[Stretch, ...]
    locked: bool = False

    @property
    def until_ms(self) -> int:
        """Until when it looked."""
        return max(each.until_ms for each in self.candles)


class Told(Struct, frozen=True, tag="told"):
    """The report of a look was written into a folder."""

    told_at_ms: int
    about: str
    out: str


Record: TypeAlias = Look | Told


def begun(records: Sequence[Record], look: Look) -> Look | None:
    """
    Find the same look, begun before and not told to its end.

    A look that was told is over: who wants to know what it told reads its report.
    """
    found = None
    for each in records:
        if isinstance(each, Told):
            found = None if (each.about, each.out) == (look.about, look.out) else found
        elif _is_same(each, look):
            found = each
    return found


def seen_before(records: Sequence[Record], look: Look) -> tuple[Look, ...]:
    """
    Give every look that reached past the begin of this one, at a market of it in its timeframe, in order.

    A look that began later reached past it too: what was chosen by later days is no stranger to these. A look that goes
    on after it was cut short was preceded by what preceded its begin.
    """
    began = begun(records, look)
    before = takewhile(lambda each: each is not began, records)
    return tuple(each for each in before if isinstance(each, Look) and _reaches(each, look))


def is_noted(records: Sequence[Record], look: Look) -> bool:
    """Whether the same look stands there, told to its end or not: looking at the same again shows nothing more."""
    return any(isinstance(each, Look) and _is_same(each, look) for each in records)


def told_of(looks: Sequence[Look]) -> str:
    """Say who looked, when, and into which folder, the last one first."""
    named = [
        f"by {each.command} on {utc_day(each.opened_at_ms)}, until {utc_day(each.until_ms)}, into {each.out}"
        for each in reversed(looks[-_NAMED:])
    ]
    more = f"; and {len(looks) - _NAMED} more" if len(looks) > _NAMED else ""
    return "; ".join(named) + more


def times(count: int) -> str:
    """Say how often."""
    return "once" if count == 1 else f"{count} times"


def _reaches(before: Look, look: Look) -> bool:
    return any(
        one.timeframe == other.timeframe
        and not set(one.symbols).isdisjoint(other.symbols)
        and one.until_ms > other.from_ms
        for one in before.candles
        for other in look.candles
    )


def _is_same(one: Look, other: Look) -> bool:
    return replace(one, opened_at_ms=0) == replace(other, opened_at_ms=0)
