"""`candlewick data` as a person uses it, and a download that is killed again and again."""

import logging
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import numpy as np
import pytest

from bot.adapters.candle_store import CandleStore
from bot.adapters.stored_series import SeriesKey, StoredSeries
from bot.core.errors import ConfigError, DataError, StorageError, VenueError
from bot.core.market import Timeframe
from bot.exchange.market import ORIGIN_MS
from tests.command_line import MARKETS, called, refused, say, told, write_markets
from tests.command_process import PRELOADED, command_alone
from tests.download_venue import SYMBOL, DownloadVenue, Trouble

Capture = pytest.CaptureFixture[str]

HOUR = Timeframe.H1.ms
KEY = SeriesKey("binance", SYMBOL, Timeframe.H1)
PATIENT = (Trouble.EMPTY, Trouble.UNSORTED, Trouble.REPEATED, Trouble.LACKING)
"""Troubles after which a download asks again at once."""


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    # A command that is run inside this process sends its logs to what is standard error for as long as it runs.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def download_words(venue: DownloadVenue, folder: Path, *more: object) -> list[object]:
    words = ["data", "download", "--exchange", "binance", "--symbol", SYMBOL, "--timeframe", venue.timeframe.value]
    return [*words, "--from", "2024-01-01", "--url", venue.url, "--store", folder, *more]


def holds(folder: Path, venue: DownloadVenue, hours: int) -> bool:
    """Whether the store has the first hours of the venue and nothing else."""
    times, ohlcv = venue.truth(ORIGIN_MS, ORIGIN_MS + hours * HOUR)
    kept = CandleStore(folder).load(KEY)
    return bool(np.array_equal(kept.open_time_ms, times) and np.array_equal(kept.ohlcv, ohlcv))


