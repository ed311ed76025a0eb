"""`candlewick replay` as a person uses it: what it says, where it begins and ends, and how a run is gone on with."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.errors import JournalError
from bot.core.events import RunStarted
from tests.command_line import (
    BUSY,
    DEMO_BUNDLE,
    HOUR_MS,
    called,
    candle_words,
    candlewick,
    command,
    done,
    environment,
    exported,
    refused,
    told,
    write_markets,
)
from tests.run_tail import blocks_of

Capture = pytest.CaptureFixture[str]

FIRST_MS = 1_704_067_200_000
"""2024-01-01, where the invented markets begin."""

STRATEGY = """
from strategies.strategy import MarketView, Signal


class Always:
    needs_forecast = False

    def wanted(self, view, forecast):
        return Signal({exposure}, "always")


def strategy():
    return Always()
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_markets(tmp_path_factory.mktemp("candles"), 1_000)


def interrupted(words: list[object], run: Path, blocks: int) -> None:
    """Run a command and interrupt it once so many blocks are written."""
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, env=environment())
    while process.poll() is None and blocks_of(run) < blocks:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr.decode()
    lines = [line for line in stderr.decode().splitlines() if line]
    assert lines == [f"stopped; the same command with --out {run} goes on", "candlewick: interrupted"]
    assert "Traceback" not in stderr.decode()


def test_with_json_standard_output_is_one_object_and_nothing_else(files: dict[str, Path], tmp_path: Path) -> None:
    ended = candlewick("replay", *candle_words(files), *BUSY, "--out", tmp_path / "run", "--json")

    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert told(ended)["candles"] == 2_000
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000


def test_with_json_every_verb_about_a_run_says_one_object(
    files: dict[str, Path], tmp_path: Path, capfd: Capture
) -> None:
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run", "--json"]
    ended = [
        called(capfd, *words),
        called(capfd, "report", tmp_path / "run", "--json"),
        called(capfd, "export", tmp_path / "run", "--out", tmp_path / "tables", "--json"),
        called(capfd, "replay", "--journal", tmp_path / "run", "--json"),
        called(capfd, "config", "show", "--json"),
    ]

    assert [one.returncode for one in ended] == [0] * 5
    replayed, reported, tables, checked, settings = map(told, ended)
    assert replayed | {"seconds": None, "candles_per_second": None} == reported
    assert tables["fills.csv"] == {"path": str(tmp_path / "tables" / "fills.csv"), "rows": replayed["fills"]}
    assert checked["difference"] is None
    assert settings["settings"]["account.budget"]["value"] == "10000"


def test_without_json_a_table_ends_with_the_place_of_the_report(files: dict[str, Path], tmp_path: Path) -> None:
    ended = candlewick("replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run")

    assert ended.returncode == 0
    assert "Equity at the end" in ended.stdout
    assert ended.stdout.splitlines()[-1].endswith(str(tmp_path / "run" / "report.html"))


def test_candles_before_the_beginning_warm_up_and_are_not_traded(files: dict[str, Path], tmp_path: Path) -> None:
    span = ("--from", "2024-02-01", "--until", "2024-02-05T12:00")
    summary = done("replay", *candle_words(files), *BUSY, *span, "--out", tmp_path / "run")
    decisions = exported(tmp_path / "run", tmp_path / "tables")["decisions"]

    from_ms = FIRST_MS + 31 * 24 * HOUR_MS
    assert summary["first_ms"] == from_ms
    assert summary["last_ms"] == from_ms + 108 * HOUR_MS
    assert summary["candles"] == len(decisions) == 2 * 108
    assert {row["close_time_ms"] for row in decisions} == {str(from_ms + n * HOUR_MS) for n in range(1, 109)}
    assert summary["forecasts"] == summary["candles"]


def test_the_budget_can_be_said_in_one_word(files: dict[str, Path], tmp_path: Path) -> None:
    words = ("--strategy", "buy-and-hold", "--until", "2024-01-08", "--out", tmp_path / "run")
    assert done("replay", *candle_words(files), *words, "--cash", "250.5")["initial_equity"] == 250.5


def test_a_strategy_of_ones_own_is_named_by_its_file(files: dict[str, Path], tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "always.py").write_text(STRATEGY.format(exposure=1.0))
    words = ["replay", *candle_words(files), "--strategy", tmp_path / "always.py", "--out", tmp_path / "run"]

    assert done(*words)["fills"] >= 2
    assert done("replay", "--journal", tmp_path / "run")["difference"] is None

    (tmp_path / "always.py").write_text(STRATEGY.format(exposure=0.5))
    said = refused(called(capfd, "replay", "--journal", tmp_path / "run"), JournalError.exit_code)
    assert "always.py" in said
    assert "put that very file back" in said


