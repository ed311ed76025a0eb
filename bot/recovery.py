"""
Taking up a run that exists: the newest snapshot, then the tail of the journal, then the market.

Recorded intents win over recomputed ones: where they differ, the run is not gone on with.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from bot.core.commands import CancelOrder, Deed, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import AnyEvent, RunStarted
from bot.engine.engine import Engine

_SHA256_DIGITS: Final = 64


class Taken(Struct, frozen=True):
    """What a journal held after its newest snapshot."""

    events: int
    deeds: int


def restore(engine: Engine, snapshot: bytes | None, tail: Iterable[AnyEvent | Deed]) -> Taken:
    """
    Bring a fresh engine to where the journal ends.

    Args:
        engine: Built from the journal's own first record.
        snapshot: The newest one; None where there is none yet.
        tail: Events and deeds recorded after it, in order.

    Raises:
        JournalError: The engine decides otherwise than what was recorded.
    """
    if snapshot is not None:
        engine.load(snapshot)
    expected: list[Deed] = []
    events = deeds = 0
    for record in tail:
        if isinstance(record, (SubmitOrder, CancelOrder)):
            deeds += 1
            if not expected or expected.pop(0) != record:
                raise JournalError(f"the journal holds a deed that this engine would not do: {record}")
            continue
        _all_done(expected)
        events += 1
        expected = [command for command in engine.process(record) if isinstance(command, (SubmitOrder, CancelOrder))]
    _all_done(expected)
    return Taken(events, deeds)


def _all_done(expected: list[Deed]) -> None:
    if expected:
        raise JournalError(f"this engine would have done what the journal does not hold: {expected[0]}")


def differences(recorded: RunStarted, wanted: RunStarted) -> list[str]:
    """Name everything in which a recorded run differs from the one that is asked for; empty when nothing does."""
    found = []
    for key in sorted(recorded.settings.keys() | wanted.settings.keys()):
        was, now = recorded.settings.get(key, "none"), wanted.settings.get(key, "none")
        if was != now and key != "profile.description":
            found.append(f"{key} was {was} and is {now}")
    for key in sorted(recorded.fingerprints.keys() | wanted.fingerprints.keys()):
        was, now = recorded.fingerprints.get(key, "none"), wanted.fingerprints.get(key, "none")
        if was != now and key != "settings":
            found.append(f"{key} was {_short(was)} and is {_short(now)}")
    symbols, asked = ([i.symbol for i in run.instruments] for run in (recorded, wanted))
    if symbols != asked:
        found.append(f"the markets were {', '.join(symbols)} and are {', '.join(asked)}")
    elif recorded.instruments != wanted.instruments:
        found.append("the trading rules or costs of a market are others")
    if recorded.timeframe != wanted.timeframe:
        found.append(f"the timeframe was {recorded.timeframe} and is {wanted.timeframe}")
    return found


def _short(value: str) -> str:
    # A sha256 is told by its first digits.
    return ",".join(part[:12] if len(part) == _SHA256_DIGITS else part for part in value.split(","))
