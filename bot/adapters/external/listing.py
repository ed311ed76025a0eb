"""What a stored series amounts to: how many rows, of when, by which rules, and how far it can be trusted."""

from msgspec import Struct

from bot.adapters.external.series_store import SeriesName, StoredRows
from bot.core.external import came_late


class SeriesFacts(Struct, frozen=True):
    """
    Counts of rows and revisions, the first and last event, and the sources that rows name.

    `back_filled` are rows that were fetched long after they became available; `stated` those whose teller states of
    each when it was known.
    """

    series: SeriesName
    rows: int
    revisions: int
    back_filled: int
    stated: int
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
        sum(map(came_late, stored.rows)),
        sum(row.stated for row in stored.rows),
        min(events, default=-1),
        max(events, default=-1),
        tuple(sorted({row.source for row in stored.rows})),
    )
