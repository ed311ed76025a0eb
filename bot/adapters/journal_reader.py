"""
Reads a run back from its journal, also while it is being written and where nothing may be written.

Knows nothing of what is made of the records.
"""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from bot.adapters.journal_file import (
    check_format,
    connect_to_read,
    disk_errors,
    header_of,
    last_block,
    read_block,
    verified_blocks,
)
from bot.adapters.journal_format import FILE_NAME
from bot.core.commands import Deed, Observation
from bot.core.errors import JournalError
from bot.core.events import AnyEvent, RunStarted


class StoredRun(Struct, frozen=True):
    """
    A run as its journal stood when it was opened: a `RunRecord`.

    `blocks` is how far it reached then; what was written since is not part of it.
    """

    path: Path
    header: RunStarted
    events_sha256: str
    finished: bool
    blocks: int

    def records(self) -> Generator[AnyEvent | Deed | Observation, None, None]:
        """
        Read every record from `header` on, one block in memory at a time; each call begins anew.

        Within a block its events and deeds come first, in order, and then what was observed meanwhile.

        Raises:
            JournalError: A block is not what was written, or holds a record of a newer version.
            StorageError: The disk refused.
        """
        with disk_errors(self.path), closing(connect_to_read(self.path)) as db:
            for block in verified_blocks(db, self.blocks):
                yield from block.entries()
                yield from block.observed()


def read_run(folder: Path) -> StoredRun:
    """
    Open the journal in `folder` for reading; nothing in it is changed.

    Raises:
        JournalError: There is no journal, or it is of another format or damaged.
        StorageError: The disk refused.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise JournalError(f"{folder} holds no journal: name the folder of a run")
    with disk_errors(path), closing(connect_to_read(path)) as db:
        finished = check_format(db, path)
        last = read_block(db, last_block(db))
        header = header_of(read_block(db, 1))
    return StoredRun(path, header, last.events_sha256.hex(), finished, last.number)
