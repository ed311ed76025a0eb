"""The mark beside a journal that moves money: a journal that ends before it is not gone on with."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.adapters.journal import Journal
from bot.core.errors import JournalError
from tests.unit.bot.adapters.journal_samples import HEADER, closed

MARK = "journal.mark"


def write(journal: Journal, hours: range, done: Callable[[Journal], None] = Journal.commit) -> None:
    for hour in hours:
        journal.append(closed(hour))
        done(journal)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two blocks, copied, that has come to five and to two more that were only kept."""
    folder, copy = tmp_path / "run", tmp_path / "copy"
    with closing(Journal.create(folder, HEADER, synchronous="FULL")) as journal:
        write(journal, range(1))
    shutil.copytree(folder, copy)
    with closing(Journal.resume(folder, synchronous="FULL")[0]) as journal:
        write(journal, range(1, 4))
        write(journal, range(4, 6), Journal.keep)
    return folder


def resumed(folder: Path) -> int:
    journal, recovered = Journal.resume(folder, synchronous="FULL")
    journal.close()
    return len(recovered.tail)


def test_it_is_where_the_last_commit_was(folder: Path) -> None:
    assert (folder / MARK).read_bytes().startswith(b"00000000000000000005 ")
    assert resumed(folder) == 6


def test_a_journal_that_ends_earlier_is_refused_and_left_as_it_is(folder: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "copy" / "journal.sqlite", folder)
    with pytest.raises(JournalError, match="ends with block 2, and had 5: it does not know the run's newest orders"):
        resumed(folder)
    assert (folder / "journal.sqlite").read_bytes() == (tmp_path / "copy" / "journal.sqlite").read_bytes()


def test_another_journal_is_refused(folder: Path, tmp_path: Path) -> None:
    with closing(Journal.resume(tmp_path / "copy", synchronous="FULL")[0]) as journal:
        write(journal, range(11, 17))
    shutil.copy(tmp_path / "copy" / "journal.sqlite", folder)
    with pytest.raises(JournalError, match="has another block 5 than was written"):
        resumed(folder)


def test_a_run_without_a_mark_gets_one(folder: Path) -> None:
    (folder / MARK).unlink()
    assert resumed(folder) == 6
    with closing(Journal.resume(folder, synchronous="FULL")[0]) as journal:
        write(journal, range(6, 7))
    assert (folder / MARK).read_bytes().startswith(b"00000000000000000008 ")


@pytest.mark.parametrize("content", [b"\0" * 86, b"5\n", b"0" * 200])
def test_a_mark_that_is_none_is_refused(folder: Path, content: bytes) -> None:
    (folder / MARK).write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.mark holds no mark: remove it if journal\.sqlite is whole"):
        resumed(folder)


def test_no_run_begins_where_one_was_whose_journal_is_gone(folder: Path) -> None:
    (folder / "journal.sqlite").unlink()
    with pytest.raises(JournalError, match="is that of a run whose journal is gone: put it back"):
        Journal.create(folder, HEADER, synchronous="FULL")


def test_what_can_be_computed_again_has_none(tmp_path: Path) -> None:
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        write(journal, range(3))
    assert not (tmp_path / MARK).exists()
