"""A process that is killed, or that finds the disk full, leaves a run that opens, verifies and goes on."""

import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.commands import Deed, Observation
from bot.core.events import AnyEvent
from tests.system.writing_run import BLOCK_RECORDS, step, write
from tests.unit.bot.adapters.journal_samples import HEADER, keep

ROOT = Path(__file__).resolve().parents[2]
MOST_STEPS = 600


def start(*arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("writing_run.py")), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def kill_after(folder: Path, signs_of_life: int) -> None:
    """Start a writer and kill it when it has given so many signs of life."""
    with start(folder, 10**9) as writer:
        assert writer.stdout is not None
        while signs_of_life > 0:
            signs_of_life -= len(writer.stdout.read(signs_of_life))
        writer.kill()


def without_observations(records: list[AnyEvent | Deed | Observation]) -> list[AnyEvent | Deed]:
    return [record for record in records if not isinstance(record, Observation)]


def steps_in(folder: Path) -> int:
    """Check that the journal is whole steps from the first on, each with all of its outputs; how many."""
    stored = list(read_run(folder).records())
    journal, recovered = Journal.resume(folder, synchronous="NORMAL")
    with closing(journal):
        steps = journal.event_count - 1
    expected = [HEADER, *(record for number in range(steps) for record in (step(number)[0], *step(number)[1]))]
    assert without_observations(stored) == without_observations(expected)
    assert [r for r in stored if isinstance(r, Observation)] == [r for r in expected if isinstance(r, Observation)]
    snapshot_after = int(recovered.snapshot) + 1 if recovered.snapshot else 0
    assert list(recovered.tail) == without_observations(expected[1:])[_records_of(snapshot_after) :]
    return steps


def _records_of(steps: int) -> int:
    return sum(1 + len(without_observations(list(step(number)[1]))) for number in range(steps))


def survive(folder: Path, kills: int, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 (moments of death, not secrets)
    steps = 0
    for _ in range(kills):
        # A third of the deaths fall into the start, where the file is made or read back.
        kill_after(folder, choose.choice((1, choose.randint(2, 30), choose.randint(30, MOST_STEPS))))
        if (folder / "journal.sqlite").exists():
            now = steps_in(folder)
            assert now >= steps
            steps = now
    assert steps > BLOCK_RECORDS
    write(folder, steps + 60)
    write(folder.with_name("undisturbed"), steps + 60)
    assert steps_in(folder) == steps + 60
    assert read_run(folder).events_sha256 == read_run(folder.with_name("undisturbed")).events_sha256


def test_a_run_survives_twelve_deaths_and_ends_as_if_undisturbed(tmp_path):
    survive(tmp_path / "killed", kills=12, seed=7)


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_a_run_survives_two_hundred_deaths(tmp_path, seed):
    survive(tmp_path / "killed", kills=20, seed=100 + seed)


def test_a_dead_writer_does_not_keep_the_run(tmp_path):
    kill_after(tmp_path, 5)
    Journal.resume(tmp_path, synchronous="NORMAL")[0].close()


def test_a_write_ahead_log_that_lost_its_end_is_an_older_journal(tmp_path):
    folder = tmp_path / "whole"
    with closing(Journal.create(folder, HEADER, synchronous="NORMAL", block_records=BLOCK_RECORDS)) as journal:
        for number in range(200):
            event, outputs = step(number)
            journal.append(event)
            for output in outputs:
                keep(journal, output)
            journal.step_done()
            if number % 50 == 49:
                journal.snapshot(b"%d" % number)
        files = {name: (folder / name).read_bytes() for name in ("journal.sqlite", "journal.sqlite-wal")}
    log = files["journal.sqlite-wal"]
    found = set()
    for part in range(24):
        torn = tmp_path / f"torn{part}"
        torn.mkdir()
        (torn / "journal.sqlite").write_bytes(files["journal.sqlite"])
        (torn / "journal.sqlite-wal").write_bytes(log[: len(log) * part // 23])
        found.add(steps_in(torn))
    assert {0, 200} <= found
    assert len(found) > 10


def test_a_full_disk_ends_in_one_sentence_and_keeps_what_was_committed(tmp_path):
    with start(tmp_path, 10**9, 200_000) as writer:
        _, said = writer.communicate()
    assert writer.returncode == 1
    assert said.decode().startswith("StorageError: the disk refused ")
    assert said.decode().count("\n") == 1
    steps = steps_in(tmp_path)
    assert steps > BLOCK_RECORDS
    write(tmp_path, steps + 60)
    assert steps_in(tmp_path) == steps + 60


def test_a_disk_that_is_full_from_the_start_leaves_no_half_made_run(tmp_path):
    with start(tmp_path, 10, 4_096) as writer:
        _, said = writer.communicate()
    assert said.decode().startswith("StorageError: the disk refused ")
    assert not (tmp_path / "journal.sqlite").exists()
    write(tmp_path, 10)
    assert steps_in(tmp_path) == 10
