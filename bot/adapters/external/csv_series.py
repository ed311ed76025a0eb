"""
Series and headlines from CSV files, plain or gzipped: what was known when is what the file says, or a stated delay.

A file that holds when each row became available is believed. For one that does not, the caller names a delay, which
is written into the source of every row. Rows without a value are left out and counted; a cell that cannot be
understood ends the reading with its place.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from msgspec import Struct

from bot.adapters.candle_cells import Cells, numbers, times_ms
from bot.adapters.external.news import plain_text
from bot.core.errors import ConfigError, DataError
from bot.core.external import Headline, Observation
from bot.core.market import DAY_MS

_DELIMITERS: Final = ",;\t"


class Timing(Struct, frozen=True):
    """
    How the times of a file are read.

    `event` is the column of what a row is about, `available` that of when it was known, if there is one; `delay_ms`
    comes on top of the latter, or of the event where there is none. `pattern` is a `strptime` pattern of the event
    column where that holds no ISO times and no numbers.
    """

    event: str
    available: str | None = None
    delay_ms: int = 0
    pattern: str | None = None

    @property
    def is_stated(self) -> bool:
        """Whether the file states of each row when it was known: in a column of its own, not in that of the event."""
        return self.available not in (None, self.event)

    def rule(self, path: Path) -> str:
        """Say it in words, for the source of each row."""
        since = f"its column {self.available}" if self.available else "its event"
        late = f", {self.delay_ms / 1_000:,g} s later" if self.delay_ms else ""
        return f"{path.name}; available at {since}{late}"


class FileRows(Struct, frozen=True):
    """The rows of a file, and how many lines had nothing to say."""

    rows: tuple[Observation | Headline, ...]
    left_out: int


def read_numbers(path: Path, timing: Timing, value: str, fetched_ms: int) -> FileRows:
    """
    Read one column of numbers.

    Args:
        path: The file, with a header.
        timing: How its times are read.
        value: The column of numbers.
        fetched_ms: The time of reading.

    Raises:
        ConfigError: A named column is not there.
        DataError: The file is no CSV, a cell cannot be understood, or a row was known before it happened.
    """
    table = _Table(path, timing, (value,))
    events_ms, available_ms = table.times()
    values = numbers(table.cells(value)).tolist()
    rule = timing.rule(path)
    rows = tuple(
        Observation(event_ms, known_ms, fetched_ms, rule, 0, number, timing.is_stated)
        for event_ms, known_ms, number in zip(events_ms, available_ms, values, strict=True)
    )
    return FileRows(rows, table.left_out)


def read_headlines(path: Path, timing: Timing, text: str, key: str, fetched_ms: int) -> FileRows:
    """
    Read headlines. One that is stamped with a midnight, and nothing else, counts as known when that day was over.

    Args:
        path: The file, with a header.
        timing: How its times are read.
        text: The column of the headlines.
        key: The column of what each is known by, such as its address.
        fetched_ms: The time of reading.

    Raises:
        ConfigError: A named column is not there.
        DataError: As `read_numbers`.
    """
    table = _Table(path, timing, (text, key))
    events_ms, available_ms = table.times()
    rule = timing.rule(path)
    rows = []
    for event_ms, known_ms, words, name in zip(
        events_ms, available_ms, table.column(text), table.column(key), strict=True
    ):
        # A midnight is what a date without a time of day becomes.
        only_a_day = timing.available is None and not event_ms % DAY_MS
        available = known_ms + DAY_MS if only_a_day else known_ms
        told = (name.strip(), plain_text(words), timing.is_stated)
        rows.append(Headline(event_ms, available, fetched_ms, rule, 0, *told))
    return FileRows(tuple(rows), table.left_out)


class _Table:
    """The lines of a file that have a cell in every column that is wanted."""

    def __init__(self, path: Path, timing: Timing, wanted: tuple[str, ...]) -> None:
        self._path = path
        self._timing = timing
        columns = (timing.event, *((timing.available,) if timing.available else ()), *wanted)
        self.left_out = 0
        self._lines: list[int] = []
        self._records: list[Mapping[str, str]] = []
        for line, record in _records(path, columns):
            if all(record[name].strip() for name in columns):
                self._lines.append(line)
                self._records.append(record)
            else:
                self.left_out += 1

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        return [record[name] for record in self._records]

    def cells(self, name: str) -> Cells:
        """The same with their places."""
        return Cells(str(self._path), name, np.array(self._lines, dtype=np.int64), self.column(name))

    def times(self) -> tuple[list[int], list[int]]:
        """Of each row, what it is about and when it was known, in milliseconds."""
        timing = self._timing
        events = self._patterned(timing.pattern) if timing.pattern else times_ms(self.cells(timing.event)).tolist()
        since = times_ms(self.cells(timing.available)).tolist() if timing.available else events
        known = [time_ms + timing.delay_ms for time_ms in since]
        early = next((place for place, time_ms in enumerate(known) if time_ms < events[place]), None)
        if early is not None:
            raise DataError(
                f"{self._path}, row {self._lines[early]}: known at {known[early]} ms, before it happened at "
                f"{events[early]} ms; is {timing.available!r} the right column for when it was known?"
            )
        return events, known

    def _patterned(self, pattern: str) -> list[int]:
        found = []
        cells = self.cells(self._timing.event)
        for place, cell in enumerate(self.column(self._timing.event)):
            try:
                moment = datetime.strptime(cell.strip(), pattern).replace(tzinfo=UTC)
            except ValueError:
                raise cells.wrong(place, f"a time of the form {pattern}") from None
            found.append(round(moment.timestamp() * 1_000))
        return found


def _records(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a file, numbered as an editor does, with the wanted cells."""
    try:
        with _opened(path) as file:
            header = file.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            names = next(csv.reader([header], delimiter=delimiter), [])
            if missing := [name for name in wanted if name not in names]:
                raise ConfigError(f"{path} has no column {missing[0]!r}; its columns are {', '.join(names)}")
            places = [names.index(name) for name in wanted]
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for record in reader:
                if len(record) != len(names):
                    raise DataError(
                        f"{path}, row {reader.line_num + 1}: {len(record)} cells where the header has {len(names)}; "
                        f"is it cut off?"
                    )
                yield reader.line_num + 1, {name: record[at] for name, at in zip(wanted, places, strict=True)}
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not CSV in UTF-8: {error}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: cannot be unpacked, fetch it again: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
