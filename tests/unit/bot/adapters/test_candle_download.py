"""Downloads through the real ccxt from a venue on loopback: what it misbehaves in, and what is stored in the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from bot.adapters.candle_download import OVERLAP, Download
from bot.adapters.candle_pages import CandlePages
from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey, StoredSeries
from bot.core.errors import VenueUnavailable
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS
from tests.download_venue import DownloadVenue, Trouble
from tests.unit.bot.adapters.candle_downloads import HOUR, KEY, QUICK, Pauses, download, opened


def stored(folder: Path) -> StoredSeries:
    return CandleStore(folder).load(KEY)


def holds(folder: Path, venue: DownloadVenue, first: int, last: int) -> bool:
    """Whether the store has the venue's candles of these hours and nothing else."""
    times, ohlcv = venue.truth(ORIGIN_MS + first * HOUR, ORIGIN_MS + last * HOUR)
    kept = stored(folder)
    return bool(np.array_equal(kept.open_time_ms, times) and np.array_equal(kept.ohlcv, ohlcv))


@pytest.mark.asyncio
async def test_every_final_candle_is_stored_and_the_open_one_is_not(tmp_path):
    with DownloadVenue(100, page=30) as venue:
        done = await download(venue, tmp_path)
    assert (done.added, done.candles, done.missing, done.untold) == (100, 100, 0, 0)
    assert holds(tmp_path, venue, 0, 100)


@pytest.mark.asyncio
async def test_a_candle_is_final_a_minute_after_its_end_by_the_venue_s_clock(tmp_path):
    with DownloadVenue(10) as venue:
        venue.now_ms = ORIGIN_MS + 10 * HOUR + 59_999
        assert (await download(venue, tmp_path)).candles == 9
        venue.now_ms += 1
        assert (await download(venue, tmp_path)).candles == 10
    assert holds(tmp_path, venue, 0, 10)


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", Trouble)
async def test_trouble_on_the_way_changes_nothing(tmp_path, trouble):
    with DownloadVenue(60, page=20) as venue:
        venue.troubles.extend([trouble, None, trouble])
        await download(venue, tmp_path)
        assert venue.fired == {trouble: 2}
    assert holds(tmp_path, venue, 0, 60)
    assert stored(tmp_path).asked == ((ORIGIN_MS, ORIGIN_MS + 60 * HOUR),)


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", [Trouble.HALF, Trouble.CUT])
async def test_half_an_answer_is_no_answer_however_often_it_comes(tmp_path, trouble):
    with DownloadVenue(60, page=20) as venue:
        venue.troubles.extend([None, trouble, trouble, trouble])
        assert (await download(venue, tmp_path)).untold == 0
    assert holds(tmp_path, venue, 0, 60)


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(3))
async def test_a_troubled_download_is_the_same_bytes_as_an_untroubled_one(tmp_path, seed):
    missing = [ORIGIN_MS + hour * HOUR for hour in (0, 1, 40, 41, 42, 150)]
    for name, chance in (("calm", 0.0), ("troubled", 0.9)):
        with DownloadVenue(300, page=25, missing=missing) as venue:
            venue.trouble(seed, chance)
            done = await download(venue, tmp_path / name)
        assert (done.candles, done.missing) == (294, 6)
    assert venue.fired.total() >= 5
    calm, troubled = (CandleStore(tmp_path / name).path(KEY).read_bytes() for name in ("calm", "troubled"))
    assert calm == troubled


@pytest.mark.asyncio
async def test_a_download_goes_on_where_the_store_ends(tmp_path):
    with DownloadVenue(100) as venue:
        await download(venue, tmp_path, (10, 50))
        await download(venue, tmp_path, (10, 80))
        assert venue.pages == [ORIGIN_MS + 10 * HOUR, ORIGIN_MS + (50 - OVERLAP) * HOUR]
        await download(venue, tmp_path, (10, 80))
        assert len(venue.pages) == 2
    assert holds(tmp_path, venue, 10, 80)


