"""
Candles kept on disk, and what is needed to go on with them: one Parquet file a venue, market and timeframe.

    FOLDER/binance/BTC_USDT-1h.parquet

The columns are `open_time_ms` (int64: when the candle opens, in milliseconds UTC since 1970) and `open`, `high`,
`low`, `close`, `volume` (float64), in order of time, each candle once, gaps left open. So the files are candle files
like any other. Their metadata holds the venue, the market, the timeframe, and for which spans the venue has been
asked: a bar that is missing inside of them is one that the venue does not have.

A file is written whole under another name, brought to the disk and then renamed: whoever dies in between leaves the
file that was there before. Same candles, same bytes. pyarrow is imported where it is used.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct

from bot.adapters.candle_cells import numbers, times_ms
from bot.adapters.candle_columns import PRICES, read_parquet
from bot.adapters.candle_mending import Rows, mend
from bot.adapters.candle_series import FindingKind
from bot.adapters.stored_series import SeriesFacts, SeriesKey, Span, StoredSeries, series_key
from bot.core.errors import ConfigError, DataError, StorageError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

TIME: Final = "open_time_ms"

_FILE: Final = re.compile(r"([A-Z0-9]{1,20})_([A-Z0-9]{1,20})-(\d{1,2}[mhd])\.parquet")
_ABOUT: Final = b"candlewick.series"


class _About(Struct, frozen=True):
    """What the metadata of a file holds, as JSON."""

    venue: str
    symbol: str
    timeframe: str
    asked: tuple[Span, ...]


class CandleStore:
    """A folder of candles. Reading needs no lock: a file is never half written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: SeriesKey) -> Path:
        """Where these candles are, or would be."""
        return self._folder / key.venue / f"{key.symbol.replace('/', '_')}-{key.timeframe.value}.parquet"

    def series(self) -> tuple[SeriesKey, ...]:
        """
        Everything that is in the store, in order of venue and market, short candles first.

        Raises:
            DataError: A Parquet file is there that is not named as the store names its own.
        """
        found = [_key_of(path) for path in self._folder.glob("*/*.parquet")]
        return tuple(sorted(found, key=lambda key: (key.venue, key.symbol, key.timeframe.ms)))

    def facts(self, key: SeriesKey) -> SeriesFacts:
        """Say how much there is of it, without reading the candles. Raises `DataError`."""
        path = self.path(key)
        with _opened(path) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
            groups = range(file.metadata.num_row_groups)
            bounds = [file.metadata.row_group(group).column(0).statistics for group in groups]
        ends = [int(end) for bound in bounds if bound is not None for end in (bound.min, bound.max) if end is not None]
        if names != [TIME, *PRICES] or not ends:
            raise DataError(f"{path}: no file of this store; import its candles with `candlewick data import`")
        return SeriesFacts(key, rows, min(ends), max(ends), path.stat().st_size)

    def read(self, key: SeriesKey) -> StoredSeries:
        """
        Read a file as it stands; nothing is put right and nothing is judged.

        Raises:
            DataError: It is not there, cannot be read, or is not what its name says.
        """
        path = self.path(key)
        with _opened(path) as file:
            about = _read_about(path, (file.schema_arrow.metadata or {}).get(_ABOUT))
        if (about.venue, about.symbol, about.timeframe) != (key.venue, key.symbol, key.timeframe.value):
            raise DataError(f"{path}: holds {about.venue} {about.symbol} {about.timeframe}; give it its own name back")
        batches = list(read_parquet(path))
        if not batches:
            return StoredSeries(key, np.empty(0, dtype=np.int64), np.empty((0, 5)), about.asked)
        times = np.concatenate([times_ms(batch.times[0]) for batch in batches])
        ohlcv = np.concatenate([np.column_stack([numbers(cells) for cells in batch.prices]) for batch in batches])
        return StoredSeries(key, times, ohlcv, about.asked)

    def load(self, key: SeriesKey) -> StoredSeries:
        """
        Read candles to go on with: none where there is no file, otherwise in order and every one possible.

        Raises:
            DataError: The file cannot be read or holds something that a store never writes.
        """
        if not self.path(key).exists():
            return StoredSeries(key, np.empty(0, dtype=np.int64), np.empty((0, 5)))
        stored = self.read(key)
        rows = np.arange(1, len(stored) + 1)
        place = (str(self.path(key)),)
        report = mend(
            key.symbol,
            Rows(place, np.zeros(len(stored), dtype=np.int64), rows, stored.open_time_ms, stored.ohlcv),
            key.timeframe,
            len(stored),
            None,
        ).report
        foreign = [finding for finding in report.findings if finding.kind is not FindingKind.GAP]
        if foreign or report.was_unsorted or report.duplicates_removed:
            raise DataError(f"{place[0]}: was changed by something else; `candlewick data verify` says where")
        return stored

    def save(self, series: StoredSeries) -> None:
        """
        Put a file in the place of what was there, whole or not at all.

        Raises:
            StorageError: It cannot be written; what was there before is still there.
        """
        path = self.path(series.key)
        new = path.with_suffix(".parquet.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(_encoded(series))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            with _descriptor(path.parent) as folder:
                os.fsync(folder)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written: {error.strerror}; the candles that were there before are kept"
            ) from error

    @contextmanager
    def writing(self, venue: str) -> Iterator[None]:
        """
        Hold the right to write candles of a venue, until the end or until the process dies.

        Raises:
            StorageError: Another process holds it, or the folder cannot be made.
        """
        folder = self._folder / venue
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder} cannot be made: {error.strerror}; name another store") from error
        with _descriptor(folder) as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StorageError(
                    f"another process is writing candles into {folder}: wait for it, or use another store"
                ) from error
            yield


def _key_of(path: Path) -> SeriesKey:
    match = _FILE.fullmatch(path.name)
    try:
        if match is not None:
            return series_key(path.parent.name, f"{match[1]}/{match[2]}", match[3])
    except ConfigError:
        pass  # a name of the right form that means nothing
    raise DataError(
        f"{path}: not named as a store names its files, such as binance/BTC_USDT-1h.parquet; take it out of "
        f"the store, or import it with `candlewick data import`"
    )


def _encoded(series: StoredSeries) -> memoryview:
    """The bytes of a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    key = series.key
    about = _About(key.venue, key.symbol, key.timeframe.value, series.asked)
    columns = {TIME: series.open_time_ms} | {name: series.ohlcv[:, place] for place, name in enumerate(PRICES)}
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_ABOUT: msgspec.json.encode(about)}),
        sink,
        compression="zstd",
        use_dictionary=False,
        column_encoding={TIME: "DELTA_BINARY_PACKED"} | dict.fromkeys(PRICES, "BYTE_STREAM_SPLIT"),
    )
    return memoryview(sink.getvalue())


@contextmanager
def _opened(path: Path) -> Iterator["pq.ParquetFile"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
        raise DataError(f"{path}: cannot be read as Parquet: {reason}; remove it and download it again") from error


def _read_about(path: Path, text: bytes | None) -> _About:
    try:
        return msgspec.json.decode(text or b"", type=_About)
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path}: does not say of which venue its candles are; take it out of the store and import it with "
            f"`candlewick data import`"
        ) from error


@contextmanager
def _descriptor(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
