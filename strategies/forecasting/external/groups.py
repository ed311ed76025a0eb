"""
Groups of outside features: what is added to the rows of candles, and left out again in an ablation.

A group turns close times into rows and knows nothing else of candles. Its columns are always finite: what is missing
is 0, says so in its flag, and is as old as it may be.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.external import Headline, Observation
from strategies.forecasting.external.asof import KnownSteps
from strategies.forecasting.external.readings import FEAR_GREED, MARKET, ON_CHAIN, SeriesReading, steps_of
from strategies.forecasting.external.sentiment import HOUR_MS, WINDOWS_MS, lexicon_version, news_steps

NUMBER_GROUPS: Final[Mapping[str, tuple[SeriesReading, ...]]] = {
    "market": MARKET,
    "onchain": ON_CHAIN,
    "fear_greed": FEAR_GREED,
}
"""The groups that are made of stored numbers, by name; the fourth, `news`, is made of headlines."""

NEWS: Final = "news"


class FeatureGroup(Struct, frozen=True, eq=False):
    """Columns that come and go together. `version` is of what they were made with, beside the rows."""

    name: str
    parts: tuple[KnownSteps, ...]
    version: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the C columns, in order."""
        return tuple(column for part in self.parts for column in part.columns)

    @property
    def fingerprint(self) -> str:
        """The sha256, in hex, of everything that decides the group's rows."""
        digest = hashlib.sha256("\0".join((self.name, self.version, *self.columns)).encode())
        for part in self.parts:
            digest.update(f"{part.max_age_ms}\0{len(part.known_from_ms)}".encode())
            for array in (part.known_from_ms, part.event_time_ms, part.values):
                digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def rows(self, close_time_ms: NDArray[np.int64]) -> NDArray[np.float32]:
        """What was known at each close, `(n, C)` float32, every value finite."""
        return np.concatenate([part.features(close_time_ms) for part in self.parts], axis=1)


def number_group(name: str, rows_of: Mapping[str, Sequence[Observation]]) -> FeatureGroup:
    """
    Make one of `NUMBER_GROUPS` of the rows of its series.

    Args:
        name: The group's.
        rows_of: Rows by the name of their series; others than the group's are not looked at.

    Raises:
        DataError: A series of the group has no rows, or holds a revision twice.
    """
    readings = NUMBER_GROUPS[name]
    if lacking := [reading.series for reading in readings if not rows_of.get(reading.series)]:
        raise DataError(
            f"the group {name} needs {', '.join(lacking)}: `candlewick external download` brings what sources tell, "
            f"`candlewick external import` what files hold"
        )
    return FeatureGroup(name, tuple(steps_of(reading, rows_of[reading.series]) for reading in readings))


def news_group(headlines: Iterable[Headline], windows_ms: Sequence[int] = WINDOWS_MS) -> FeatureGroup:
    """
    Make the group `news`: tone and number of the headlines of each window.

    Raises:
        ConfigError: The library that scores is not installed.
        DataError: There are no headlines.
    """
    told = list(headlines)
    if not told:
        raise DataError(
            "the group news needs headlines: `candlewick external download rss/NAME --url FEED` brings them"
        )
    parts = tuple(news_steps(f"{NEWS}_{window // HOUR_MS}h", told, window) for window in windows_ms)
    return FeatureGroup(NEWS, parts, lexicon_version())


def external_names(groups: Iterable[FeatureGroup]) -> tuple[str, ...]:
    """The names of all columns, in the order of `external_rows`."""
    return tuple(column for group in groups for column in group.columns)


def external_rows(groups: Sequence[FeatureGroup], close_time_ms: NDArray[np.int64]) -> NDArray[np.float32]:
    """
    All groups side by side, `(n, C)` float32; `(n, 0)` where there is no group.

    To be put behind the rows of the candles that close at these times: `open_time_ms + timeframe_ms`.
    """
    none = np.empty((len(close_time_ms), 0), dtype=np.float32)
    return np.concatenate([none, *(group.rows(close_time_ms) for group in groups)], axis=1)