@pytest.mark.asyncio
async def test_an_earlier_beginning_and_a_hole_between_two_spans_are_brought_too(tmp_path):
    with DownloadVenue(100, page=15) as venue:
        await download(venue, tmp_path, (60, 70))
        await download(venue, tmp_path, (30, 40))
        assert stored(tmp_path).asked == tuple(
            (ORIGIN_MS + first * HOUR, ORIGIN_MS + last * HOUR) for first, last in ((30, 40), (60, 70))
        )
        await download(venue, tmp_path, (0, 100))
    assert holds(tmp_path, venue, 0, 100)
    assert stored(tmp_path).asked == ((ORIGIN_MS, ORIGIN_MS + 100 * HOUR),)


@pytest.mark.asyncio
async def test_a_bar_that_the_venue_does_not_have_is_asked_for_twice_and_then_never_again(tmp_path):
    with DownloadVenue(50, missing=[ORIGIN_MS + 20 * HOUR]) as venue:
        done = await download(venue, tmp_path)
        assert (done.missing, len(venue.pages)) == (1, 2)
        done = await download(venue, tmp_path)
        assert (done.missing, len(venue.pages)) == (0, 2)


@pytest.mark.asyncio
async def test_bars_at_the_end_that_the_venue_does_not_show_yet_are_asked_for_again(tmp_path):
    with DownloadVenue(50) as venue:
        late = [venue.forget(ORIGIN_MS + hour * HOUR) for hour in (47, 48, 49, 50)]
        done = await download(venue, tmp_path)
        assert (done.candles, done.missing, done.untold) == (47, 0, 3)
        for row in late:
            venue.tell(row)
        done = await download(venue, tmp_path)
        assert (done.added, done.untold) == (3, 0)
    assert holds(tmp_path, venue, 0, 50)


@pytest.mark.asyncio
@pytest.mark.parametrize("windowed", [False, True])
async def test_a_pause_longer_than_many_pages_and_a_late_first_day_are_passed(tmp_path, windowed):
    missing = [ORIGIN_MS + hour * HOUR for hour in (*range(65), *range(100, 170))]
    with DownloadVenue(200, page=1_000, missing=missing, windowed=windowed) as venue:
        venue.page = 10
        async with opened(venue) as pages:
            pages._exchange.features["spot"]["fetchOHLCV"]["limit"] = 10
            told = Download(pages, CandleStore(tmp_path), KEY)
            done = await told.run(ORIGIN_MS, ORIGIN_MS + 200 * HOUR, lambda _candles, _until_ms: None)
    assert (done.candles, done.missing) == (65, 135)
    assert holds(tmp_path, venue, 0, 200)


@pytest.mark.asyncio
async def test_a_market_that_has_ended_is_not_searched_page_by_page(tmp_path):
    with DownloadVenue(500, page=10, windowed=True) as venue:
        for hour in range(20, 501):
            venue.forget(ORIGIN_MS + hour * HOUR)
        async with opened(venue) as pages:
            pages._exchange.features["spot"]["fetchOHLCV"]["limit"] = 10
            told = Download(pages, CandleStore(tmp_path), KEY)
            done = await told.run(ORIGIN_MS, ORIGIN_MS + 500 * HOUR, lambda _candles, _until_ms: None)
    assert (done.candles, done.untold) == (20, 480)
    assert len(venue.pages) < 8
    assert holds(tmp_path, venue, 0, 500)


@pytest.mark.asyncio
async def test_a_revised_candle_replaces_the_stored_one_and_is_told(tmp_path):
    with DownloadVenue(60) as venue:
        await download(venue, tmp_path, (0, 50))
        row = venue.forget(ORIGIN_MS + 48 * HOUR)
        before = float(row[5])
        venue.tell([*row[:5], f"{before + 1.0:.8f}", *row[6:]])
        done = await download(venue, tmp_path)
    (revision,) = done.revisions
    assert (revision.open_time_ms, revision.before[4]) == (ORIGIN_MS + 48 * HOUR, before)
    assert revision.after[4] == pytest.approx(before + 1.0)
    assert "2024-01-03 00:00 UTC" in str(revision)
    assert holds(tmp_path, venue, 0, 60)


@pytest.mark.asyncio
async def test_what_was_imported_with_holes_is_completed(tmp_path):
    with DownloadVenue(100) as venue:
        times, ohlcv = venue.truth(ORIGIN_MS, ORIGIN_MS + 100 * HOUR)
        kept = np.flatnonzero(np.arange(100) % 7 != 0)
        CandleStore(tmp_path).save(StoredSeries(KEY, times[kept], ohlcv[kept]))
        done = await download(venue, tmp_path)
    assert (done.added, len(venue.pages)) == (15, 1)
    assert holds(tmp_path, venue, 0, 100)