def test_an_interrupted_replay_is_gone_on_with_and_ends_as_one_that_was_not(
    files: dict[str, Path], tmp_path: Path
) -> None:
    words = ["replay", *candle_words(files), *BUSY, "--set", "journal.block_records=10"]
    whole = done(*words, "--out", tmp_path / "whole")
    run = tmp_path / "run"
    interrupted([*words, "--out", run], run, blocks=200)
    assert candlewick("report", run).returncode == 0

    ended = candlewick(*words, "--out", run, "--json")

    assert "going on with the unfinished run" in ended.stderr
    assert told(ended)["journal_sha256"] == whole["journal_sha256"]
    assert done("replay", "--journal", run)["difference"] is None


def test_a_finished_run_is_not_gone_on_with(files: dict[str, Path], tmp_path: Path, capfd: Capture) -> None:
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run"]
    summary = done(*words)

    said = refused(called(capfd, *words), JournalError.exit_code)

    assert said == (
        f"the run in {tmp_path / 'run'} is finished: see `candlewick report {tmp_path / 'run'}`, or use another folder"
    )
    assert done("report", tmp_path / "run")["journal_sha256"] == summary["journal_sha256"]


def begun(run: Path, words: Sequence[object]) -> None:
    """A run that was begun by this command and not finished: its first record and nothing else."""
    done(*words, "--out", run)
    header = read_run(run).header
    shutil.rmtree(run)
    Journal.create(run, header, synchronous="NORMAL").close()


def test_a_run_is_not_gone_on_with_when_something_differs(
    files: dict[str, Path], tmp_path: Path, capfd: Capture
) -> None:
    run, (btc, eth) = tmp_path / "run", files.values()
    own = tmp_path / "always.py"
    own.write_text(STRATEGY.format(exposure=1.0))
    bundle = shutil.copytree(DEMO_BUNDLE, tmp_path / "bundle")
    words = ["replay", "--candles", btc, "--until", "2024-02-01", "--bundle", bundle]
    begun(run, words)
    reference = DEMO_BUNDLE.with_name("reference-btc-1h")

    cases = {
        ("--set", "stop.atr_multiple=2.5"): "stop.atr_multiple was 3.0 and is 2.5",
        ("--cash", "5000"): "account.budget was 10000 and is 5000",
        ("--from", "2024-01-02"): f"started_ms was {FIRST_MS} and is {FIRST_MS + 24 * HOUR_MS}",
        ("--until", "2024-02-02"): "candles was ",
        ("--candles", eth): "the markets were BTC/USDT and are BTC/USDT, ETH/USDT",
        ("--bundle", reference): "bundle was ",
        ("--strategy", own): f"strategy was forecast and is {own}@",
    }
    for more, named in cases.items():
        said = refused(called(capfd, *words, *more, "--out", run), JournalError.exit_code)
        assert said.startswith(f"{run} holds another run: ")
        assert named in said, (more, said)
    assert done(*words, "--out", run)["candles"] == 31 * 24


def test_a_run_of_another_version_is_read_and_never_decided_again(
    files: dict[str, Path], tmp_path: Path, capfd: Capture
) -> None:
    run = tmp_path / "run"
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold"]
    begun(run, words)
    header = read_run(run).header
    shutil.rmtree(run)
    _older(header, run)

    going_on = refused(called(capfd, *words, "--out", run), JournalError.exit_code)
    deciding = refused(called(capfd, "replay", "--journal", run), JournalError.exit_code)

    assert "code was 0.0.9+abcdef" in going_on
    assert deciding == (
        f"the run was decided by code 0.0.9+abcdef and this is {header.code_version}: "
        "it can be read and reported, but not decided again"
    )
    assert candlewick("export", run, "--out", tmp_path / "tables").returncode == 0


def _older(header: RunStarted, run: Path) -> None:
    prints = header.fingerprints | {"code": "0.0.9+abcdef"}
    Journal.create(run, replace(header, code_version="0.0.9+abcdef", fingerprints=prints), synchronous="NORMAL").close()


def test_one_run_has_one_process(files: dict[str, Path], tmp_path: Path, capfd: Capture) -> None:
    run = tmp_path / "run"
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", run]
    begun(run, words[:-2])
    journal, _ = Journal.resume(run, synchronous="NORMAL")
    try:
        said = refused(called(capfd, *words), JournalError.exit_code)
    finally:
        journal.close()

    assert f"the run in {run} is in use by process" in said
    assert done(*words)["candles"] == 2_000
