"""
The journal that a run is written to: every event, deed and observation, in blocks that reach the disk whole.

`append`, `record` and `observe` only collect; a block is closed at the end of a step (an event with all that it
caused), so that no event is ever durable without its outputs. Knows nothing of what the records mean. One caller
at a time, from any thread.
"""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from msgspec.structs import astuple

from bot.adapters.journal_file import (
    Synchronous,
    check_format,
    connect,
    disk_errors,
    prepare_to_write,
    transaction,
    wait_for_disk,
    write_new,
)
from bot.adapters.journal_format import (
    FILE_NAME,
    INSERT_BLOCK,
    Block,
    array_of,
    encode,
    seal_of_snapshot,
    without_latency,
)
from bot.adapters.journal_mark import JournalMark, checked_mark, require_no_mark
from bot.adapters.journal_recovery import JournalEnd, Recovered, recover
from bot.adapters.run_lock import RunLock
from bot.core.commands import Deed, Observation
from bot.core.errors import JournalError
from bot.core.events import SESSION_EVENTS, AnyEvent, Backfilled, CandleClosed, ForecastReady, RunStarted

_SNAPSHOTS_KEPT: Final = 2
_SESSION_EVENTS: Final = frozenset(SESSION_EVENTS)

_Statement = tuple[str, tuple[object, ...]]


class Journal:
    """One run's journal, open for writing. `create` and `resume` are the ways in."""

    def __init__(
        self,
        path: Path,
        held: ExitStack,
        db: sqlite3.Connection,
        mark: JournalMark | None,
        end: JournalEnd,
        synchronous: Synchronous,
        block_records: int,
    ) -> None:
        self._path = path
        self._held = held
        self._mark = mark
        self._db = db
        self._synchronous = synchronous
        self._block_records = block_records
        self._blocks, self._events, self._seal = end.blocks, end.events, end.seal
        self._sha256 = self._identified = end.sha256
        self._finished = end.finished
        self._observations: list[Observation] = []
        self.observe: Callable[[Observation], None] = self._observations.append
        """Take what the engine observed: kept beside the events of its block."""
        self._open_block()

    @classmethod
    def create(
        cls, folder: Path, header: RunStarted, *, synchronous: Synchronous, block_records: int = 4096
    ) -> "Journal":
        """
        Begin a run in `folder`, which is made where it is missing. The journal appears with `header` in it.

        Args:
            folder: The run's own folder.
            header: The run's first record.
            synchronous: What a commit waits for, and so what a power failure may cost.
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
            require_no_mark(folder)
            write_new(path, header)
            journal, _ = cls._open(path, held, synchronous=synchronous, block_records=block_records)
        return journal

    @classmethod
    def resume(
        cls, folder: Path, *, synchronous: Synchronous, block_records: int = 4096
    ) -> tuple["Journal", Recovered]:
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
            return cls._open(path, held, synchronous=synchronous, block_records=block_records)

    @classmethod
    def _open(
        cls, path: Path, held: ExitStack, *, synchronous: Synchronous, block_records: int
    ) -> tuple["Journal", Recovered]:
        # What can be computed again may end earlier than it once did; what moves money may not.
        mark = held.enter_context(checked_mark(path)) if synchronous == "FULL" else None
        db = held.enter_context(closing(connect(path)))
        finished = check_format(db, path)
        prepare_to_write(db, path, synchronous=synchronous)
        recovered, end = recover(db, path, finished=finished)
        journal = cls(path, held, db, mark, end, synchronous, block_records)
        journal._held = held.pop_all()
        return journal, recovered

    def append(self, event: AnyEvent) -> None:
        """Take an event, before the engine sees it."""
        messages = self._messages
        messages.append(encode(event))
        if type(event) is CandleClosed:
            return
        if type(event) is ForecastReady:
            if event.latency_ms:
                self._instead[len(messages) - 1] = without_latency(messages[-1])
        elif type(event) is Backfilled:
            self._weight += len(event.candles)
        elif type(event) in _SESSION_EVENTS:
            self._instead[len(messages) - 1] = b""

    def record(self, deed: Deed) -> None:
        """Take what the engine asked to be done, in its place among the events."""
        self._instead[len(self._messages)] = b""
        self._messages.append(encode(deed))
        self._deeds += 1

    def step_done(self) -> None:
        """Say that everything which the last event caused was recorded: a full block is closed here, nowhere else."""
        if len(self._messages) + len(self._observations) + self._weight >= self._block_records:
            self.keep()

    def keep(self) -> None:
        """Close the open block without waiting for the disk: it outlives this process; raises as `commit` does."""
        if self._synchronous != "FULL":
            self.commit()
            return
        wait_for_disk(self._db, "NORMAL")
        try:
            self._close_block()
        finally:
            wait_for_disk(self._db, self._synchronous)

    def commit(self) -> None:
        """
        Close the open block: one transaction, on the disk on return where it is `FULL`y synchronous.

        Raises:
            StorageError: The disk refused. The block stays open, and a later commit may succeed.
            JournalError: The run was finished before.
        """
        if self._close_block() and self._mark:
            with disk_errors(self._path):
                self._mark.move(self._blocks, self._seal)

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
        so_far = self._sha256.copy()
        so_far.update(self._identifying())
        return so_far.hexdigest()

    def _open_block(self) -> None:
        self._messages: list[bytes] = []
        self._observations.clear()
        self._instead: dict[int, bytes] = {}
        self._deeds = 0
        self._weight = 0

    def _identifying(self) -> bytes:
        """What `identifying` will find in the messages of the open block."""
        taken = self._messages.copy()
        for place, instead in self._instead.items():
            taken[place] = instead
        return b"".join(taken)

    def _close_block(self) -> bool:
        """Store the open block; False where nothing was recorded."""
        block = self._closed_block()
        if block is not None:
            self._store(block)
        return block is not None

    def _closed_block(self) -> Block | None:
        """The open block as it will be written; None where nothing was recorded."""
        if not self._messages and not self._observations:
            return None
        if self._finished:
            raise JournalError(f"the run in {self._path.parent} is finished: nothing can be added to it")
        self._identified = self._sha256.copy()
        self._identified.update(self._identifying())
        data = array_of(self._messages)
        return Block(
            number=self._blocks + 1,
            first_event=self._events,
            records=len(self._messages),
            length=len(data),
            data=data,
            observations=encode(self._observations),
            events_sha256=self._identified.digest(),
        ).sealed(self._seal)

    def _store(self, block: Block | None, *statements: _Statement) -> None:
        with disk_errors(self._path), transaction(self._db):
            for sql, values in statements:
                self._db.execute(sql, values)
            if block is not None:
                self._db.execute(INSERT_BLOCK, astuple(block))
        if block is not None:
            self._blocks, self._events, self._seal = block.number, self.event_count, block.sha256
            self._sha256 = self._identified
            self._open_block()
