"""
What a store lacks, asked for page by page: incremental, and good to go on with after a death at any moment.

Wanted are the bars of a span that the store has not, and for which the exchange was not asked yet. Every answer is
put into the series together with the span that it answers, and the file is replaced as often as that costs little.
A bar that is missing in an answer is asked for a second time; it counts as one that the exchange does not have when
the exchange shows a later one and still not this one. Knows ccxt only through pages.
"""

from collections.abc import Callable
from time import monotonic

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_page import Page
from bot.adapters.candle_pages import CandlePages
from bot.adapters.candle_series import Finding, utc_text
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey, Span, StoredSeries

Progress = Callable[[int, int], None]
"""Takes how many wanted bars were settled, and the time up to which."""

OVERLAP: int = 5
"""Stored candles that are asked for again before the first wanted one: an exchange may have revised them."""

_SAVING_SHARE: float = 0.1
"""The part of the time that may go into writing files. A death costs what came since the last one was written."""


class Revision(Struct, frozen=True):
    """A stored candle that the exchange now tells otherwise: its open, high, low, close and volume."""

    open_time_ms: int
    before: tuple[float, ...]
    after: tuple[float, ...]

    def __str__(self) -> str:
        return f"{utc_text(self.open_time_ms)}: {list(self.before)} is now {list(self.after)}"


class Downloaded(Struct, frozen=True):
    """
    What a download did for one series.

    `missing` counts the bars that were asked for and that the exchange does not have, `untold` those at the end of
    the span after which it has told nothing yet: they will be asked for again. `revisions` are stored candles that
    were replaced, `left_out` rows of answers that no market can have had.
    """

    key: SeriesKey
    added: int
    candles: int
    missing: int
    untold: int
    revisions: tuple[Revision, ...]
    left_out: tuple[Finding, ...]


