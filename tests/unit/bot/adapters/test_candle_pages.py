"""Asking a venue on loopback for pages of candles through the real ccxt: patience, clocks, and what there is not."""

from email.utils import formatdate

import pytest

from bot.adapters.candle_pages import CandlePages, Patience, _open_exchange
from bot.adapters.http_waits import asked_to_wait_s
from bot.core.errors import ConfigError, VenueError, VenueUnavailable
from bot.core.market import Timeframe
from tests.download_venue import SYMBOL, DownloadVenue, Trouble
from tests.unit.bot.adapters.candle_downloads import Pauses, download, opened


@pytest.mark.asyncio
async def test_the_venue_s_own_word_on_waiting_is_heeded(tmp_path):
    pauses = Pauses()
    with DownloadVenue(20, retry_after="17") as venue:
        venue.troubles.extend([Trouble.TOO_MANY, Trouble.JSON, Trouble.BANNED])
        await download(venue, tmp_path, pauses=pauses)
    assert pauses == [17.0, 0.0, 17.0]


@pytest.mark.asyncio
async def test_a_long_ban_is_reported_instead_of_waited_for(tmp_path):
    pauses = Pauses()
    with DownloadVenue(20, retry_after="3600") as venue:
        venue.troubles.append(Trouble.BANNED)
        with pytest.raises(VenueUnavailable, match=r"HTTP 418.* try again in 3600 seconds"):
            await download(venue, tmp_path, pauses=pauses)
    assert (pauses, len(venue.pages)) == ([], 1)


def test_a_date_to_wait_for_is_read_against_the_venue_s_own_clock():
    headers = {"date": formatdate(1_000_000, usegmt=True), "retry-after": formatdate(1_000_090, usegmt=True)}
    assert asked_to_wait_s(headers["retry-after"], headers["date"]) == 90.0
    assert asked_to_wait_s(headers["retry-after"], "") == 0.0
    assert asked_to_wait_s("soon", "") == 0.0


@pytest.mark.asyncio
async def test_a_venue_without_a_clock_is_taken_by_the_date_of_its_answers():
    with DownloadVenue(20) as venue:
        async with opened(venue) as pages:
            pages._exchange.has["fetchTime"] = False
            assert await pages.final_before_ms() > venue.now_ms
            pages._headers = {}
            with pytest.raises(VenueError, match="does not tell the time"):
                await pages.final_before_ms()


@pytest.mark.asyncio
async def test_a_host_that_is_not_there_is_unavailable():
    with DownloadVenue(1) as gone:
        pass
    pauses = Pauses()
    with pytest.raises(VenueUnavailable, match="its markets"):
        async with opened(gone, Patience(retries_s=(1.0,)), pauses):
            pass
    assert pauses == [1.0]


@pytest.mark.asyncio
async def test_what_is_not_there_is_told_with_what_is():
    with DownloadVenue(1) as venue:
        with pytest.raises(VenueError, match=r"refused to give us its markets|is not listed"):
            async with CandlePages("kraken", ["NO/SUCH"], venue.url, patience=Patience(retries_s=())):
                pass
        async with opened(venue) as pages:
            pages._exchange.timeframes = {"1m": "1m", "1w": "1w"}
            with pytest.raises(ConfigError, match="binance has no 1h candles; it has 1m"):
                pages.require(Timeframe.H1)


@pytest.mark.parametrize(
    ("venue", "sentence"),
    [("binanse", "did you mean binance"), ("zzzz", "use ccxt's name"), ("bitflyer", "does not give its past candles")],
)
def test_an_exchange_that_cannot_be_used_is_named(venue, sentence):
    with pytest.raises(ConfigError, match=sentence):
        CandlePages(venue, [SYMBOL])


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "kraken", "coinbase"])
def test_every_address_of_an_exchange_can_be_moved_to_another_host(venue):
    def leaves(urls):
        return [urls] if isinstance(urls, str) else [leaf for each in urls.values() for leaf in leaves(each)]

    before, after = (leaves(_open_exchange(venue, url).urls["api"]) for url in (None, "http://127.0.0.1:9"))
    assert all(address.startswith("http://127.0.0.1:9") for address in after)
    assert [address.split("/", 3)[3:] for address in after] == [address.split("/", 3)[3:] for address in before]


def test_binance_is_asked_where_no_account_can_be_reached():
    pages = CandlePages("binance", [SYMBOL])
    assert pages._exchange.urls["api"]["public"] == "https://data-api.binance.vision/api/v3"
    assert pages.candles_a_page == 1_000
