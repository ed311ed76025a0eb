"""What a stored series amounts to: how many rows, of when, by which rules, and how far it can be trusted."""

from typing import Final

from msgspec import Struct

from bot.adapters.external.series_store import SeriesName, StoredRows
from bot.core.market import DAY_MS

BACK_FILL_MS: Final = 7 * DAY_MS
"""A row that reached us so long after it was known may have been revised in between without a trace."""


class SeriesFacts(Struct, frozen=True):
    """
    Counts of rows and revisions, the first and last event, and the sources that rows name.

    `back_filled` are rows that were fetched `BACK_FILL_MS` or more after they became available.
    """

    series: SeriesName
    rows: int
    revisions: int
    back_filled: int
    first_ms: int
    last_ms: int
    sources: tuple[str, ...]


def facts_of(stored: StoredRows) -> SeriesFacts:
    """Count what is there."""
    events = [row.event_time_ms for row in stored.rows]
    return SeriesFacts(
        stored.series,
        len(events),
        sum(row.revision > 0 for row in stored.rows),
        sum(row.fetched_at_ms - row.available_at_ms >= BACK_FILL_MS for row in stored.rows),
        min(events, default=-1),
        max(events, default=-1),
        tuple(sorted({row.source for row in stored.rows})),
    )
