"""
Two accounts of one run, side by side: what its journal recorded, and what its tape gives when it is decided again.

Finds every difference, bit for bit, and names its first cause: the earliest difference upstream of it. Knows nothing
of journals, tapes or engines.
"""

from collections import Counter
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from bot.reporting.run_facts import Fact, FeatureRow, Stage

_NOTHING: Final = "nothing"


class Change(Struct, frozen=True):
    """One value that is not the same; floats in the shortest words that tell them apart."""

    name: str
    recorded: str
    again: str


class RunDifference(Struct, frozen=True):
    """
    One fact that is not the same.

    `number` counts from 1, in the order of time and stages. `first_cause` is the number of the difference that this
    one follows from; its own where nothing upstream differs. `changes` names the values; a fact that one side does
    not have at all is a single change of its whole.
    """

    number: int
    stage: str
    symbol: str
    instant_ms: int
    changes: tuple[Change, ...]
    first_cause: int


class ParityReport(Struct, frozen=True):
    """What was compared, by stage, and what differs."""

    compared: dict[str, int]
    differences: tuple[RunDifference, ...]


class _Unlike(Struct, frozen=True):
    fact: Fact
    place: int
    recorded: Struct | None
    again: Struct | None


_Key = tuple[Stage, str, int, int]


class Comparison:
    """Takes the facts of both accounts, in any order between the two; those of one instant each in their own order."""

    def __init__(self) -> None:
        self._compared: Counter[Stage] = Counter()
        self._places: tuple[Counter[tuple[Stage, str, int]], ...] = (Counter(), Counter())
        self._waiting: tuple[dict[_Key, Fact], dict[_Key, Fact]] = ({}, {})
        self._unlike: list[_Unlike] = []

    def recorded(self, fact: Fact) -> None:
        """Take a fact of the journal."""
        self._take(fact, 0)

    def again(self, fact: Fact) -> None:
        """Take a fact of the second account."""
        self._take(fact, 1)

    def report(self) -> ParityReport:
        """Everything that was compared, and every difference."""
        alone = [
            _Unlike(fact, key[3], *((fact.value, None) if side == 0 else (None, fact.value)))
            for side, waiting in enumerate(self._waiting)
            for key, fact in waiting.items()
        ]
        found = sorted(
            (*self._unlike, *alone),
            key=lambda one: (one.fact.instant_ms, one.fact.stage, one.fact.symbol, one.place),
        )
        causes = _first_causes([one.fact for one in found])
        differences = tuple(
            RunDifference(
                number,
                one.fact.stage.label,
                one.fact.symbol,
                one.fact.instant_ms,
                tuple(_changes(one.recorded, one.again)),
                cause,
            )
            for number, (one, cause) in enumerate(zip(found, causes, strict=True), 1)
        )
        compared = {stage.label: self._compared[stage] for stage in Stage}
        for one in alone:
            compared[one.fact.stage.label] += 1
        return ParityReport(compared, differences)

    def _take(self, fact: Fact, side: int) -> None:
        spot = (fact.stage, fact.symbol, fact.instant_ms)
        place = self._places[side][spot]
        self._places[side][spot] += 1
        key = (*spot, place)
        other = self._waiting[1 - side].pop(key, None)
        if other is None:
            self._waiting[side][key] = fact
            return
        self._compared[fact.stage] += 1
        # Bytes, because 0.0 equals -0.0 and NaN does not equal itself.
        if msgspec.msgpack.encode(fact.value) != msgspec.msgpack.encode(other.value):
            pair = (fact.value, other.value) if side == 0 else (other.value, fact.value)
            self._unlike.append(_Unlike(fact, place, *pair))


class _Reach(IntEnum):
    """How far back the cause of a difference may lie."""

    ITSELF = 0
    INSTANT = 1
    RUN = 2


_REACH: Final = {
    Stage.CANDLE: _Reach.ITSELF,
    # A recurrence remembers every candle before, and a market's window is shown when all have reported.
    Stage.FEATURE: _Reach.RUN,
    # A function of one window.
    Stage.FORECAST: _Reach.INSTANT,
    # What is held follows from everything before, and markets share the cash.
    Stage.SIGNAL: _Reach.RUN,
    Stage.ORDER: _Reach.RUN,
    Stage.FILL: _Reach.RUN,
}


def _first_causes(facts: list[Fact]) -> list[int]:
    """
    For each of the facts, in the order of time and stages, the number of its first cause.

    The nearest place where one can be is looked at first: the market's own instant, then the market, then the run.
    """
    causes: list[int] = []
    first_of_spot: dict[tuple[str, int], int] = {}
    first_of_market: dict[str, int] = {}
    for place, fact in enumerate(facts):
        upstream = (
            (_Reach.INSTANT, first_of_spot.setdefault((fact.symbol, fact.instant_ms), place)),
            (_Reach.RUN, first_of_market.setdefault(fact.symbol, place)),
            (_Reach.RUN, 0),
        )
        reach = _REACH[fact.stage]
        found = next((at for how, at in upstream if how <= reach and _is_upstream(facts[at], fact)), None)
        causes.append(place + 1 if found is None else causes[found])
    return causes


def _is_upstream(one: Fact, fact: Fact) -> bool:
    return (one.instant_ms, one.stage) < (fact.instant_ms, fact.stage)


def _changes(recorded: Struct | None, again: Struct | None) -> Iterator[Change]:
    if recorded is None or again is None or type(recorded) is not type(again):
        yield Change("", _whole(recorded), _whole(again))
        return
    before, after = _values(recorded), _values(again)
    for name, value in before.items():
        if value != after[name]:
            yield Change(name, value, after[name])


def _whole(value: Struct | None) -> str:
    if value is None:
        return _NOTHING
    words = ", ".join(f"{name} {text}" for name, text in _values(value).items())
    return f"{type(value).__name__} ({words})"


def _values(value: Struct) -> dict[str, str]:
    return value.values() if isinstance(value, FeatureRow) else {name: _text(v) for name, v in asdict(value).items()}


def _text(value: object) -> str:
    # The shortest words that read back as the same float; an enumeration or an amount in its own.
    return repr(value) if isinstance(value, float) else str(value)
