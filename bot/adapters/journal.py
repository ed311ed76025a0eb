"""
The journal that a run is written to: every event, deed and observation, in blocks that reach the disk whole.

`append` and `record` only collect; a block is closed at the end of a step (an event with all that it caused),
so that no event is ever durable without its outputs. Knows nothing of what the records mean. One caller at a
time, from any thread.
"""

import sqlite3
from contextlib import ExitStack, closing
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from bot.adapters.journal_file import (
    check_format,
    connect,
    damaged,
    disk_errors,
    header_of,
    last_block,
    prepare_to_write,
    transaction,
    verified_blocks,
    write_new,
)
from bot.adapters.journal_format import (
    FILE_NAME,
    FIRST_SEAL,
    INSERT_BLOCK,
    Block,
    array_of,
    encode,
    identifying,
    is_deed,
    seal_of_snapshot,
    without_latency,
)
from bot.adapters.run_lock import RunLock
from bot.core.commands import CancelOrder, Deed, Observation, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import SESSION_EVENTS, AnyEvent, Backfilled, ForecastReady, RunStarted

_SNAPSHOTS_KEPT: Final = 2
_SESSION_EVENTS: Final = frozenset(SESSION_EVENTS)
_DEEDS: Final = frozenset({SubmitOrder, CancelOrder})

_Statement = tuple[str, tuple[object, ...]]


class Recovered(Struct, frozen=True):
    """
    What a run needs to go on: its first record, its newest snapshot and everything recorded since.

    `tail` holds events and deeds in order, never the header. Without a snapshot it goes back to the start.
    """

    header: RunStarted
    finished: bool
    snapshot: bytes | None
    tail: tuple[AnyEvent | Deed, ...]


