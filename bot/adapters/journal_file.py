"""
The SQLite file of a journal: making and opening it, reading its blocks, and saying what is wrong with it.

Knows nothing of when blocks are closed, nor of who reads them.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import astuple

from bot.adapters.journal_format import FIRST_SEAL, FORMAT, INSERT_BLOCK, SCHEMA, Block, array_of, encode
from bot.core.errors import JournalError, StorageError
from bot.core.events import RunStarted

_NOT_OURS: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_IN_USE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PRIMARY_CODE: Final = 0xFF

_LOCK_WAIT_S: Final = 2.0
_PAGE_BYTES: Final = 8192
_CHECKPOINT_PAGES: Final = 8192
"""64 MiB of write-ahead log before it is folded into the file: folding waits for the disk."""

Synchronous = Literal["OFF", "NORMAL", "FULL"]
"""
What a commit waits for, in SQLite's own words. A process that is killed loses its open block and nothing else, whatever
is chosen; a power failure under `FULL` loses no more than that, under `NORMAL` perhaps the newest blocks, always from
the end, and under `OFF` perhaps the run, which its seals then show: that is for runs that can be computed again.
"""


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
        raise _refusal(path, str(error)) from error
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error


def _refusal(path: Path, what: str) -> StorageError:
    return StorageError(
        f"the disk refused {path} ({what}): see that it has space and that the folder can be written in;"
        " what was committed before is kept"
    )


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing; transactions are begun by hand, by one thread at a time."""
    return sqlite3.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None, check_same_thread=False)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading, also while it is being written; nothing is changed, not even what is damaged."""
    address = path.absolute().as_uri()
    # SQLite shares a write-ahead log through a file beside the journal, which a read-only folder cannot take.
    # Where there is no log there is no writer either, and the file can be read as it lies.
    alone = not path.with_name(f"{path.name}-wal").exists() and not os.access(path.parent, os.W_OK)
    return sqlite3.connect(f"{address}?mode=ro{'&immutable=1' if alone else ''}", uri=True, isolation_level=None)


def prepare_to_write(db: sqlite3.Connection, path: Path, *, synchronous: Synchronous) -> None:
    """Let readers in while blocks are written, and make commits wait for the disk as long as they must."""
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StorageError(f"the file system of {path} cannot hold a journal: put the run's folder on a local disk")
    wait_for_disk(db, synchronous)
    db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")


def wait_for_disk(db: sqlite3.Connection, synchronous: Synchronous) -> None:
    """Have commits wait for the disk as long as that from now on; a longer wait is one for all that came before."""
    db.execute(f"PRAGMA synchronous = {synchronous}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what is executed within, all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk among them, SQLite has rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def write_new(path: Path, header: RunStarted) -> None:
    """
    Make the journal of a new run, whose first block holds `header` and nothing else.

    It is written beside `path` and renamed, so that a file at `path` always holds a run.
    """
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    data = array_of([encode(header)])
    block = Block(1, 0, 1, len(data), data, array_of([]), sha256().digest()).sealed(FIRST_SEAL)
    with closing(connect(unfinished)) as db:
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        # What is cut off is thrown away, so there is nothing to roll back to.
        db.execute("PRAGMA journal_mode = OFF")
        with transaction(db):
            for statement in SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
            db.execute(INSERT_BLOCK, astuple(block))
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_format(db: sqlite3.Connection, path: Path) -> bool:
    """
    Check that the file is a journal that this version can read.

    Returns:
        Whether the run came to its end.

    Raises:
        JournalError: It is something else, or of another format.
    """
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"meta", "blocks", "snapshots"} <= tables:
        raise JournalError(f"{path} is no journal: name the folder of a run")
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
