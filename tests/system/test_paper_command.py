"""`candlewick paper` on the embedded exchange: what it decides, how it is stopped, and how it is gone on with."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.errors import JournalError
from tests.command_line import (
    BUSY,
    HOUR_MS,
    MARKETS,
    called,
    candle_words,
    candlewick,
    command,
    done,
    environment,
    exported,
    refused,
    say,
    told,
)
from tests.ledger import audit, read_bars_csv, read_equity, read_fills
from tests.run_tail import blocks_of

Capture = pytest.CaptureFixture[str]

HISTORY = 2_000
"""Candles of the embedded markets that lie before a new session."""

RUN_DIGITS = 8
"""How much of an order's id says which run it is of."""

TWO = tuple(word for symbol in MARKETS for word in ("--symbol", symbol))
GRID = tuple(
    word
    for symbol in MARKETS
    for key, value in (("tick_size", "0.01"), ("lot_step", "0.0001"), ("min_quantity", "0.0001"), ("min_notional", "5"))
    for word in ("--set", f"markets.{symbol}.{key}={value}")
)
"""Trading rules said by hand, so that a venue's and those guessed from a file are the same."""


def paper(run: Path, *more: str, days: int) -> list[object]:
    return ["paper", *TWO, "--speed", "max", "--for", f"{days}d", *BUSY, "--out", run, *more]


def stopped(words: Sequence[object], run: Path, number: signal.Signals, blocks: int) -> tuple[int, str]:
    """
    Start a session as a terminal does, and send it and its children a signal once so many blocks are written.

    Returns:
        Its exit code, and what it said on standard error.
    """
    process = subprocess.Popen(
        command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), start_new_session=True
    )
    while process.poll() is None and blocks_of(run) < blocks:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    return process.returncode, stderr.decode()


def test_a_session_decides_as_the_replay_of_its_candles_does(tmp_path: Path) -> None:
    days = 20
    live = done(*paper(tmp_path / "live", *GRID, days=days))
    files = {symbol: tmp_path / f"{symbol.replace('/', '_')}-1h.csv" for symbol in MARKETS}
    for symbol, path in files.items():
        made = candlewick("exchange", "candles", "--symbol", symbol, "--count", HISTORY + 24 * days, "--out", path)
        assert made.returncode == 0, made.stderr
    since = ("--from", "2024-03-24T08:00")
    recorded = done("replay", *candle_words(files), *since, *BUSY, *GRID, "--out", tmp_path / "recorded")

    tables = [exported(tmp_path / name, tmp_path / f"tables {name}") for name in ("live", "recorded")]
    for table in tables:
        for row in table["fills"]:
            row["client_order_id"] = row["client_order_id"][RUN_DIGITS:]
    say(f"{live['fills']} fills, {live['stop_exits']} stop exits, {live['denied']} denials")
    assert live["fills"] >= 200
    assert live["stop_exits"] >= 50
    assert live["first_ms"] == recorded["first_ms"]
    for name in ("decisions", "fills", "equity", "forecasts"):
        assert tables[0][name] == tables[1][name], name
    found = audit(
        read_fills(tmp_path / "tables live" / "fills.csv"),
        read_equity(tmp_path / "tables live" / "equity.csv"),
        {symbol: read_bars_csv(path, HOUR_MS) for symbol, path in files.items()},
        budget=Decimal(10_000),
        taker_fee_bps=Decimal(10),
    )
    assert found.marks == 24 * days
    assert done("replay", "--journal", tmp_path / "live")["difference"] is None


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.proof)], ids=str)
def test_a_session_that_is_stopped_ends_in_order_and_is_gone_on_with(number: signal.Signals, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, said = stopped(paper(run, days=30), run, number, blocks=100)

    assert code == 0, said
    assert f"stopped; the same command with --out {run} goes on" in said
    assert "Traceback" not in said
    assert not read_run(run).finished
    assert (run / "report.html").is_file()
    at_stop = done("report", run)
    assert 0 < at_stop["candles"] < 2 * 24 * 30

    ended = candlewick(*paper(run, days=30), "--json")
    whole = done(*paper(tmp_path / "whole", days=30))
    assert ended.returncode == 0, ended.stderr
    assert told(ended)["journal_sha256"] == whole["journal_sha256"]


def test_a_session_that_is_stopped_before_it_has_begun_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(*paper(tmp_path / "run", days=1)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()
    )
    # By then it waits for the exchange, which it has just started.
    while process.poll() is None and not psutil.Process(process.pid).children():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 130
    assert said.decode().splitlines()[-1] == "candlewick: interrupted"
    assert "Traceback" not in said.decode()
    assert done(*paper(tmp_path / "run", days=1))["candles"] == 2 * 24


def test_with_json_standard_output_is_one_object_and_a_finished_session_stays_finished(
    tmp_path: Path, capfd: Capture
) -> None:
    run = tmp_path / "run"
    ended = candlewick(*paper(run, days=1), "--json")

    assert ended.returncode == 0
    assert ended.stdout.count("\n") == 1
    assert told(ended)["candles"] == 48
    assert "streaming 2 markets" in ended.stderr

    said = refused(called(capfd, *paper(run, days=1)), JournalError.exit_code)
    assert said.startswith(f"the run in {run} is finished")
    assert told(called(capfd, "report", run, "--json"))["journal_sha256"] == told(ended)["journal_sha256"]


def test_the_order_and_spelling_of_the_markets_change_nothing(tmp_path: Path) -> None:
    one = done(*paper(tmp_path / "one", days=2))
    words = ["--symbol", "ethusdt", "--symbol", "BTC-USDT", "--symbol", "BTC/USDT"]
    other = done("paper", *words, "--speed", "max", "--for", "2d", *BUSY, "--out", tmp_path / "other")

    assert one["fills"] > 0
    assert one["journal_sha256"] == other["journal_sha256"]


def test_a_session_is_not_gone_on_with_when_something_differs(tmp_path: Path, capfd: Capture) -> None:
    run = tmp_path / "run"
    words = paper(run, days=1)
    assert called(capfd, *words).returncode == 0
    header = read_run(run).header
    shutil.rmtree(run)
    Journal.create(run, header, synchronous="NORMAL").close()
    cases = {
        ("--seed", "8"): "seed was 7 and is 8",
        ("--symbol", "SOL/USDT"): "the markets were BTC/USDT, ETH/USDT and are BTC/USDT, ETH/USDT, SOL/USDT",
        ("--set", "costs.slippage_bps=2"): "costs.slippage_bps was 1 and is 2",
        ("--for", "2d"): "for_ms was 86400000 and is 172800000",
    }
    for more, named in cases.items():
        said = refused(called(capfd, *words, *more), JournalError.exit_code)
        assert said == f"{run} holds another run: {named}"
