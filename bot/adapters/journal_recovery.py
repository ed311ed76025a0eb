"""
What a journal that is taken up again holds, and where it goes on.

Every block is read and its seal checked. Knows nothing of how blocks are written.
"""

import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from bot.adapters.journal_file import damaged, header_of, last_block, verified_blocks
from bot.adapters.journal_format import FIRST_SEAL, identifying, is_deed, seal_of_snapshot
from bot.core.commands import Deed
from bot.core.errors import JournalError
from bot.core.events import AnyEvent, RunStarted

if TYPE_CHECKING:
    from hashlib import _Hash


class Recovered(Struct, frozen=True):
    """
    What a run needs to go on: its first record, its newest snapshot and everything recorded since.

    `tail` holds events and deeds in order, never the header. Without a snapshot it goes back to the start.
    """

    header: RunStarted
    finished: bool
    snapshot: bytes | None
    tail: tuple[AnyEvent | Deed, ...]


class JournalEnd(Struct, frozen=True):
    """Where the next block goes on; `sha256` has taken in all that identifies the run so far."""

    finished: bool
    blocks: int
    events: int
    seal: bytes
    sha256: "_Hash"


def recover(db: sqlite3.Connection, path: Path, *, finished: bool) -> tuple[Recovered, JournalEnd]:
    """
    Read a journal from its newest snapshot that is what was written; raises `JournalError`.

    Args:
        db: The journal.
        path: Its file, for the words of an error.
        finished: Whether the run came to its end.
    """
    start, state = _newest_snapshot(db)
    header: RunStarted | None = None
    tail: list[AnyEvent | Deed] = []
    end = JournalEnd(finished, 0, 0, FIRST_SEAL, sha256())
    for block in verified_blocks(db, last_block(db)):
        messages = block.messages()
        end.sha256.update(b"".join(identifying(messages)))
        if end.sha256.digest() != block.events_sha256:
            raise JournalError(
                f"the run in {path.parent} was written by a version that fingerprints events in another"
                " way: it can be read, and only that version can go on with it"
            )
        events = block.first_event + sum(not is_deed(message) for message in messages)
        end = JournalEnd(finished, block.number, events, block.sha256, end.sha256)
        if block.number == 1:
            header = header_of(block)
        elif block.number > start:
            tail += block.entries()
    if header is None:
        raise damaged(1, "missing")
    return Recovered(header, finished, state, tuple(tail)), end


def _newest_snapshot(db: sqlite3.Connection) -> tuple[int, bytes | None]:
    """The newest snapshot that is what was written, and its block; (0, None) where there is none."""
    rows = db.execute(
        "SELECT block, state, snapshots.sha256, blocks.sha256 FROM snapshots JOIN blocks ON id = block"
        " ORDER BY block DESC"
    )
    for block, state, seal, block_seal in rows.fetchall():
        if seal == seal_of_snapshot(block_seal, state):
            return block, state
    return 0, None
