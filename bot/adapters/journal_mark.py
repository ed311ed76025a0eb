"""
How far a journal has come, kept beside it: what a journal that has lost its end cannot say itself.

SQLite takes a write-ahead log that was cut off or damaged for one that ends there, and the blocks before the damage are
a journal like any other. A run that moves money would not know its own newest orders. One line of a fixed length,
written in place after each commit that has waited for the disk, and not waited for itself: after a power failure it
may be behind the journal, never ahead of it.
"""

import os
import re
from contextlib import closing
from pathlib import Path
from typing import Final, Self

from bot.adapters.journal_file import check_format, connect_to_read, last_block, read_block
from bot.core.errors import JournalError

_FILE_NAME: Final = "journal.mark"
_LINE: Final = re.compile(rb"([0-9]{20}) ([0-9a-f]{64})\n")
_LINE_BYTES: Final = 86


class JournalMark:
    """
    The mark of the run in `folder`, whose lock is held. A folder without one is given one, which says nothing yet.

    `number` is the block that the journal has come to.

    Raises:
        JournalError: The file holds something else.
        OSError: The disk refused.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = os.open(folder / _FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self.number, self._seal = self._read()
        except BaseException:
            os.close(self._file)
            raise

    def require(self, last: int, seal: bytes) -> None:
        """
        Check that a journal reaches as far as it once did.

        Args:
            last: The number of its last block.
            seal: That of its block `number`; empty where it has none.

        Raises:
            JournalError: It does not, or is another one.
        """
        if self.number > last:
            raise self._lost(f"ends with block {last}, and had {self.number}")
        if seal != self._seal:
            raise self._lost(f"has another block {self.number} than was written")

    def move(self, number: int, seal: bytes) -> None:
        """Note that the journal has come to this block. Raises `OSError` where the disk refuses."""
        os.pwrite(self._file, b"%020d %s\n" % (number, seal.hex().encode()), 0)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> tuple[int, bytes]:
        line = os.pread(self._file, _LINE_BYTES + 1, 0)
        if not line:
            return 0, b""
        found = _LINE.fullmatch(line)
        if not found:
            raise JournalError(f"{self._folder / _FILE_NAME} holds no mark: remove it if journal.sqlite is whole")
        return int(found[1]), bytes.fromhex(found[2].decode())

    def _lost(self, what: str) -> JournalError:
        return JournalError(
            f"the journal in {self._folder} {what}: it does not know the run's newest orders. Put journal.sqlite and"
            " journal.sqlite-wal back as they were, or set the folder aside, see to the run's orders at the venue and"
            " start a new run"
        )


def checked_mark(path: Path) -> JournalMark:
    """
    Take the mark of the journal at `path`, which reaches as far as it says.

    To be called before the journal is opened for writing, which would fold a damaged log into it.

    Raises:
        JournalError: It reaches less far, or the file holds no mark.
        OSError: The disk refused, or `sqlite3.Error`.
    """
    mark = JournalMark(path.parent)
    try:
        if mark.number:
            with closing(connect_to_read(path)) as db:
                check_format(db, path)
                last = last_block(db)
                mark.require(last, read_block(db, mark.number).sha256 if mark.number <= last else b"")
    except BaseException:
        mark.close()
        raise
    return mark


def require_no_mark(folder: Path) -> None:
    """Check that a new run can begin in `folder`. Raises `JournalError` where a run was whose journal is gone."""
    if (folder / _FILE_NAME).exists():
        raise JournalError(f"{folder} is that of a run whose journal is gone: put it back, or name another folder")