class Download:
    """
    One series on its way from an exchange into a store.

    Args:
        pages: The exchange, opened.
        store: Where the candles go; the caller holds the right to write.
        key: Which candles.
    """

    def __init__(self, pages: CandlePages, store: CandleStore, key: SeriesKey) -> None:
        self._pages = pages
        self._store = store
        self._key = key
        self._series = store.load(key)
        self._before = len(self._series)
        self._unsaved: list[tuple[Page, Span]] = []
        self._saved_at = monotonic()
        self._saving_s = 0.0
        self._revisions: list[Revision] = []
        self._left_out: dict[int, Finding] = {}
        self._missing = 0
        self._untold = 0
        self._settled_ms = -1

    def wanted(self, from_ms: int, until_ms: int) -> NDArray[np.int64]:
        """When the bars open that lie in the span and are neither stored nor known to be missing, (n,) int64."""
        length = self._key.timeframe.ms
        grid = np.arange(-(-from_ms // length) * length, until_ms // length * length, length, dtype=np.int64)
        known = np.isin(grid, self._series.open_time_ms, assume_unique=True)
        for begin, end in self._series.asked:
            known |= (begin <= grid) & (grid < end)
        return grid[~known]

    async def run(self, from_ms: int, until_ms: int, progress: Progress) -> Downloaded:
        """
        Bring what is wanted of the candles that open from `from_ms` on and close until `until_ms`; tell `progress`.

        Raises:
            CandlewickError: The exchange or the disk refused; what was brought before is saved.
        """
        wanted = self.wanted(from_ms, until_ms)
        end_ms = until_ms // self._key.timeframe.ms * self._key.timeframe.ms
        try:
            while len(wanted):
                left = await self._step(wanted, end_ms)
                progress(len(wanted) - len(left), int(left[0]) if len(left) else end_ms)
                wanted = left
        finally:
            if self._unsaved:
                self._save()
        return Downloaded(
            self._key,
            len(self._series) - self._before,
            len(self._series),
            self._missing,
            self._untold,
            tuple(self._revisions),
            tuple(self._left_out.values()),
        )

    async def _step(self, wanted: NDArray[np.int64], end_ms: int) -> NDArray[np.int64]:
        """Settle the first wanted bars, as many as one answer can; what is wanted after that."""
        length = self._key.timeframe.ms
        first_ms = int(wanted[0])
        since_ms = self._since(first_ms)
        page = await self._thorough(wanted, since_ms, end_ms)
        while not len(told := _between(page.open_time_ms, first_ms, end_ms)):
            # Nothing here: before the market's first day, in a pause longer than a page, or after its last day.
            since_ms += self._pages.candles_a_page * length
            if since_ms >= end_ms or await self._is_over(first_ms, end_ms):
                self._untold = len(wanted)
                return wanted[:0]
            page = await self._thorough(wanted, since_ms, end_ms)
        settled_ms = min(int(told[-1]) + length, end_ms)
        self._take(page, (first_ms, settled_ms))
        self._settled_ms = settled_ms
        settled = int(np.searchsorted(wanted, settled_ms))
        self._missing += int((~np.isin(wanted[:settled], told)).sum())
        return wanted[settled:]

    async def _is_over(self, first_ms: int, end_ms: int) -> bool:
        """Whether a market that has candles before `first_ms` shows none in the last page of the span either."""
        if not self._unsaved and not (self._series.open_time_ms[:1] < first_ms).any():
            return False
        last_ms = max(first_ms, end_ms - self._pages.candles_a_page * self._key.timeframe.ms)
        page = await self._pages.page(self._key.symbol, self._key.timeframe, last_ms)
        return not len(_between(page.open_time_ms, last_ms, end_ms))

    def _since(self, first_ms: int) -> int:
        """Where to begin asking, so that candles that were stored before this run are told again."""
        if first_ms == self._settled_ms:
            return first_ms
        begin_ms = first_ms - OVERLAP * self._key.timeframe.ms
        return int(min(_between(self._series.open_time_ms, begin_ms, first_ms - 1), default=first_ms))

    async def _thorough(self, wanted: NDArray[np.int64], since_ms: int, end_ms: int) -> Page:
        """One answer, and a second one to the same question where the first lacks a wanted bar."""
        page = await self._pages.page(self._key.symbol, self._key.timeframe, since_ms)
        told = _between(page.open_time_ms, since_ms, end_ms)
        reach_ms = int(told[-1]) if len(told) else since_ms + self._pages.candles_a_page * self._key.timeframe.ms
        if np.isin(_between(wanted, since_ms, reach_ms), told).all():
            return page
        again = await self._pages.page(self._key.symbol, self._key.timeframe, since_ms)
        both = self._empty().overlaid(page.open_time_ms, page.ohlcv).overlaid(again.open_time_ms, again.ohlcv)
        left_out = tuple(each for each in again.left_out if each.time_ms not in both.open_time_ms)
        return Page(both.open_time_ms, both.ohlcv, left_out)

    def _empty(self) -> StoredSeries:
        return StoredSeries(self._key, np.empty(0, dtype=np.int64), np.empty((0, 5)))

    def _take(self, page: Page, span: Span) -> None:
        final = page.until(span[1])
        for here, there in self._series.differing(final.open_time_ms, final.ohlcv):
            before, after = self._series.ohlcv[here].tolist(), final.ohlcv[there].tolist()
            self._revisions.append(Revision(int(final.open_time_ms[there]), tuple(before), tuple(after)))
        self._left_out.update((each.time_ms, each) for each in final.left_out)
        self._unsaved.append((final, span))
        if monotonic() - self._saved_at >= self._saving_s / _SAVING_SHARE:
            self._save()

    def _save(self) -> None:
        begun = monotonic()
        times = np.concatenate([page.open_time_ms for page, _ in self._unsaved])
        series = self._series.overlaid(times, np.concatenate([page.ohlcv for page, _ in self._unsaved]))
        for _, span in self._unsaved:
            series = series.after_asking(span)
        self._store.save(series)
        self._series, self._saved_at = series, monotonic()
        self._unsaved.clear()
        self._saving_s = self._saved_at - begun


def _between(times: NDArray[np.int64], first_ms: int, last_ms: int) -> NDArray[np.int64]:
    """Of ascending times those from the first to the last, both included."""
    return times[np.searchsorted(times, first_ms) : np.searchsorted(times, last_ms, side="right")]
