"""A recording that is killed, or that finds the disk full, leaves a tape that holds what was written before."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters.tape_reader import read_tape
from tests.system.writing_tape import FLUSHED_EVERY, write
from tests.unit.bot.adapters.tape_samples import frame, recorded

ROOT = Path(__file__).resolve().parents[2]
MOST_INPUTS = 900


def start(*arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("writing_tape.py")), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )


def kill_after(folder: Path, signs_of_life: int) -> int:
    """Start a recording and kill it when it has given so many signs of life; how many inputs it had taken for sure."""
    with start(folder, 10**9) as writer:
        assert writer.stdout is not None
        while signs_of_life > 0 and (said := writer.stdout.read(signs_of_life)):
            signs_of_life -= len(said)
        assert signs_of_life == 0, writer.stderr and writer.stderr.read().decode()
        writer.kill()
        return len(writer.stdout.read())


def survive(folder: Path, kills: int, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 (moments of death, not secrets)
    inputs = torn = 0
    for _ in range(kills):
        # A third of the deaths fall into the start, where the header is written and the old files are read.
        signs = choose.choice((1, choose.randint(2, 30), choose.randint(30, MOST_INPUTS)))
        taken = signs - 1 + kill_after(folder, signs)
        if list(folder.glob("*.tape")) and taken:
            found = recorded(folder)
            # A beginning of what was given, with everything in it that had been flushed.
            assert found == [frame(number) for number in range(len(found))]
            assert len(found) >= (inputs + taken) // FLUSHED_EVERY * FLUSHED_EVERY
            inputs = len(found)
            torn += len(read_tape(folder).remarks())
    assert inputs > MOST_INPUTS // 3
    assert torn
    write(folder, inputs + 60)
    assert recorded(folder) == [frame(number) for number in range(inputs + 60)]


def test_a_tape_survives_twelve_deaths_and_loses_no_more_than_its_open_block(tmp_path):
    survive(tmp_path, kills=12, seed=7)


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_a_tape_survives_two_hundred_deaths(tmp_path, seed):
    survive(tmp_path, kills=20, seed=100 + seed)


def test_a_full_disk_ends_in_one_sentence_and_keeps_the_whole_blocks(tmp_path):
    # Less than a file may hold: the limit falls into a block, as a full disk does.
    with start(tmp_path, 10**9, 1_500) as writer:
        _, said = writer.communicate()
    assert writer.returncode == 1
    assert said.decode().startswith("StorageError: the disk refused ")
    assert said.decode().count("\n") == 1
    found = recorded(tmp_path)
    assert found == [frame(number) for number in range(len(found))]
    assert found
    (remark,) = read_tape(tmp_path).remarks()
    assert "are passed over" in remark
    write(tmp_path, len(found) + 60)
    assert recorded(tmp_path) == [frame(number) for number in range(len(found) + 60)]


def test_a_disk_that_is_full_from_the_start_is_a_storage_error(tmp_path):
    with start(tmp_path, 10, 100) as writer:
        _, said = writer.communicate()
    assert said.decode().startswith("StorageError: the disk refused ")
    write(tmp_path, 10)
    assert recorded(tmp_path) == [frame(number) for number in range(10)]