def test_a_download_brings_what_the_venue_has_and_says_so(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(200, page=50, missing=[ORIGIN_MS + 7 * HOUR]) as venue:
        ended = called(capfd, *download_words(venue, tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "binance BTC/USDT 1h: 199 candles more, 199 in the store",
        "  1 bars that the exchange does not have",
    ]
    assert ended.stderr == ""
    assert holds(tmp_path, venue, 200)


def test_with_json_standard_output_is_one_object_and_nothing_else(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(50) as venue:
        downloaded = called(capfd, *download_words(venue, tmp_path, "--until", "2024-01-02", "--json"))
    words = ("--store", tmp_path, "--json")
    ended = [
        downloaded,
        called(capfd, "data", "list", *words),
        called(capfd, "data", "resample", "--to", "4h", *words),
        called(capfd, "data", "verify", *words),
    ]
    assert [one.returncode for one in ended] == [0] * 4
    assert [one.stderr for one in ended] == [""] * 4
    brought, listed, made, judged = map(told, ended)
    key = {"venue": "binance", "symbol": SYMBOL, "timeframe": "1h"}
    path = str(CandleStore(tmp_path).path(KEY))
    assert brought["series"] == [
        {
            "path": path,
            "key": key,
            "added": 24,
            "candles": 24,
            "missing": 0,
            "untold": 0,
            "revisions": [],
            "left_out": [],
        }
    ]
    assert listed["series"][0] | {"size": 0} == {
        "path": path,
        "key": key,
        "candles": 24,
        "missing": 0,
        "first_ms": ORIGIN_MS,
        "last_ms": ORIGIN_MS + 23 * HOUR,
        "size": 0,
    }
    assert made["series"] == [
        {"of": "1h", "key": key | {"timeframe": "4h"}, "added": 6, "candles": 6, "incomplete_ms": []}
    ]
    assert judged == {"series": 2, "clean": True, "flaws": []}


def test_a_revision_is_told_and_taken(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(60) as venue:
        assert called(capfd, *download_words(venue, tmp_path, "--until", "2024-01-03")).returncode == 0
        row = venue.forget(ORIGIN_MS + 47 * HOUR)
        venue.tell([*row[:5], "1234.50000000", *row[6:]])
        ended = called(capfd, *download_words(venue, tmp_path))
    assert ended.returncode == 0
    assert "revised by the exchange: 2024-01-02 23:00 UTC" in ended.stdout
    assert "1234.5]" in ended.stdout
    assert holds(tmp_path, venue, 60)


def test_a_wait_that_the_venue_asks_for_is_kept_and_told(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(60, retry_after="1") as venue:
        venue.troubles.append(Trouble.TOO_MANY)
        ended = called(capfd, *download_words(venue, tmp_path))
        assert venue.too_early == 0
    assert ended.returncode == 0
    assert "asking again in 1.0 s" in ended.stderr
    assert holds(tmp_path, venue, 60)


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        (("--exchange", "binanse"), ConfigError.exit_code, "there is no exchange 'binanse'; did you mean binance"),
        (("--symbol", "BTCUSDT.P"), ConfigError.exit_code, "symbol 'BTCUSDT.P' names no market"),
        (("--timeframe", "7m"), ConfigError.exit_code, "timeframe '7m' is not known"),
        (("--from", "soon"), ConfigError.exit_code, "--from soon is not a date"),
        (
            ("--symbol", "ETH/USDT"),
            VenueError.exit_code,
            "binance refused to give us its markets (HTTP 400, BadSymbol)",
        ),
    ],
)
def test_what_cannot_be_downloaded_ends_in_one_sentence(
    tmp_path: Path, capfd: Capture, changed: tuple[str, str], code: int, sentence: str
) -> None:
    with DownloadVenue(5) as venue:
        words = download_words(venue, tmp_path)
        words[words.index(changed[0]) + 1] = changed[1]
        assert sentence in refused(called(capfd, *words), code)


def test_two_downloads_of_one_venue_do_not_write_into_one_store(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(5) as venue, CandleStore(tmp_path).writing("binance"):
        said = refused(called(capfd, *download_words(venue, tmp_path)), StorageError.exit_code)
    assert said.startswith("another process is writing candles into ")
    assert venue.pages == []


def test_files_are_imported_listed_and_refused_where_they_disagree(tmp_path: Path, capfd: Capture) -> None:
    files, store = write_markets(tmp_path, 300), tmp_path / "store"
    words = ("data", "import", *files.values(), "--store", store, "--exchange", "binance")
    ended = called(capfd, *words)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        f"binance {symbol} 1h: 300 candles more, 300 in the store" for symbol in MARKETS
    ]
    assert called(capfd, *words).stdout.splitlines()[0] == "binance BTC/USDT 1h: 0 candles more, 300 in the store"
    listed = called(capfd, "data", "list", "--store", store).stdout.splitlines()[1]
    span = "2024-01-01 00:00 UTC to 2024-01-13 12:00 UTC"
    assert " ".join(listed.split()) == f"binance ETH/USDT 1h 300 candles {span} 0 missing"
    lines = files[SYMBOL].read_text().splitlines()
    files[SYMBOL].write_text("\n".join([*lines[:5], lines[5] + "1", *lines[6:]]))
    said = refused(called(capfd, *words), DataError.exit_code)
    assert said.startswith("binance BTC/USDT 1h: 1 candles of the files are not those of the store, the first at")


def test_an_empty_store_is_no_error_to_list_and_one_to_verify(tmp_path: Path, capfd: Capture) -> None:
    assert "there are no candles in" in called(capfd, "data", "list", "--store", tmp_path).stdout
    refused(called(capfd, "data", "verify", "--store", tmp_path), DataError.exit_code)
    refused(called(capfd, "data", "resample", "--to", "1d", "--store", tmp_path), DataError.exit_code)


def test_a_length_that_no_candle_has_is_told_those_there_are(tmp_path: Path, capfd: Capture) -> None:
    said = refused(called(capfd, "data", "resample", "--to", "7h", "--store", tmp_path), ConfigError.exit_code)
    assert said.startswith("--to 7h is no timeframe: it is one of 1m, ")


def test_files_of_several_lengths_are_imported_together(tmp_path: Path, capfd: Capture) -> None:
    (files,) = write_markets(tmp_path, 48, symbols=(SYMBOL,)).values()
    days = tmp_path / "BTC_USDT-1d.csv"
    days.write_text("timestamp,open,high,low,close,volume\n1704067200000,10,12,9,11,5\n1704153600000,11,12,9,10,5\n")
    ended = called(capfd, "data", "import", files, days, "--store", tmp_path / "store")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "imported BTC/USDT 1h: 48 candles more, 48 in the store",
        "imported BTC/USDT 1d: 2 candles more, 2 in the store",
    ]


def test_verify_says_what_is_wrong_and_ignores_what_it_is_told_to(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(300, missing=[ORIGIN_MS + 7 * HOUR]) as venue:
        called(capfd, *download_words(venue, tmp_path))
    store = CandleStore(tmp_path)
    kept = store.load(KEY)
    kept.ohlcv[50, :4] *= 10.0
    store.save(kept)
    words = ("data", "verify", "--store", tmp_path)
    ended = called(capfd, *words)
    assert ended.returncode == DataError.exit_code
    assert ended.stdout.splitlines()[:3] == [
        "binance BTC/USDT 1h: flawed",
        "  venue-gap: 1 times, 1 bars",
        "    1 missing from 2024-01-01 07:00 UTC, which a run fills flat; the exchange was asked and has none",
    ]
    assert "  outlier: 2 times, 2 bars" in ended.stdout
    flaws = told(called(capfd, *words, "--json"))["flaws"]
    assert [flaw["kind"] for flaw in flaws] == ["venue-gap", "outlier", "outlier"]
    assert flaws[0]["time_ms"] == ORIGIN_MS + 7 * HOUR
    clean = called(capfd, *words, "--ignore", "venue-gap", "--ignore", "outlier")
    assert (clean.returncode, clean.stdout) == (0, "binance BTC/USDT 1h: clean\n")
    refused(called(capfd, *words, "--ignore", "everything"), ConfigError.exit_code)
    refused(called(capfd, *words, "--symbol", "ETH/USDT"), DataError.exit_code)


def test_candles_that_are_not_whole_are_left_out_of_longer_ones_and_told(tmp_path: Path, capfd: Capture) -> None:
    with DownloadVenue(100, missing=[ORIGIN_MS + 30 * HOUR]) as venue:
        called(capfd, *download_words(venue, tmp_path))
    ended = called(capfd, "data", "resample", "--to", "1d", "--store", tmp_path)
    assert ended.stdout.splitlines() == [
        "binance BTC/USDT 1d: 3 candles more made of 1h, 3 in the store",
        "  2 left out that are not whole, the first at 2024-01-02 00:00 UTC",
    ]
    refused(called(capfd, "data", "resample", "--to", "7d", "--store", tmp_path), ConfigError.exit_code)
    refused(called(capfd, "data", "resample", "--to", "30m", "--store", tmp_path), DataError.exit_code)


def test_a_replay_takes_a_stored_file_for_what_it_is(tmp_path: Path, capfd: Capture) -> None:
    files, store = write_markets(tmp_path, 300), tmp_path / "store"
    called(capfd, "data", "import", *files.values(), "--store", store, "--exchange", "binance")
    ends = []
    for name, paths in (("files", files.values()), ("stored", sorted(store.glob("*/*.parquet")))):
        named = [word for path in paths for word in ("--candles", path)]
        words = ["replay", *named, "--strategy", "buy-and-hold", "--out", tmp_path / name, "--json"]
        ends.append(told(called(capfd, *words)))
    assert ends[0]["candles"] == 600
    assert ends[0]["final_equity"] == ends[1]["final_equity"]
    assert ends[0]["fills"] == ends[1]["fills"] > 0


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    # Processes that have ccxt already: importing it takes longer than what is to be killed.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Killed:
    """A download that is killed as often as is asked, and then let be."""

    def __init__(self, processes: ForkServerContext, venue: DownloadVenue, folder: Path, seed: int) -> None:
        self._processes = processes
        self._venue = venue
        self._folder = folder
        self._dice = Random(seed)  # noqa: S311 - moments of death, not secrets
        self.rows: list[int] = []
        self.torn = 0

    def start(self) -> Any:
        words = [str(word) for word in download_words(self._venue, self._folder)]
        output = str(self._folder.with_suffix(".log"))
        process = self._processes.Process(target=command_alone, args=(words, output))
        process.start()
        return process

    def kill_after(self, pages: int) -> bool:
        """Kill a download when it has asked for so many pages, or a little later; whether it was still alive."""
        asked = threading.Event()
        target = len(self._venue.pages) + pages
        self._venue.on_page = lambda count: asked.set() if count >= target else None
        before = self._unfinished()
        process = self.start()
        while process.is_alive() and not asked.wait(0.002):
            pass
        if self._dice.random() < 0.5:
            process.join(self._dice.uniform(0.0, 0.02))
        else:
            end = monotonic() + 0.5
            while process.is_alive() and self._unfinished() in {None, before} and monotonic() < end:
                pass
        process.kill()
        process.join()
        kept = CandleStore(self._folder).load(KEY)
        self.rows.append(len(kept))
        self.torn += self._unfinished() not in {None, before}
        ended = process.exitcode
        process.close()
        assert ended in {0, -9}, self._folder.with_suffix(".log").read_text()
        return bool(ended == -9)

    def _unfinished(self) -> int | None:
        """When a file was last written that has not got its name yet."""
        try:
            return CandleStore(self._folder).path(KEY).with_suffix(".parquet.new").stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def run(self, kills: int, pages: int) -> StoredSeries:
        """Kill at random over the whole course, then let it end."""
        done = 0
        while done < kills and (left := pages - len(CandleStore(self._folder).load(KEY)) // self._venue.page) > 1:
            done += self.kill_after(self._dice.randint(1, max(2 * left // (kills - done + 1), 1)))
        process = self.start()
        process.join()
        ended = process.exitcode
        process.close()
        assert ended == 0, self._folder.with_suffix(".log").read_text()
        assert done == kills
        return CandleStore(self._folder).load(KEY)


def prove(processes: ForkServerContext, tmp_path: Path, kills: int, pages: int, seed: int) -> None:
    """Download undisturbed, then killed and in trouble; both are the same bytes, and the venue's truth."""
    count, page = 12 * pages, 12
    missing = [ORIGIN_MS + hour * HOUR for hour in (0, count // 3, count // 3 + 1, count // 2)]
    with DownloadVenue(count, page=page, missing=missing) as venue:
        calm = Killed(processes, venue, tmp_path / "calm", seed)
        calm.run(0, pages)
    with DownloadVenue(count, page=page, missing=missing) as venue:
        venue.trouble(seed, 0.2, PATIENT)
        killed = Killed(processes, venue, tmp_path / "killed", seed)
        killed.run(kills, pages)
        assert venue.fired.total() > 0
        say(f"{kills} kills at {killed.rows} candles of {count - 4}, {killed.torn} of them while a file was written")
        say(f"{len(venue.pages)} pages, {dict(venue.fired)}")
    assert holds(tmp_path / "killed", venue, count)
    assert killed.torn >= kills // 10
    assert len({rows for rows in killed.rows if 0 < rows < count - 4}) >= kills // 2
    whole, broken = (CandleStore(tmp_path / name).path(KEY).read_bytes() for name in ("calm", "killed"))
    assert broken == whole
    assert list((tmp_path / "killed/binance").glob("*.parquet")) == [CandleStore(tmp_path / "killed").path(KEY)]


def test_a_download_killed_some_times_is_the_same_bytes_as_one_that_was_not(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    prove(processes, tmp_path, kills=6, pages=50, seed=7)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_a_download_killed_thirty_times_is_the_same_bytes_as_one_that_was_not(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    prove(processes, tmp_path, kills=30, pages=300, seed=30)
