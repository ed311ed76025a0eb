"""`candlewick external` as a person uses it, and a download that is killed again and again."""

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.external.series_store import SeriesStore, series_name
from bot.cli.main import VERBS, Verb
from bot.core.errors import ConfigError, DataError
from bot.core.market import DAY_MS
from tests.command_line import called, environment, refused, told
from tests.outside_world import FIRST_MS, OutsideWorld

Capture = pytest.CaptureFixture[str]

EARLY_MS = 1_514_764_800_000
"""2018-01-01: a command goes by the clock of the machine, and the years before are settled."""

CAP = "coingecko/bitcoin.market_cap"


@pytest.fixture(autouse=True)
def verb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(VERBS, "external", Verb("bot.cli.external:external", "Keep outside series."))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def words(world: OutsideWorld, store: Path, *more: object) -> list[object]:
    dates = ("--from", "2018-01-01", "--until", "2024-05-30")
    return ["external", "download", CAP, *dates, "--url", world.url, "--store", store, *more]


def identities(store: Path) -> list[int | str]:
    return [row.identity for row in SeriesStore(store).read(series_name(CAP)).rows]


def test_a_download_says_what_it_brought_and_list_what_there_is(tmp_path: Path, capfd: Capture) -> None:
    with OutsideWorld() as world:
        ended = called(capfd, *words(world, tmp_path))
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == f"{CAP}: 60 rows more, 60 in the store\n"
        again = told(called(capfd, *words(world, tmp_path, "--json")))
    assert again == {
        "series": [
            {"series": CAP, "path": f"{tmp_path}/{CAP}.jsonl", "added": 0, "revised": 0, "rows": 60},
        ]
    }
    listed = called(capfd, "external", "list", "--store", tmp_path).stdout.splitlines()
    assert listed[0] == f"{CAP}: 60 rows, 0 of them revisions, 2024-01-01 00:00 UTC to 2024-02-29 00:00 UTC"
    assert listed[-1].startswith("  CoinGecko; available 25 hours after its stamp")
    facts = told(called(capfd, "external", "list", "--store", tmp_path, "--json"))["series"]
    assert (facts[0]["series"], facts[0]["rows"], facts[0]["first_ms"]) == (CAP, 60, FIRST_MS)


def test_a_feed_is_brought_from_its_address(tmp_path: Path, capfd: Capture) -> None:
    with OutsideWorld() as world:
        world.headlines = [("k1", "One", FIRST_MS), ("k2", "Two", FIRST_MS)]
        ended = called(capfd, "external", "download", "rss/made", "--url", world.url, "--store", tmp_path)
    assert ended.stdout == "rss/made: 2 rows more, 2 in the store\n"


def test_a_file_is_imported_with_the_times_that_it_tells(tmp_path: Path, capfd: Capture) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("day,known,v,title,url\n2024-01-01,2024-01-02,5,One,u1\n2024-01-02,2024-01-03,,Two,u2\n")
    store = ("--store", tmp_path / "store", "--event", "day")
    numbers = called(
        capfd, "external", "import", file, "--series", "csv/v", "--value", "v", "--available", "known", *store
    )
    assert numbers.stdout.splitlines() == [
        "csv/v: 1 rows more, 1 in the store",
        "  1 lines left out that have an empty cell",
    ]
    texts = ("--text", "title", "--key", "url", "--delay", "2h", "--time-format", "%Y-%m-%d")
    news = told(called(capfd, "external", "import", file, "--series", "csv/n", *texts, *store, "--json"))
    assert (news["series"][0]["added"], news["series"][0]["left_out"]) == (2, 0)
    assert called(capfd, "external", "list", "--store", tmp_path / "store").stdout.count(" rows, ") == 2


def test_an_empty_store_says_what_to_do(tmp_path: Path, capfd: Capture) -> None:
    said = called(capfd, "external", "list", "--store", tmp_path / "none").stdout
    assert "`candlewick external download --help`" in said


@pytest.mark.parametrize(
    ("more", "code", "sentence"),
    [
        (("--value", "v"), ConfigError.exit_code, "--available, or a --delay"),
        (("--delay", "1h"), ConfigError.exit_code, "--value, or --text and --key"),
        (("--delay", "1h", "--value", "v", "--text", "v"), ConfigError.exit_code, "--value, or --text and --key"),
        (("--delay", "1h", "--value", "w"), ConfigError.exit_code, "no column 'w'"),
        (("--available", "early", "--value", "v"), DataError.exit_code, "before it happened"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    tmp_path: Path, capfd: Capture, more: tuple[str, ...], code: int, sentence: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("day,early,v\n2024-01-02,2024-01-01,5\n")
    ended = called(
        capfd, "external", "import", file, "--series", "csv/v", "--event", "day", *more, "--store", tmp_path / "store"
    )
    assert sentence in refused(ended, code)
    assert not (tmp_path / "store").exists()


def test_a_download_that_is_killed_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    program = "import sys; sys.argv[0] = 'external'; from bot.cli.external import external; external()"

    def start(world: OutsideWorld, store: Path) -> subprocess.Popen[bytes]:
        spoken = [sys.executable, "-c", program, *map(str, words(world, store, "--json")[1:])]
        return subprocess.Popen(spoken, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill(process: subprocess.Popen[bytes], at: int, count: int) -> None:
        if count == at:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    with OutsideWorld(days=2_340, first_ms=EARLY_MS) as world:
        counts = []
        for kill_at in (3, 5):
            process = start(world, tmp_path)
            world.on_request = partial(kill, process, kill_at)
            process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL
            counts.append(len(identities(tmp_path)))
        world.on_request = lambda _count: None
        last = start(world, tmp_path)
        out, err = last.communicate(timeout=60)
        assert last.returncode == 0, err.decode()
        asked = [request["from"] for _, request in world.requests]
    # Two whole answers before the first kill and one more before the other: the one it dies in is asked for again.
    assert counts == [720, 1_080]
    assert json.loads(out)["series"][0]["added"] == 2_340 - 1_080
    assert identities(tmp_path) == [EARLY_MS + day * DAY_MS for day in range(2_340)]
    assert len(asked) - len(set(asked)) == 2