class Journal:
    """One run's journal, open for writing. `create` and `resume` are the ways in."""

    def __init__(self, path: Path, held: ExitStack, db: sqlite3.Connection, block_records: int) -> None:
        self._path = path
        self._held = held
        self._db = db
        self._block_records = block_records
        self._blocks = 0
        self._events = 0
        self._seal = FIRST_SEAL
        self._sha256 = sha256()
        self._finished = False
        self._hashed: list[bytes] = []
        self._open_block()

    @classmethod
    def create(cls, folder: Path, header: RunStarted, *, durable: bool, block_records: int = 4096) -> "Journal":
        """
        Begin a run in `folder`, which is made where it is missing. The journal appears with `header` in it.

        Args:
            folder: The run's own folder.
            header: The run's first record.
            durable: Whether a commit waits for the disk. Without it a power failure may take the newest
                blocks, always from the end; a killed process loses only its open block either way.
            block_records: A block is closed by the step that brings it to this many records.

        Raises:
            JournalError: The folder holds a run already, or another process writes in it.
            StorageError: The disk refused.
        """
        path = folder / FILE_NAME
        with disk_errors(path), ExitStack() as held:
            folder.mkdir(parents=True, exist_ok=True)
            held.callback(RunLock(folder).release)
            if path.exists():
                raise JournalError(f"{path} is there already: resume that run, or name another folder")
            write_new(path, header)
            journal, _ = cls._open(path, held, durable=durable, block_records=block_records)
        return journal

    @classmethod
    def resume(cls, folder: Path, *, durable: bool, block_records: int = 4096) -> tuple["Journal", Recovered]:
        """
        Go on with the run in `folder`; the arguments are those of `create`.

        Every block is read and its seal checked. A snapshot is a shortcut only: a damaged one is passed over
        for the one before, with a longer tail.

        Raises:
            JournalError: There is no run, a block is not what was written, or another process writes in it.
            StorageError: The disk refused.
        """
        path = folder / FILE_NAME
        with disk_errors(path), ExitStack() as held:
            if not path.is_file():
                raise JournalError(f"{folder} holds no journal: name the folder of a run, or start a new one")
            held.callback(RunLock(folder).release)
            return cls._open(path, held, durable=durable, block_records=block_records)

    @classmethod
    def _open(cls, path: Path, held: ExitStack, *, durable: bool, block_records: int) -> tuple["Journal", Recovered]:
        db = held.enter_context(closing(connect(path)))
        finished = check_format(db, path)
        prepare_to_write(db, path, durable=durable)
        journal = cls(path, held, db, block_records)
        recovered = journal._recover(finished=finished)
        journal._held = held.pop_all()
        return journal, recovered

    def append(self, event: AnyEvent) -> None:
        """Take an event, before the engine sees it."""
        encoded = encode(event)
        self._messages.append(encoded)
        if type(event) is ForecastReady:
            self._hashed.append(encoded if event.latency_ms == 0.0 else without_latency(encoded))
        elif type(event) not in _SESSION_EVENTS:
            self._hashed.append(encoded)
            if type(event) is Backfilled:
                self._weight += len(event.candles)

    def record(self, command: Deed | Observation) -> None:
        """Take a command that the engine gave: a deed keeps its place among the events, an observation beside them."""
        if type(command) in _DEEDS:
            self._messages.append(encode(command))
            self._deeds += 1
        else:
            self._observations.append(command)

    def step_done(self) -> None:
        """Say that everything which the last event caused was recorded: a full block is closed here, nowhere else."""
        if len(self._messages) + len(self._observations) + self._weight >= self._block_records:
            self.commit()

    def commit(self) -> None:
        """
        Close the open block: one transaction, on the disk on return where the journal is durable.

        Raises:
            StorageError: The disk refused. The block stays open, and a later commit may succeed.
            JournalError: The run was finished before.
        """
        block = self._closed_block()
        if block is not None:
            self._store(block)

    def snapshot(self, state: bytes) -> None:
        """Close the open block and keep `state` as what the run has come to; raises as `commit` does."""
        block = self._closed_block()
        number, seal = (self._blocks, self._seal) if block is None else (block.number, block.sha256)
        self._store(
            block,
            ("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (number, state, seal_of_snapshot(seal, state))),
            (
                "DELETE FROM snapshots WHERE block NOT IN (SELECT block FROM snapshots ORDER BY block DESC LIMIT ?)",
                (_SNAPSHOTS_KEPT,),
            ),
        )

    def finish(self) -> None:
        """Close the open block and mark the run as finished; raises as `commit` does."""
        self._store(self._closed_block(), ("INSERT OR REPLACE INTO meta VALUES ('finished', 'yes')", ()))
        self._finished = True

    def close(self) -> None:
        """Let the file and the run's lock go. What was not committed is dropped."""
        with disk_errors(self._path):
            self._held.close()

    @property
    def event_count(self) -> int:
        """Events of the run so far, its header and those of the open block among them."""
        return self._events + len(self._messages) - self._deeds

    def events_sha256(self) -> str:
        """
        What identifies the run's events so far, in hex.

        The sha256 over the encoded events in order: without those of `SESSION_EVENTS`, and with forecasts at a
        latency of zero. It does not depend on where blocks end or how often the run was taken up again.
        """
        self._hash_collected()
        return self._sha256.hexdigest()

    def _open_block(self) -> None:
        self._messages: list[bytes] = []
        self._observations: list[Deed | Observation] = []
        self._deeds = 0
        self._weight = 0

    def _hash_collected(self) -> None:
        self._sha256.update(b"".join(self._hashed))
        self._hashed.clear()

    def _closed_block(self) -> Block | None:
        """The open block as it will be written; None where nothing was recorded."""
        if not self._messages and not self._observations:
            return None
        if self._finished:
            raise JournalError(f"the run in {self._path.parent} is finished: nothing can be added to it")
        self._hash_collected()
        data = array_of(self._messages)
        return Block(
            number=self._blocks + 1,
            first_event=self._events,
            records=len(self._messages),
            length=len(data),
            data=data,
            observations=encode(self._observations),
            events_sha256=self._sha256.digest(),
        ).sealed(self._seal)

    def _store(self, block: Block | None, *statements: _Statement) -> None:
        with disk_errors(self._path), transaction(self._db):
            for sql, values in statements:
                self._db.execute(sql, values)
            if block is not None:
                self._db.execute(INSERT_BLOCK, astuple(block))
        if block is not None:
            self._blocks, self._events, self._seal = block.number, self.event_count, block.sha256
            self._open_block()

    def _recover(self, *, finished: bool) -> Recovered:
        self._finished = finished
        start, state = self._newest_snapshot()
        header: RunStarted | None = None
        tail: list[AnyEvent | Deed] = []
        for block in verified_blocks(self._db, last_block(self._db)):
            messages = block.messages()
            self._sha256.update(b"".join(identifying(messages)))
            if self._sha256.digest() != block.events_sha256:
                raise JournalError(
                    f"the run in {self._path.parent} was written by a version that fingerprints events in another"
                    " way: it can be read, and only that version can go on with it"
                )
            self._blocks, self._seal = block.number, block.sha256
            self._events = block.first_event + sum(not is_deed(message) for message in messages)
            if block.number == 1:
                header = header_of(block)
            elif block.number > start:
                tail += block.entries()
        if header is None:
            raise damaged(1, "missing")
        return Recovered(header, finished, state, tuple(tail))

    def _newest_snapshot(self) -> tuple[int, bytes | None]:
        """The newest snapshot that is what was written, and its block; (0, None) where there is none."""
        rows = self._db.execute(
            "SELECT block, state, snapshots.sha256, blocks.sha256 FROM snapshots JOIN blocks ON id = block"
            " ORDER BY block DESC"
        )
        for block, state, seal, block_seal in rows.fetchall():
            if seal == seal_of_snapshot(block_seal, state):
                return block, state
        return 0, None