@pytest.mark.asyncio
async def test_a_row_that_can_be_no_candle_is_left_out_and_named(tmp_path):
    with DownloadVenue(50) as venue:
        row = venue.forget(ORIGIN_MS + 20 * HOUR)
        venue.tell([row[0], row[1], "0.00000001", *row[3:]])
        done = await download(venue, tmp_path)
    assert (done.candles, done.missing) == (49, 1)
    assert [finding.time_ms for finding in done.left_out] == [ORIGIN_MS + 20 * HOUR]
    assert "high 1e-08" in done.left_out[0].text


@pytest.mark.asyncio
async def test_what_was_brought_before_patience_ended_is_kept(tmp_path):
    with DownloadVenue(100, page=20) as venue:
        venue.troubles.extend([None, None, *[Trouble.HTML] * 4])
        with pytest.raises(
            VenueUnavailable, match=r"did not give us candles of BTC/USDT \(HTTP 502.*what was downloaded is"
        ):
            await download(venue, tmp_path)
        assert holds(tmp_path, venue, 0, 40)
        await download(venue, tmp_path)
    assert holds(tmp_path, venue, 0, 100)


@pytest.mark.asyncio
async def test_an_answer_that_contradicts_itself_to_the_end_is_refused(tmp_path):
    with DownloadVenue(20) as venue:
        venue.troubles.extend([Trouble.CONTRADICTING] * 4)
        with pytest.raises(VenueUnavailable, match="two different candles of BTC/USDT"):
            await download(venue, tmp_path)
    assert len(stored(tmp_path)) == 0


@asynccontextmanager
async def kraken(hours: range, newest: int) -> AsyncIterator[str]:
    """A venue that answers as Kraken documents it: seconds, and the newest bars whatever was asked for."""
    pair = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "aclass_base": "currency",
        "base": "XXBT",
        "aclass_quote": "currency",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.1",
        "status": "online",
    }
    begin_s, hour_s = ORIGIN_MS // 1_000, HOUR // 1_000
    rows: list[list[Any]] = [
        [begin_s + hour * hour_s, "5.0", "6.0", "4.0", "5.5", "5.1", f"{hour}.5", 3] for hour in hours
    ][-newest:]
    answers = {
        "AssetPairs": {"XXBTZUSD": pair},
        "Assets": {
            name: {"aclass": "currency", "altname": short, "decimals": 8, "display_decimals": 4, "status": "enabled"}
            for name, short in (("XXBT", "XBT"), ("ZUSD", "USD"))
        },
        "Time": {"unixtime": rows[-1][0] + 120, "rfc1123": ""},
        "OHLC": {"XXBTZUSD": rows, "last": rows[-2][0]},
    }

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": [], "result": answers[request.match_info["name"]]})

    application = web.Application()
    application.router.add_get("/0/public/{name}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.asyncio
async def test_another_exchange_with_other_shapes_is_downloaded_from_in_the_same_way(tmp_path):
    key, store = SeriesKey("kraken", "BTC/USD", Timeframe.H1), CandleStore(tmp_path)
    async with kraken(range(100), newest=60) as url:
        pages = CandlePages("kraken", [key.symbol], url, patience=QUICK, sleep=Pauses().sleep)
        pages._exchange.enableRateLimit = False
        pages._exchange.timeout_on_exit = 0
        async with pages:
            until_ms = await pages.final_before_ms()
            told = Download(pages, store, key)
            done = await told.run(ORIGIN_MS, until_ms, lambda _candles, _until_ms: None)
    # The hour that opened last is still open: 59 of the 60 rows are final, and the 40 hours before are not given.
    assert (done.candles, done.missing, done.untold) == (59, 40, 0)
    kept = store.load(key)
    assert kept.open_time_ms.tolist() == [ORIGIN_MS + hour * HOUR for hour in range(40, 99)]
    assert kept.ohlcv[0].tolist() == [5.0, 6.0, 4.0, 5.5, 40.5]
