"""What goes wrong for a newcomer, and on a bad day: one clear sentence, the right exit code, nothing lost."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.adapters.history import CcxtHistory
from bot.cli.conclusion import EXIT_SUSPECTED_LEAK
from bot.cli.main import EXIT_INTERRUPTED, EXIT_UNEXPECTED
from bot.compose import market_source, paper_run
from bot.core.errors import ConfigError, DataError, JournalError, ModelError, StorageError, VenueError
from tests.command_line import (
    DEMO_BUNDLE,
    called,
    candle_words,
    candlewick,
    refused,
    told,
    write_markets,
)

Capture = pytest.CaptureFixture[str]

USAGE = ConfigError.exit_code


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_markets(tmp_path_factory.mktemp("candles"), 1_000)


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--candles", "nowhere.csv"], DataError.exit_code, "nowhere.csv: cannot be read: No such file"),
        (["--candles", "."], DataError.exit_code, "a folder is no candle file; expected .parquet, .feather or .csv"),
        (["--candles", "candles"], DataError.exit_code, "candles: cannot be read: No such file"),
        (["--from", "2024-02-01", "--until", "2024-01-01"], ConfigError.exit_code, "--until must be after --from"),
        (["--from", "2024-13-01"], USAGE, "--from 2024-13-01 is not a date: write it as 2024-06-01"),
        (["--until", "yesterday"], USAGE, "--until yesterday is not a date"),
        (["--from", "2031-01-01"], DataError.exit_code, "the candles end on 2024-02-11, before --from"),
        (["--until", "2020-01-01"], DataError.exit_code, "no candle that closes until 2020-01-01"),
        (["--symbol", "SOL/USDT"], DataError.exit_code, "the file's name says BTC/USDT, not SOL/USDT"),
        (["--symbol", "bitcoin"], USAGE, "'bitcoin' names no market; expected BASE/QUOTE such as BTC/USDT"),
        (["--timeframe", "7m"], USAGE, "'7m' is not known; expected one of 1m, 3m"),
        (["--timeframe", "4h"], DataError.exit_code, "the file's name says 1h, but BTC/USDT is read as 4h"),
        (["--set", "signal.cost_multipel=2"], USAGE, "did you mean signal.cost_multiple?"),
        (["--set", "sizing.fraction=2"], USAGE, "sizing.fraction = 2 in the command line"),
        (["--set", "sizing"], USAGE, "sizing is not KEY=VALUE"),
        (["--set", "account.quote=EUR"], USAGE, "BTC/USDT is not paid in EUR: set account.quote=USDT"),
        (["--profile", "livly"], USAGE, "the shipped ones are cautious, lively"),
        (["--cash", "plenty"], USAGE, "account.budget = plenty in the command line"),
        (["--strategy", "momentum"], USAGE, "momentum is not a Python file"),
        (["--bundle", "nowhere"], ModelError.exit_code, "there is no bundle nowhere: name its folder"),
        (["--frm", "2024-02-01"], USAGE, "No such option"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_what_was_meant_otherwise_is_said_in_one_sentence(
    files: dict[str, Path], tmp_path: Path, capfd: Capture, words: list[str], code: int, sentence: str
) -> None:
    ended = called(capfd, "replay", *candle_words(files), *words, "--out", tmp_path / "run")

    assert sentence in refused(ended, code)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--symbol", "bitcoin"], "--symbol bitcoin names no market: write BASE/QUOTE such as BTC/USDT"),
        (["--symbol", "BTC/EUR"], "BTC/EUR is not paid in USDT: set account.quote=EUR"),
        (["--timeframe", "7m"], "--timeframe 7m is not known: it is one of 1m, 3m"),
        (["--exchange", "krakn"], "there is no exchange 'krakn'; did you mean kraken"),
        (["--speed", "fast"], "'fast' is not a speed: write a number above 0, up to a million, or max"),
        (["--speed", "0"], "'0' is not a speed"),
        (["--for", "5"], "'5' is not a duration: write 90m, 12h or 30d"),
        (["--for", "0h"], "'0h' is not a duration"),
        (["--seed", "-1"], "-1 is not in the range x>=0"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_a_session_that_was_meant_otherwise_says_so(
    tmp_path: Path, capfd: Capture, words: list[str], sentence: str
) -> None:
    ended = called(capfd, "paper", "--strategy", "buy-and-hold", "--for", "1d", *words, "--out", tmp_path / "run")

    assert sentence in refused(ended, USAGE)
    assert not (tmp_path / "run").exists()


def test_every_exit_code_is_in_the_help(capfd: Capture) -> None:
    said = " ".join(called(capfd, "--help").stdout.split())
    codes = said.partition("Exit codes: ")[2].partition(". ")[0].split(", ")
    known = {
        "usage or settings": USAGE,
        "data": DataError.exit_code,
        "model": ModelError.exit_code,
        "journal or run": JournalError.exit_code,
        "venue": VenueError.exit_code,
        "storage": StorageError.exit_code,
        "suspected leak": EXIT_SUSPECTED_LEAK,
        "done": 0,
        "unexpected": EXIT_UNEXPECTED,
        "interrupted": EXIT_INTERRUPTED,
    }
    assert sorted(codes) == sorted(f"{code} {meaning}" for meaning, code in known.items())


def test_with_json_an_error_is_an_object_too(tmp_path: Path) -> None:
    ended = candlewick("replay", "--candles", "nowhere.csv", "--out", tmp_path / "run", "--json")

    sentence = refused(ended, DataError.exit_code)
    assert told(ended) == {"error": sentence, "exit_code": DataError.exit_code}


@pytest.mark.parametrize("name", ["model.onnx", "scaler.json", "vectors.npz", "manifest.json", "calibration.json"])
@pytest.mark.parametrize("harm", ["changed", "cut short", "gone"])
def test_a_damaged_bundle_is_never_used(
    files: dict[str, Path], tmp_path: Path, capfd: Capture, name: str, harm: str
) -> None:
    bundle = shutil.copytree(DEMO_BUNDLE, tmp_path / "bundle")
    content = (bundle / name).read_bytes()
    harmed = content[: len(content) // 2]
    if harm == "changed":
        harmed += bytes([content[len(harmed)] ^ 1]) + content[len(harmed) + 1 :]
    (bundle / name).write_bytes(harmed)
    if harm == "gone":
        (bundle / name).unlink()

    ended = called(capfd, "replay", *candle_words(files), "--bundle", bundle, "--out", tmp_path / "run")

    assert str(bundle) in refused(ended, ModelError.exit_code)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verb", ["replay", "paper"])
def test_a_folder_that_is_a_file_is_not_a_run(
    files: dict[str, Path], tmp_path: Path, capfd: Capture, verb: str
) -> None:
    (tmp_path / "run").write_text("mine")
    words = candle_words(files) if verb == "replay" else ["--speed", "max", "--for", "1d"]

    ended = called(capfd, verb, *words, "--strategy", "buy-and-hold", "--out", tmp_path / "run")

    assert "is a file: name the run's folder with --out" in refused(ended, USAGE)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.fixture(params=["made so", "by its file system"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing can be made."""
    if request.param == "by its file system":
        if not Path("/proc").is_dir():
            pytest.skip("no file system that refuses whoever asks")
        yield Path("/proc")
        return
    if os.geteuid() == 0:
        pytest.skip("nothing is closed to root")
    tmp_path.chmod(0o500)
    yield tmp_path
    tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_written_in_is_a_matter_of_storage(
    files: dict[str, Path], unwritable: Path, capfd: Capture
) -> None:
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", unwritable / "run"]
    said = refused(called(capfd, *words), StorageError.exit_code)
    assert f"the disk refused {unwritable / 'run' / 'journal.sqlite'}" in said
    assert "see that it has space and that the folder can be written in" in said


