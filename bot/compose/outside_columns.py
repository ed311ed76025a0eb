"""
Outside series of a store as columns beside those of candles, and how far their rows can be trusted.

A history that is fetched today holds today's revisions: what counts from when it is no matter of the values alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from bot.adapters.candle_series import utc_text
from bot.adapters.external.series_store import SeriesStore, series_name
from bot.core.errors import ConfigError
from bot.core.external import AnyRow, Headline, Observation, as_first_seen, came_late
from strategies.forecasting.datasets import Beside
from strategies.forecasting.external.groups import (
    NEWS,
    NUMBER_GROUPS,
    FeatureGroup,
    external_names,
    external_rows,
    news_group,
    number_group,
)

GROUPS: Final = (*NUMBER_GROUPS, NEWS)

_FEEDS: Final = "rss"

Rows: TypeAlias = Sequence[Observation] | Sequence[Headline]


class GroupRows(Struct, frozen=True):
    """
    How far the rows of a group can be trusted.

    `stated` are those whose teller states of each when it was known, `back_filled` those of the rest that reached us a
    week or more after they were known. `counts_late` says whether the latter count from then on all the same, or from
    when they reached us. Before `known_from_ms` nothing is known of one series of it at least.
    """

    name: str
    rows: int
    stated: int
    back_filled: int
    counts_late: bool
    known_from_ms: int

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what must be known before a result is believed that these rows have a part in."""
        said = []
        if self.counts_late and self.back_filled:
            said.append(
                f"Back-filled: {_share(self.back_filled, self.rows)} of {self.name} were fetched a week or more after "
                "they count from, with whatever was revised in between; that they were known then cannot be claimed."
            )
        if self.stated:
            said.append(
                f"Taken at their word: {_share(self.stated, self.rows)} of {self.name} count from when their file says "
                "that they were known; their values may have been revised since."
            )
        return tuple(said)


class Outside(Struct, frozen=True, eq=False):
    """Columns of outside series, and of what rows they are."""

    beside: Beside
    groups: tuple[GroupRows, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a report says first of all groups."""
        return tuple(sentence for group in self.groups for sentence in group.sentences)

    def require_known(self, last_close_ms: int) -> None:
        """
        Make sure that something of every series was known while candles closed.

        Raises:
            ConfigError: Nothing was, of one of them.
        """
        for group in self.groups:
            if group.known_from_ms > last_close_ms:
                raise ConfigError(
                    f"of {group.name} nothing had been fetched by {utc_text(last_close_ms)}, when the candles end, "
                    f"and {_share(group.back_filled, group.rows)} were fetched long after they were known, revised or "
                    "not: say --backfilled to count them from the time that their source gives, and the report says so"
                )


def outside_columns(names: Sequence[str], folder: Path, *, backfilled: bool) -> Outside | None:
    """
    Make the groups of these names of what a store holds; None for no names.

    A row counts from when it reached us, unless its teller states when it was known.

    Args:
        names: Some of `GROUPS`.
        folder: The store.
        backfilled: Whether rows that reached us a week or more late count from when their source says. All that counts
            before it reached us can then be named.

    Raises:
        ConfigError: There is no such group.
        DataError: The store lacks a series of a group, or it cannot be read.
    """
    if not names:
        return None
    store = SeriesStore(folder)
    told = [_group(name, store, backfilled=backfilled) for name in dict.fromkeys(names)]
    groups = [group for group, _ in told]
    beside = Beside(external_names(groups), lambda close_time_ms: external_rows(groups, close_time_ms))
    return Outside(beside, tuple(trust for _, trust in told))


def _group(name: str, store: SeriesStore, *, backfilled: bool) -> tuple[FeatureGroup, GroupRows]:
    if name == NEWS:
        feeds = [store.read(series) for series in store.series() if series.source == _FEEDS]
        headlines = [row for feed in feeds for row in feed.rows if isinstance(row, Headline)]
        group = news_group(_counted(headlines, backfilled=backfilled))
        return group, _trust(group, headlines, backfilled=backfilled)
    if name not in NUMBER_GROUPS:
        raise ConfigError(f"there is no group {name}: choose of {', '.join(GROUPS)}")
    numbers = {
        reading.series: [row for row in store.read(series_name(reading.series)).rows if isinstance(row, Observation)]
        for reading in NUMBER_GROUPS[name]
    }
    group = number_group(name, {series: _counted(rows, backfilled=backfilled) for series, rows in numbers.items()})
    return group, _trust(group, [row for rows in numbers.values() for row in rows], backfilled=backfilled)


def _counted(rows: Sequence[AnyRow], *, backfilled: bool) -> list[AnyRow]:
    """The same rows with the times from which they count."""
    seen = as_first_seen(rows)
    return [row if backfilled and came_late(row) else first for row, first in zip(rows, seen, strict=True)]


def _trust(group: FeatureGroup, rows: Rows, *, backfilled: bool) -> GroupRows:
    return GroupRows(
        group.name,
        len(rows),
        sum(row.stated for row in rows),
        sum(came_late(row) and not row.stated for row in rows),
        backfilled,
        max(int(part.known_from_ms[0]) for part in group.parts),
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} of the rows ({part:,} of {whole:,})"
