"""
The SQLite file of a journal: opening it, reading its blocks with their seals checked, and what its errors mean.

Knows nothing of runs that are being written; see `journal` and `journal_reader`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bot.adapters.journal_format import FIRST_SEAL, FORMAT, Block
from bot.core.errors import JournalError, StorageError
from bot.core.events import RunStarted

_NOT_OURS: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_IN_USE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY_CODE: Final = 0xFF


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """
    Say in one sentence what the disk has against `path`.

    Raises:
        StorageError: The disk is full, read-only or failing.
        JournalError: The file is damaged, foreign or locked.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code in _NOT_OURS:
            raise JournalError(f"{path} is damaged or no journal ({error}): restore it from a copy") from error
        if code in _IN_USE:
            raise JournalError(f"{path} is locked by another program: close it there and try again") from error
        if not isinstance(error, sqlite3.OperationalError):
            raise
        raise StorageError(_storage_sentence(path, str(error))) from error
    except OSError as error:
        raise StorageError(
            _storage_sentence(path, error.strerror or str(error))
        ) from error


def _storage_sentence(path: Path, what: str) -> str:
    return f"cannot write or read {path} ({what}): free space or mend the disk; what was committed before is kept"


def tables(db: sqlite3.Connection) -> frozenset[str]:
    """The names of the file's tables."""
    return frozenset(name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


def check_format(db: sqlite3.Connection, path: Path) -> bool:
    """
    Check that the file is a journal that this version can read.

    Returns:
        Whether the run came to its end.

    Raises:
        JournalError: It is something else, or of another format.
    """
    found = tables(db)
    if not found:
        raise JournalError(f"{path} holds no run yet: its start was cut off, so start it anew")
    if not {"meta", "blocks", "snapshots"} <= found:
        raise JournalError(f"{path} is not a journal: name the folder of a run")
    meta = dict(db.execute("SELECT key, value FROM meta"))
    if meta.get("format") != FORMAT:
        raise JournalError(
            f"{path} has journal format {meta.get('format')}, and this version reads format {FORMAT}:"
            " use the version that wrote it"
        )
    return "finished" in meta


def last_block(db: sqlite3.Connection) -> int:
    """The number of the newest block; 0 where there is none."""
    (number,) = db.execute("SELECT max(id) FROM blocks").fetchone()
    return int(number or 0)


def read_block(db: sqlite3.Connection, number: int) -> Block:
    """Read one block; only its place and its length are checked. Raises `JournalError`."""
    row = db.execute("SELECT * FROM blocks WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise damaged(number, "missing")
    block = Block(*row)
    if block.length != len(block.data):
        raise damaged(number, f"{len(block.data)} bytes long where {block.length} were written")
    return block


def verified_blocks(db: sqlite3.Connection, last: int) -> Iterator[Block]:
    """
    Read blocks 1 to `last`, each checked against the chain of seals.

    Each block is a read of its own, so that a slow reader never holds back the writer's checkpoints.

    Raises:
        JournalError: A block is missing, or is not what was written.
    """
    seal = FIRST_SEAL
    for number in range(1, last + 1):
        block = read_block(db, number)
        if block.sealed(seal).sha256 != block.sha256:
            raise damaged(number, "not what was written")
        seal = block.sha256
        yield block


def header_of(first: Block) -> RunStarted:
    """What a run's first block holds. Raises `JournalError`."""
    match first.entries():
        case [RunStarted() as header]:
            return header
        case _:
            raise damaged(first.number, "not the start of a run")


def damaged(number: int, what: str) -> JournalError:
    """The error for a block that cannot be trusted."""
    return JournalError(
        f"block {number} of the journal is {what}: restore journal.sqlite from a copy,"
        " or set the run's folder aside and start a new run"
    )
