"""
What is known of the world beside candles, and from when on: numbers and headlines.

A row that changes later is a row more, a revision, kept beside the one before: what was known at a time can always
be asked. Knows nothing of where rows come from or where they are kept.
"""

from collections.abc import Iterable
from math import isfinite
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bot.core.errors import DataError
from bot.core.market import DAY_MS

BACK_FILL_MS: Final = 7 * DAY_MS
"""A row that reached us so long after it was known may have been revised in between without a trace."""

Identity: TypeAlias = int | str
"""What the revisions of one thing have in common: the time of a number, the key of a headline."""


class Observation(Struct, frozen=True, tag="number", omit_defaults=True):
    """
    One value of a series, as it was known from `available_at_ms` on.

    `event_time_ms` is what the value is about: the begin of its day, the instant of a snapshot. `fetched_at_ms` is
    when it reached us. `source` names who says it and the rule by which `available_at_ms` was set. Revision 0 is the
    first word on an event, each later word has the next number. `stated` says that its teller states of each row when
    it was known: testimony about the time, and none that the value is the one of then.

    Raises:
        DataError: The value is not finite, or the row would have been known before it happened.
    """

    event_time_ms: int
    available_at_ms: int
    fetched_at_ms: int
    source: str
    revision: int
    value: float
    stated: bool = False

    def __post_init__(self) -> None:
        _require_possible(self)
        if not isfinite(self.value):
            raise DataError(f"{self.source}: the value at {self.event_time_ms} is {self.value}, which is no number")

    @property
    def identity(self) -> Identity:
        """Its event: a series has one value a time."""
        return self.event_time_ms

    @property
    def said(self) -> float | str:
        """What a revision changes."""
        return self.value


class Headline(Struct, frozen=True, tag="headline", omit_defaults=True):
    """
    One headline, with the times, source and revision of an `Observation`.

    `key` is what its publisher knows it by. Another text under the same key is a revision of it.
    """

    event_time_ms: int
    available_at_ms: int
    fetched_at_ms: int
    source: str
    revision: int
    key: str
    text: str
    stated: bool = False

    def __post_init__(self) -> None:
        _require_possible(self)
        if not self.key or not self.text:
            raise DataError(f"{self.source}: a headline at {self.event_time_ms} has no key or no text")

    @property
    def identity(self) -> Identity:
        """Its publisher's key."""
        return self.key

    @property
    def said(self) -> float | str:
        """What a revision changes."""
        return self.text


ExternalRow: TypeAlias = Observation | Headline
AnyRow = TypeVar("AnyRow", Observation, Headline)


def as_first_seen(rows: Iterable[AnyRow]) -> list[AnyRow]:
    """
    The same rows, none of them known before it was fetched, but for those whose teller states when it was known.

    What was fetched long after it became available may have been revised in between without a trace. This is the
    way to leave it out. Whoever states when each row was known is taken at his word.
    """
    return [
        row if row.stated else replace(row, available_at_ms=max(row.available_at_ms, row.fetched_at_ms)) for row in rows
    ]


def came_late(row: ExternalRow) -> bool:
    """Whether a row reached us so long after it was known that it may have been revised in between."""
    return row.fetched_at_ms - row.available_at_ms >= BACK_FILL_MS


def _require_possible(row: ExternalRow) -> None:
    if not (0 <= row.event_time_ms <= row.available_at_ms and row.fetched_at_ms >= 0 and row.revision >= 0):
        raise DataError(
            f"{row.source}: revision {row.revision} of {row.event_time_ms}, available at {row.available_at_ms} and "
            f"fetched at {row.fetched_at_ms}, cannot be: a row is known when it has happened, not before"
        )