@pytest.mark.parametrize("verb", ["report", "export", "health", "replay --journal"])
def test_a_folder_without_a_run_is_said_to_be_none(tmp_path: Path, capfd: Capture, verb: str) -> None:
    more = ["--out", tmp_path / "tables"] if verb == "export" else []
    ended = called(capfd, *verb.split(), tmp_path, *more)
    assert refused(ended, JournalError.exit_code) == f"{tmp_path} holds no journal: name the folder of a run"


def test_a_damaged_journal_is_never_believed(files: dict[str, Path], tmp_path: Path, capfd: Capture) -> None:
    run = tmp_path / "run"
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", run]
    assert called(capfd, *words).returncode == 0
    with sqlite3.connect(run / "journal.sqlite") as db:
        (data,) = db.execute("SELECT data FROM blocks WHERE id = 3").fetchone()
        harmed = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        db.execute("UPDATE blocks SET data = ? WHERE id = 3", (harmed,))
    db.close()

    for command_words in (
        ["report", run],
        ["export", run, "--out", tmp_path / "t"],
        ["replay", "--journal", run],
        words,
    ):
        said = refused(called(capfd, *command_words), JournalError.exit_code)
        assert said.startswith("block 3 of the journal is not what was written: restore journal.sqlite from a copy")


def test_a_file_that_is_no_journal_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("dear diary, " * 1_000)
    said = refused(candlewick("report", tmp_path), JournalError.exit_code)
    assert "is damaged or no journal" in said


def test_without_a_network_binance_cannot_be_reached_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(market_source, "PUBLIC_DATA_URL", nobody)
        monkeypatch.setattr(paper_run, "CcxtHistory", partial(CcxtHistory, retries_s=(0.0, 0.0)))
        ended = called(capfd, "paper", "--exchange", "binance", "--strategy", "buy-and-hold", "--out", tmp_path / "run")

    said = refused(ended, VenueError.exit_code)
    assert said.startswith(f"{nobody} did not give us its markets (")
    assert said.endswith("): check the connection and try again")
    assert not (tmp_path / "run").exists()


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = candlewick("exchange", "serve", "--port", taken.getsockname()[1])
    assert "cannot listen on port" in refused(ended, USAGE)
    assert "choose another, or 0" in ended.stderr
