"""
From a source or a file into the store: only what is lacking, each answer saved before the next question.

The newest stretch of a series is asked for again every time, because sources revise. Whoever is killed goes on with
the same command: what was answered is on the disk, and the rest is still lacking. Knows no particular source.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from bot.adapters.external.series_store import SeriesName, SeriesStore, SeriesWriter, Span, merged
from bot.core.external import ExternalRow


class Page(Struct, frozen=True):
    """
    One answer: its rows, and the event time up to which, exclusive, it speaks.

    A source that cuts long answers short speaks up to its last row.
    """

    rows: Sequence[ExternalRow]
    until_ms: int


@runtime_checkable
class RangedSource(Protocol):
    """A source that can be asked for a span of event times."""

    series: SeriesName
    revisit_ms: int
    """How far back from now values are still revised, or not told yet."""
    longest_ms: int
    """The longest span of one question."""

    def page(self, span: Span) -> Page:
        """Answer from the begin of a span on. Raises `VenueError`."""
        ...


class CurrentSource(Protocol):
    """A source that shows what it shows now, as feeds do."""

    series: SeriesName
    revisit_ms: int
    """How far back from the newest stored event values are still revised."""

    def current(self, since_ms: int) -> Sequence[ExternalRow]:
        """Tell what there is, at least what happened since then, where it still shows that. Raises `VenueError`."""
        ...


class Collected(Struct, frozen=True):
    """What was done for one series: rows of new events, rows that revise known ones, rows in the store."""

    series: SeriesName
    added: int
    revised: int
    rows: int


def collect_span(
    source: RangedSource, store: SeriesStore, span: Span, now_ms: int, revisit_ms: int | None = None
) -> Collected:
    """
    Ask for what the store lacks of a span, and again for what may have been revised.

    Args:
        source: Whom to ask.
        store: Where the rows go.
        span: Wanted event times.
        now_ms: The time; nothing is asked beyond it.
        revisit_ms: How far back to ask again; the source's own when None.

    Raises:
        CandlewickError: The source or the disk refused; what was answered before is saved.
    """
    settled_ms = now_ms - (source.revisit_ms if revisit_ms is None else revisit_ms)
    with store.writing(source.series) as writer:
        before = writer.known.count
        revised = 0
        asked = ((begin, min(end, settled_ms)) for begin, end in writer.asked)
        for lacking in list(lacking_of((span[0], min(span[1], now_ms)), asked)):
            begin_ms = lacking[0]
            while begin_ms < lacking[1]:
                page = _believed(source, (begin_ms, min(lacking[1], begin_ms + source.longest_ms)))
                revised += _keep(writer, page.rows, (begin_ms, min(page.until_ms, settled_ms)))
                begin_ms = page.until_ms
        return Collected(source.series, writer.known.count - before - revised, revised, writer.known.count)


def collect_current(source: CurrentSource, store: SeriesStore, revisit_ms: int | None = None) -> Collected:
    """
    Ask a source for what it shows now, back to the newest stored event and a stretch more.

    Args:
        source: Whom to ask.
        store: Where the rows go.
        revisit_ms: How long that stretch is; the source's own when None.

    Raises:
        CandlewickError: The source or the disk refused; what was there before is kept.
    """
    with store.writing(source.series) as writer:
        before = writer.known.count
        back_ms = source.revisit_ms if revisit_ms is None else revisit_ms
        rows = source.current(max(writer.known.newest_event_ms - back_ms, 0))
        revised = _keep(writer, rows, None)
        return Collected(source.series, writer.known.count - before - revised, revised, writer.known.count)


def import_rows(store: SeriesStore, series: SeriesName, rows: Sequence[ExternalRow]) -> Collected:
    """
    Put rows into the store that say themselves from when on they were known.

    Raises:
        DataError: They contradict what is there.
        StorageError: The disk refused; what was there before is kept.
    """
    with store.writing(series) as writer:
        before = writer.known.count
        fresh = writer.known.read(rows)
        writer.append(fresh)
        revised = sum(row.revision > 0 for row in fresh)
        return Collected(series, writer.known.count - before - revised, revised, writer.known.count)


def lacking_of(span: Span, asked: Iterable[Span]) -> Iterator[Span]:
    """The parts of a span that no other span covers, ascending."""
    begin_ms = span[0]
    for covered_from, covered_until in merged(each for each in asked if each[0] < each[1]):
        if covered_from >= span[1]:
            break
        if begin_ms < covered_from:
            yield begin_ms, covered_from
        begin_ms = max(begin_ms, covered_until)
    if begin_ms < span[1]:
        yield begin_ms, span[1]


def _believed(source: RangedSource, span: Span) -> Page:
    """An answer; that there is nothing is believed when it has been said twice."""
    page = source.page(span)
    return page if page.rows else source.page(span)


def _keep(writer: SeriesWriter, rows: Sequence[ExternalRow], asked: Span | None) -> int:
    """Save what is new in an answer; how many rows of it revise known ones."""
    fresh = writer.known.hear(rows)
    writer.append(fresh, asked)
    return sum(row.revision > 0 for row in fresh)
