"""Downloads from a venue on loopback through the real ccxt, and the pauses that they make."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.adapters.candle_download import Download, Downloaded
from bot.adapters.candle_pages import CandlePages, Patience
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS
from tests.download_venue import SYMBOL, DownloadVenue

HOUR = Timeframe.H1.ms
KEY = SeriesKey("binance", SYMBOL, Timeframe.H1)
QUICK = Patience(retries_s=(0.0, 0.0, 0.0))


class Pauses(list[float]):
    async def sleep(self, seconds: float) -> None:
        self.append(seconds)


@asynccontextmanager
async def opened(
    venue: DownloadVenue, patience: Patience = QUICK, pauses: Pauses | None = None
) -> AsyncIterator[CandlePages]:
    sleep = (Pauses() if pauses is None else pauses).sleep
    pages = CandlePages("binance", [SYMBOL], venue.url, patience=patience, sleep=sleep)
    pages._exchange.enableRateLimit = False
    pages._exchange.timeout_on_exit = 0
    async with pages:
        yield pages


async def download(
    venue: DownloadVenue, folder: Path, hours: tuple[int, int] = (0, 10_000), pauses: Pauses | None = None
) -> Downloaded:
    """Bring the hours of a span, counted from the venue's first."""
    async with opened(venue, pauses=pauses) as pages:
        until_ms = min(ORIGIN_MS + hours[1] * HOUR, await pages.final_before_ms())
        told = Download(pages, CandleStore(folder), KEY)
        return await told.run(ORIGIN_MS + hours[0] * HOUR, until_ms, lambda _candles, _until_ms: None)
