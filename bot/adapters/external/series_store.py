"""
Outside series kept on disk: one file of JSON lines a series, which only ever grows.

    FOLDER/coinmetrics/btc.AdrActCnt.jsonl

The first line names the series; each later one is a row or a span for which the source has been asked. Lines of one
answer are written and brought to the disk together, rows first: whoever dies in between leaves whole lines and at
most one that is cut off, which nobody reads and the next writer takes away. No line is ever changed, so that a
revision stands beside what it revises. Same rows, same bytes. Knows nothing of what the rows mean.
"""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from bot.adapters.external.revisions import Known
from bot.core.errors import ConfigError, DataError, StorageError
from bot.core.external import ExternalRow, Headline, Observation

Span: TypeAlias = tuple[int, int]
"""Event times in milliseconds: from the first to before the second."""

EXPECTED_SERIES: Final = "SOURCE/NAME such as coinmetrics/btc.AdrActCnt"

_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SUFFIX: Final = ".jsonl"


class SeriesName(Struct, frozen=True, order=True):
    """Who tells a series, and what it is called there."""

    source: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}/{self.name}"


def series_name(text: str) -> SeriesName:
    """
    Read the name of a series.

    Raises:
        ConfigError: It is not of the form SOURCE/NAME.
    """
    source, _, name = text.partition("/")
    if not (_PART.fullmatch(source) and _PART.fullmatch(name)):
        raise ConfigError(f"{text!r} names no series; expected {EXPECTED_SERIES}, of letters, digits, dots and dashes")
    return SeriesName(source, name)


class _Title(Struct, frozen=True, tag="series"):
    """The first line of a file."""

    series: str


class _Asked(Struct, frozen=True, tag="asked"):
    """A span that needs no second question."""

    span: Span


_Line: TypeAlias = _Title | _Asked | Observation | Headline
_read_line: Final[msgspec.json.Decoder[_Line]] = msgspec.json.Decoder(_Line)
_line_of: Final = msgspec.json.Encoder()


class StoredRows(Struct, frozen=True):
    """The rows of one file in the order in which they came, and the spans that were asked for, apart and ascending."""

    series: SeriesName
    rows: tuple[ExternalRow, ...]
    asked: tuple[Span, ...] = ()


class SeriesWriter:
    """The right to add to one series. `known` is what it holds so far."""

    def __init__(self, path: Path, descriptor: int, stored: StoredRows) -> None:
        self._path = path
        self._descriptor = descriptor
        self.known = Known(stored.rows)
        self.asked = stored.asked

    def append(self, rows: Sequence[ExternalRow], asked: Span | None = None) -> None:
        """
        Add rows that `known` has taken, and the span that they answer; on return they are on the disk.

        Raises:
            StorageError: The disk refused; what was there before is kept.
        """
        lines: list[_Line] = [*rows]
        if asked is not None and asked[0] < asked[1]:
            self.asked = merged((*self.asked, asked))
            lines.append(_Asked(asked))
        if lines:
            _write(self._path, self._descriptor, lines)


class SeriesStore:
    """A folder of series. Reading needs no lock: a line that is still being written is not read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, series: SeriesName) -> Path:
        """Where this series is, or would be."""
        return self._folder / series.source / f"{series.name}{_SUFFIX}"

    def series(self) -> tuple[SeriesName, ...]:
        """
        Everything that is in the store, in order.

        Raises:
            DataError: A file is not named as the store names its own.
        """
        found = []
        for path in self._folder.glob(f"*/*{_SUFFIX}"):
            try:
                found.append(series_name(f"{path.parent.name}/{path.name.removesuffix(_SUFFIX)}"))
            except ConfigError as error:
                raise DataError(f"{path}: {error}; take it out of the store") from None
        return tuple(sorted(found))

    def read(self, series: SeriesName) -> StoredRows:
        """
        Read a series; one that is not there has no rows.

        Raises:
            DataError: The file cannot be read, is damaged, or holds another series.
        """
        path = self.path(series)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return StoredRows(series, ())
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        return _stored(path, series, text[: _whole(text)])

    @contextmanager
    def writing(self, series: SeriesName) -> Iterator[SeriesWriter]:
        """
        Hold the right to add to a series, until the end or until the process dies.

        Raises:
            DataError: As `read`.
            StorageError: Another process holds it, or the disk refuses.
        """
        path = self.path(series)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"{path} cannot be opened: {error.strerror}; name another store") from error
        try:
            _lock(path, descriptor)
            text = path.read_bytes()
            os.ftruncate(descriptor, _whole(text))
            if not _whole(text):
                _write(path, descriptor, [_Title(str(series))])
                _flush_folder(path.parent)
            yield SeriesWriter(path, descriptor, self.read(series))
        finally:
            os.close(descriptor)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same spans, ascending and apart from each other."""
    apart: list[Span] = []
    for begin, end in sorted(spans):
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    return tuple(apart)


def _whole(text: bytes) -> int:
    """How many bytes are whole lines."""
    return text.rfind(b"\n") + 1


def _stored(path: Path, series: SeriesName, text: bytes) -> StoredRows:
    lines = [_decoded(path, number, line) for number, line in enumerate(text.splitlines(), start=1)]
    if lines and lines[0] != _Title(str(series)):
        raise DataError(f"{path}: does not hold {series}; give the file its own name back, or take it out of the store")
    rows: list[ExternalRow] = []
    asked: list[Span] = []
    for number, line in enumerate(lines[1:], start=2):
        match line:
            case _Asked():
                asked.append(line.span)
            case _Title():
                raise DataError(f"{path}, line {number}: a second title; was something pasted in here?")
            case _:
                rows.append(line)
    return StoredRows(series, tuple(rows), merged(asked))


def _decoded(path: Path, number: int, line: bytes) -> _Line:
    try:
        return _read_line.decode(line)
    except (msgspec.DecodeError, DataError) as error:
        raise DataError(
            f"{path}, line {number}: {error}; was changed by something else: take the line away, or collect anew"
        ) from None


def _lock(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(f"another process is writing {path}: wait for it, or use another store") from None


def _write(path: Path, descriptor: int, lines: Sequence[_Line]) -> None:
    left = memoryview(_line_of.encode_lines(lines))
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}; what was there before is kept") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
