"""
Writes a tape: what a feed learned, in the order in which it did.

An input is encoded and kept in memory; a block of them is compressed and handed to the operating system at once, in
the caller's thread. Nothing waits for the disk: a process that is killed loses its open block and nothing else, a
power failure what the operating system had not written yet, which the seals then show. Knows nothing of what the inputs
mean but their time.
"""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from msgspec import Struct

from bot.adapters.feed_inputs import AnyFeedInput
from bot.adapters.journal_file import disk_errors
from bot.adapters.journal_format import array_of
from bot.adapters.run_lock import RunLock
from bot.adapters.tape_format import FORMAT, FileHeader, TapeHeader, encode, file_name, pack_block, pack_header
from bot.adapters.tape_reader import Tape, survey
from bot.core.errors import ConfigError, StorageError


class TapeLimits(Struct, frozen=True):
    """
    When a block is closed, and when a file is.

    A block ends with the input that brings it to `block_inputs`, to `block_bytes` before compression, or to
    `block_ms` after its first input, by the inputs' own time. A file ends with the block that brings it to
    `file_bytes`. The caller waits while a block is compressed: `block_bytes` bounds how long. Measured with a thousand
    markets' frames: 4 µs of processor time for each, nearly all of it in the one that closes a block (0.3 ms).
    """

    block_inputs: int = 1024
    block_bytes: int = 32 * 1024
    block_ms: int = 5_000
    file_bytes: int = 32 * 1024 * 1024


USUAL_LIMITS: Final = TapeLimits()


class TapeWriter:
    """
    A tape, open for writing; a folder that holds one already gets another session, in files of its own.

    Args:
        folder: The tape's folder, which is made where it is missing.
        header: What is recorded.
        limits: When blocks and files are closed.

    Raises:
        ConfigError: The folder holds the tape of other markets.
        DataError: The tape in the folder is damaged.
        JournalError: Another process writes in the folder.
        StorageError: The disk refused.
    """

    def __init__(self, folder: Path, header: TapeHeader, limits: TapeLimits = USUAL_LIMITS) -> None:
        self._folder = folder
        self._header = header
        self._limits = limits
        self._refused: StorageError | None = None
        self._messages: list[bytes] = []
        self._length = 0
        self._first_ms = 0
        with disk_errors(folder), ExitStack() as held:
            folder.mkdir(parents=True, exist_ok=True)
            held.callback(RunLock(folder).release)
            there = survey(folder)
            _require_same_markets(folder, there, header)
            self._number, self._session, self._seal = there.files, len(there.sessions) + 1, there.seal
            self._file = self._next_file()
            self._held = held.pop_all()

    def write(self, item: AnyFeedInput) -> None:
        """
        Take the next input.

        Raises:
            StorageError: The disk refused, now or before: the tape ends with its last whole block.
        """
        message = encode(item)
        if not self._messages:
            self._first_ms = item.at_ms
        self._messages.append(message)
        self._length += len(message)
        limits = self._limits
        if (
            self._length >= limits.block_bytes
            or len(self._messages) >= limits.block_inputs
            or item.at_ms - self._first_ms >= limits.block_ms
        ):
            self.flush()

    def flush(self) -> None:
        """Close the open block, so that a kill loses nothing that was written before; raises as `write` does."""
        if self._messages:
            self._store(array_of(self._messages), len(self._messages))
            self._messages, self._length = [], 0

    def close(self) -> None:
        """
        End the session in order, and let the folder go.

        Raises:
            StorageError: The disk refuses only now; what it refused before is not said again.
        """
        try:
            if self._refused is None:
                self.flush()
                self._store(array_of([]), 0)
        finally:
            with self._held:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _store(self, data: bytes, inputs: int) -> None:
        if self._refused is not None:
            # Behind half a block nothing can be read, so nothing is written there.
            raise StorageError(str(self._refused))
        try:
            with disk_errors(self._folder / file_name(self._number)):
                if self._size >= self._limits.file_bytes:
                    full, self._file = self._file, self._next_file()
                    full.close()
                block, seal = pack_block(self._seal, data, inputs)
                _write_all(self._file, block)
        except StorageError as error:
            self._refused = error
            raise
        self._seal = seal
        self._size += len(block)

    def _next_file(self) -> BinaryIO:
        header = FileHeader(FORMAT, self._number + 1, self._session, self._header)
        data, seal = pack_header(self._seal, header)
        # Never an old file: what stands there may be all that is left of an earlier session.
        file = (self._folder / file_name(header.number)).open("xb", buffering=0)
        try:
            _write_all(file, data)
        except BaseException:
            file.close()
            raise
        self._number, self._seal, self._size = header.number, seal, len(data)
        return file


def _write_all(file: BinaryIO, data: bytes) -> None:
    # An unbuffered file may take a part: the rest is offered until it is taken or refused.
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _require_same_markets(folder: Path, there: Tape, header: TapeHeader) -> None:
    for session in there.sessions[-1:]:
        old, new = (f"{one.venue} {one.timeframe} {', '.join(one.symbols)}" for one in (session.header, header))
        if old != new:
            raise ConfigError(f"{folder} holds a tape of {old}, not of {new}: name another folder")
