"""A run that is killed again and again, and taken up each time by the same command, ends as one that never was."""

import random
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.command_line import BUSY, MARKETS, candle_words, candlewick, command, done, environment, say, write_markets
from tests.run_tail import Tail, blocks_of, tail_of

SMALL_BLOCKS = ("--set", "journal.block_records=7", "--set", "journal.snapshot_events=400")
"""Blocks of two instants or so, so that a kill may find the journal almost anywhere."""


def kill_after(words: Sequence[object], run: Path, blocks: int) -> bool:
    """Start a command and kill it when so many more blocks are written; whether it was still alive."""
    target = blocks_of(run) + blocks
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment())
    children: list[psutil.Process] = []
    while process.poll() is None and blocks_of(run) < target:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _, stderr = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive, f"the exchange outlived its parent: {alive}"
    assert process.returncode in (0, -9), stderr.decode()
    return process.returncode == -9


def killed_and_finished(words: Sequence[object], run: Path, kills: int, expected_blocks: int, seed: int) -> list[Tail]:
    """Kill a run `kills` times at random moments of its course, then let it finish; what each kill left behind."""
    dice = random.Random(seed)  # noqa: S311 - moments, not secrets
    left: list[Tail] = []
    while len(left) < kills:
        ahead = expected_blocks - blocks_of(run)
        # Half of an even share each: a process goes on while the blow falls.
        if not kill_after(words, run, dice.randint(1, max(ahead // (kills - len(left) + 3), 1))):
            break
        left.append(tail_of(run))
    ended = candlewick(*words)
    assert ended.returncode == 0, ended.stderr
    return left


def proof(words: Sequence[object], tmp_path: Path, kills: int) -> list[Tail]:
    """Run a command unbroken, then broken `kills` times, and compare what happened."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    unbroken = done(*words, "--out", whole)
    left = killed_and_finished([*words, "--out", broken], broken, kills, blocks_of(whole), seed=kills)
    after = done("report", broken)

    protected = sum(found.protected > 0 for found in left)
    say(
        f"{len(left)} kills, {sum(found.positions > 0 for found in left)} with an open position, "
        f"{protected} with a working stop; {unbroken['fills']} fills, {unbroken['stop_exits']} stop exits"
    )
    assert len(left) == kills
    assert after["journal_sha256"] == unbroken["journal_sha256"]
    same = ("fills", "stop_exits", "denied", "breakers", "orders", "fees", "final_equity", "candles", "forecasts")
    assert {name: after[name] for name in same} == {name: unbroken[name] for name in same}
    return left


def replayed(tmp_path: Path, count: int) -> list[object]:
    files = write_markets(tmp_path, count)
    # The warm-up is history: what is played is traded.
    return ["replay", *candle_words(files), "--from", "2024-02-01", *BUSY, *SMALL_BLOCKS]


def paper_words(days: int) -> list[object]:
    markets = [word for symbol in MARKETS for word in ("--symbol", symbol)]
    return ["paper", *markets, "--speed", "max", "--for", f"{days}d", *BUSY, *SMALL_BLOCKS]


def test_a_replay_killed_some_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    proof(replayed(tmp_path, 1_400), tmp_path, kills=6)


def test_a_session_killed_some_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    proof(paper_words(12), tmp_path, kills=3)


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_a_replay_killed_fifty_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    # Long enough that a busy machine, which strikes late, does not let it end before the last blow.
    left = proof(replayed(tmp_path, 6_000), tmp_path, kills=50)
    assert sum(found.protected > 0 for found in left) >= 10


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_session_killed_fifty_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    left = proof(paper_words(45), tmp_path, kills=50)
    assert sum(found.protected > 0 for found in left) >= 10
