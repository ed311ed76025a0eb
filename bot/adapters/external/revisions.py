"""
Which of the rows that a source tells are news, and which revision each of them is. Pure.

A source can speak in two ways. A collector hears what it says *now*: whatever differs from before counts as known
from the moment at which it was heard. A file says what was known *when*: its own times stand, and must agree with
what is there already.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from bot.core.errors import DataError
from bot.core.external import ExternalRow, Identity


class Known:
    """The rows of one series, looked up by what they are about."""

    def __init__(self, rows: Iterable[ExternalRow] = ()) -> None:
        self._newest: dict[Identity, ExternalRow] = {}
        self._said: set[tuple[Identity, int, float | str]] = set()
        self.count = 0
        self.newest_event_ms = -1
        for row in rows:
            self._take(row)

    def hear(self, told: Iterable[ExternalRow]) -> list[ExternalRow]:
        """
        Take what a source says now; return the rows that are new, numbered.

        A value that differs from the newest revision is the next one, available when it was fetched and not before.
        Where an answer says one thing twice, the later word stands.
        """
        return [self._take(row) for row in map(self._heard, _last_words(told)) if row is not None]

    def read(self, told: Iterable[ExternalRow]) -> list[ExternalRow]:
        """
        Take rows that say themselves from when on they were known; return those that are new, numbered.

        Raises:
            DataError: A row contradicts one that is here, and does not claim to be later; or it comes with another
                delay.
        """
        in_order = sorted(told, key=lambda row: (row.available_at_ms, row.event_time_ms))
        return [self._take(row) for row in map(self._dated, in_order) if row is not None]

    def _heard(self, row: ExternalRow) -> ExternalRow | None:
        before = self._newest.get(row.identity)
        if before is None:
            return row
        if row.said == before.said:
            return None
        known_ms = max(row.available_at_ms, row.fetched_at_ms, before.available_at_ms)
        return replace(row, revision=before.revision + 1, available_at_ms=known_ms)

    def _dated(self, row: ExternalRow) -> ExternalRow | None:
        before = self._newest.get(row.identity)
        if before is None:
            return row
        if (row.identity, row.available_at_ms, row.said) in self._said:
            return None
        if row.said == before.said:
            self._require_same_delay(row, before)
            return None
        if row.available_at_ms > before.available_at_ms:
            return replace(row, revision=before.revision + 1)
        raise DataError(
            f"{row.source}: {row.said!r} at {row.identity!r}, available at {row.available_at_ms}, contradicts "
            f"{before.said!r} of revision {before.revision}, available at {before.available_at_ms}: find out which "
            f"is wrong, or keep them in another series"
        )

    def _require_same_delay(self, row: ExternalRow, before: ExternalRow) -> None:
        # A file that states its times may say one thing twice; a delay is one answer for all rows, and decides what
        # a study may see: the other one must not seem to hold.
        if not (row.stated or before.stated) and row.available_at_ms != before.available_at_ms:
            raise DataError(
                f"{row.source}: {row.identity!r} is here already, known from {before.available_at_ms} on and not from "
                f"{row.available_at_ms}: give the same --delay, or keep it in another series"
            )

    def _take(self, row: ExternalRow) -> ExternalRow:
        before = self._newest.get(row.identity)
        if before is None or row.revision > before.revision:
            self._newest[row.identity] = row
        self._said.add((row.identity, row.available_at_ms, row.said))
        self.count += 1
        self.newest_event_ms = max(self.newest_event_ms, row.event_time_ms)
        return row


def _last_words(told: Iterable[ExternalRow]) -> Iterable[ExternalRow]:
    return {row.identity: row for row in told}.values()
