"""Outside series of a store as columns beside those of candles: the groups that were asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bot.adapters.external.series_store import SeriesStore, series_name
from bot.core.errors import ConfigError
from bot.core.external import Headline, Observation
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


def outside_columns(names: Sequence[str], folder: Path) -> Beside | None:
    """
    Make the groups of these names of what a store holds; None for no names.

    Args:
        names: Some of `GROUPS`.
        folder: The store.

    Raises:
        ConfigError: There is no such group.
        DataError: The store lacks a series of a group, or it cannot be read.
    """
    if not names:
        return None
    store = SeriesStore(folder)
    groups = [_group(name, store) for name in dict.fromkeys(names)]
    return Beside(external_names(groups), lambda close_time_ms: external_rows(groups, close_time_ms))


def _group(name: str, store: SeriesStore) -> FeatureGroup:
    if name == NEWS:
        feeds = [store.read(series) for series in store.series() if series.source == _FEEDS]
        return news_group(row for feed in feeds for row in feed.rows if isinstance(row, Headline))
    if name not in NUMBER_GROUPS:
        raise ConfigError(f"there is no group {name}: choose of {', '.join(GROUPS)}")
    told = {reading.series: store.read(series_name(reading.series)).rows for reading in NUMBER_GROUPS[name]}
    return number_group(
        name, {series: [row for row in rows if isinstance(row, Observation)] for series, rows in told.items()}
    )
