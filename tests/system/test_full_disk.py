"""A disk that fills up while a position is open: a sentence, nothing lost, and the run goes on when there is space."""

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bot.core.errors import StorageError
from tests.command_line import (
    MARKETS,
    candle_words,
    candlewick,
    command,
    done,
    environment,
    refused,
    say,
    write_markets,
)
from tests.run_tail import tail_of

HOLDING = (
    *("--strategy", "buy-and-hold", "--set", "stop.kind=fixed", "--set", "stop.distance_frac=0.5"),
    *("--set", "journal.block_records=16", "--set", "journal.snapshot_events=100000"),
)
"""A position from the second candle on, whose stop is never touched, in a journal of many small writes."""


def too_large(most_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def limited(words: Sequence[object], most_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run a command that may write no file beyond a size: what a full disk is to a journal."""
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=100,
        check=False,
        preexec_fn=too_large(most_bytes),
    )


def seen_through(words: list[object], run: Path, full: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    """A run that met a full disk with a position open keeps what it had, and goes on when there is space again."""
    assert "the disk refused" in refused(full, StorageError.exit_code)
    left = tail_of(run)
    say(f"the disk was full after {left.blocks} blocks, with {left.positions} positions and {left.protected} stops")
    assert left.positions >= 1
    assert left.protected >= 1
    assert done("report", run, "--out", tmp_path / "page.html")["candles"] > 0

    assert candlewick(*words, "--out", run).returncode == 0
    whole = done(*words, "--out", tmp_path / "whole")
    assert done("report", run)["journal_sha256"] == whole["journal_sha256"]


def test_a_replay_that_meets_a_full_disk_keeps_what_it_had(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 1_000)
    words: list[object] = ["replay", *candle_words(files), *HOLDING]
    run = tmp_path / "run"
    seen_through(words, run, limited([*words, "--out", run], 600_000), tmp_path)


def paper_words() -> list[object]:
    markets = [word for symbol in MARKETS for word in ("--symbol", symbol)]
    return ["paper", *markets, "--speed", "max", "--for", "14d", *HOLDING]


def test_a_session_that_meets_a_full_disk_keeps_what_it_had(tmp_path: Path) -> None:
    run = tmp_path / "run"
    seen_through(paper_words(), run, limited([*paper_words(), "--out", run], 900_000), tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with room for a part of a run."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=900k", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.proof
def test_a_session_on_a_disk_that_fills_up_keeps_what_it_had(small_disk: Path, tmp_path: Path) -> None:
    full = candlewick(*paper_words(), "--out", small_disk / "run")
    # Space again: the same folder on a larger disk.
    run = shutil.copytree(small_disk / "run", tmp_path / "run")
    seen_through(paper_words(), run, full, tmp_path)
