"""
The register of looks: which candles have been judged on, by which command, whatever folder it told.

One file of JSON lines that only ever grows, `$XDG_STATE_HOME/candlewick/looks.jsonl`, else
`~/.local/state/candlewick/looks.jsonl`: of the user and not of a report, since a period that was seen for one report is
seen for all. What a look at a locked period needs is asked and written under one lock; a line is one write.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bot.core.errors import ConfigError, StorageError
from strategies.forecasting.comparison.lock import Look, Record, Told, begun, is_noted, seen_before, times, told_of

FILE: Final = "looks.jsonl"

_read_line: Final[msgspec.json.Decoder[Record]] = msgspec.json.Decoder(Record)


class Opened(Struct, frozen=True):
    """A look at a locked period as it was begun, those that had seen it before, and lines that nobody can read."""

    look: Look
    before: tuple[Look, ...]
    damaged: tuple[int, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what a reader must know before he believes a locked period; nothing where it was opened once."""
        said = []
        if self.before:
            said.append(
                f"These days had been seen {times(len(self.before))} before, so this is no test on unseen candles: "
                f"{told_of(self.before)}."
            )
        if self.damaged:
            said.append(f"{_lines(self.damaged)} of the register of looks cannot be read: there may have been more.")
        return tuple(said)


def looks_file() -> Path:
    """
    Where this user's register is.

    Raises:
        ConfigError: The user has no home.
    """
    try:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    except RuntimeError:
        raise ConfigError("there is no home folder for the register of looks: set XDG_STATE_HOME to a folder") from None
    return Path(base) / "candlewick" / FILE


class LookRegister:
    """
    A register of looks.

    Args:
        path: Its file; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, look: Look) -> str | None:
        """
        Write down that candles are about to be judged on; the same look is not written again.

        Returns:
            What is wrong with the file, in words; None where nothing is.

        Raises:
            StorageError: The file cannot be read or written.
        """
        with self._held() as descriptor:
            records, damaged = self._records(descriptor)
            if not is_noted(records, look):
                self._append(descriptor, look)
        if not damaged:
            return None
        return f"{self.path}: {_lines(damaged).lower()} cannot be read, and what was looked at there is not known"

    def require_unseen(self, look: Look) -> None:
        """
        Make sure that a look at a locked period would be the first.

        Raises:
            ConfigError: The period was seen before.
            StorageError: The file cannot be read, or a line of it.
        """
        with self._held() as descriptor:
            self._refuse(*self._records(descriptor), look)

    def open(self, look: Look, *, reopen: bool) -> Opened:
        """
        Write down that a locked period is about to be judged on; a look that was cut short is not written again.

        Args:
            look: At the period.
            reopen: Whether to open what was seen before.

        Raises:
            ConfigError: The period was seen before.
            StorageError: The file cannot be read or written, or a line of it cannot be read.
        """
        with self._held() as descriptor:
            records, damaged = self._records(descriptor)
            if not reopen:
                self._refuse(records, damaged, look)
            began = begun(records, look)
            if began is None:
                self._append(descriptor, look)
            return Opened(began or look, seen_before(records, look), damaged)

    def close(self, look: Look, now_ms: int) -> None:
        """
        Write down that the report of a look is written: from now on the look is over.

        Raises:
            StorageError: The file cannot be written.
        """
        with self._held() as descriptor:
            self._append(descriptor, Told(now_ms, look.about, look.out))

    def _refuse(self, records: Sequence[Record], damaged: Sequence[int], look: Look) -> None:
        if begun(records, look) is not None:
            return
        if before := seen_before(records, look):
            raise ConfigError(
                f"{'; '.join(each.name for each in look.candles)} was seen {times(len(before))} before and is no "
                f"longer unseen: {told_of(before)} ({self.path}); leave out --lock, or say --reopen, which the "
                "register and the report tell"
            )
        if damaged:
            raise StorageError(
                f"{self.path}: {_lines(damaged).lower()} cannot be read, so nobody knows what was looked at: restore "
                "it, or say --reopen, which the register and the report tell"
            )

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Hold the file alone, so that nobody looks between a question and what is written."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"the register of looks {self.path} cannot be opened ({error.strerror}): set XDG_STATE_HOME to a "
                "folder that can be written in"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _records(self, descriptor: int) -> tuple[list[Record], tuple[int, ...]]:
        """Read every line; also the numbers of those that cannot be read."""
        records: list[Record] = []
        damaged = []
        for number, line in enumerate(_content(descriptor, self.path).splitlines(), start=1):
            try:
                records.append(_read_line.decode(line))
            except msgspec.DecodeError:
                damaged.append(number)
        return records, tuple(damaged)

    def _append(self, descriptor: int, record: Record) -> None:
        content = _content(descriptor, self.path)
        # A line that a death has torn stays a line of its own.
        ending = b"\n" if content and not content.endswith(b"\n") else b""
        line = ending + msgspec.json.encode(record) + b"\n"
        try:
            written = os.write(descriptor, line)
            os.fsync(descriptor)
        except OSError as error:
            raise StorageError(f"the register of looks {self.path} cannot be written: {error.strerror}") from error
        if written != len(line):
            raise StorageError(f"{self.path}: the disk took a part of a line only; make room and begin again")


def _content(descriptor: int, path: Path) -> bytes:
    try:
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    except OSError as error:
        raise StorageError(f"the register of looks {path} cannot be read: {error.strerror}") from error


def _lines(numbers: Sequence[int]) -> str:
    return f"Line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
