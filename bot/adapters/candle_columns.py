"""
Which column of a candle file means what, and the reading of Parquet and Feather files.

Files of columns are read in batches, without pandas and only the columns that are wanted, so that a large file
needs little memory at once. pyarrow is imported where it is used: the trading process never loads it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from bot.adapters.candle_cells import Cells, Values
from bot.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS: Final = 65_536
"""How many rows are turned from a file's form into arrays at once."""

PRICES: Final = ("open", "high", "low", "close", "volume")
TIMES: Final = ("date", "time", "timestamp", "open_time", "open_time_ms", "datetime")
SYMBOL: Final = "symbol"


class Batch(Struct, frozen=True, eq=False):
    """
    Some rows of one file, cells not yet read. Every column has the same rows.

    `times` are all columns that give the opening time, at least one; `prices` are open, high, low, close and
    volume; `symbols` is there when the file has such a column.
    """

    times: tuple[Cells, ...]
    prices: tuple[Cells, ...]
    symbols: Cells | None


class Layout(Struct, frozen=True):
    """Where a file keeps what: places in its list of columns, with the names as the file writes them."""

    names: tuple[str, ...]
    times: tuple[int, ...]
    prices: tuple[int, ...]
    symbol: int | None

    @property
    def wanted(self) -> tuple[int, ...]:
        """The columns to read, in the order times, prices, symbol."""
        return (*self.times, *self.prices, *(() if self.symbol is None else (self.symbol,)))

    def batch(self, file: str, first_row: int | Sequence[int], columns: Sequence[Values]) -> Batch:
        """
        Put the wanted columns, in their order, together.

        Args:
            file: The file's name, for messages.
            first_row: The row of the first cell, or the row of every cell.
            columns: One value a row each.
        """
        if isinstance(first_row, int):
            rows = np.arange(first_row, first_row + len(columns[0]), dtype=np.int64)
        else:
            rows = np.array(first_row, dtype=np.int64)
        cells = [
            Cells(file, self.names[place], rows, values) for place, values in zip(self.wanted, columns, strict=True)
        ]
        prices_from, prices_to = len(self.times), len(self.times) + len(self.prices)
        symbols = None if self.symbol is None else cells[-1]
        return Batch(tuple(cells[:prices_from]), tuple(cells[prices_from:prices_to]), symbols)


def find_columns(names: Sequence[str], file: str) -> Layout:
    """
    Find the columns of a candle file by name, in any order and case; others are ignored.

    Raises:
        DataError: One is missing, or one that is needed is there twice.
    """
    known = [name.strip().lower().replace(" ", "_") for name in names]
    for name in (*TIMES, *PRICES, SYMBOL):
        if known.count(name) > 1:
            raise DataError(f"{file}: column {name!r} is there {known.count(name)} times; expected once")
    times = tuple(place for place, name in enumerate(known) if name in TIMES)
    missing = [name for name in PRICES if name not in known]
    if not times:
        missing.insert(0, " or ".join(TIMES))
    if missing:
        shown = ", ".join(repr(name[:40]) for name in names[:20])
        raise DataError(f"{file}: no column {', '.join(missing)}; the file has {shown}")
    symbol = known.index(SYMBOL) if SYMBOL in known else None
    return Layout(tuple(names), times, tuple(known.index(name) for name in PRICES), symbol)


def read_parquet(path: Path) -> Iterator[Batch]:
    """
    Read the candles of a Parquet file, batch by batch.

    Raises:
        DataError: It is no Parquet file, or its columns are not those of candles.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            layout = find_columns(file.schema_arrow.names, str(path))
            wanted = [layout.names[place] for place in layout.wanted]
            yield from _read(layout, path, file.iter_batches(BATCH_ROWS, columns=wanted))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {_first_line(error)}") from error


def read_feather(path: Path) -> Iterator[Batch]:
    """
    Read the candles of a Feather file (Arrow IPC), batch by batch.

    Raises:
        DataError: It is no Feather file, or its columns are not those of candles.
    """
    import pyarrow as pa
    from pyarrow import feather

    try:
        table = feather.read_table(path, memory_map=False)
        layout = find_columns(table.column_names, str(path))
        yield from _read(layout, path, table.to_batches(BATCH_ROWS))
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable Feather file: {_first_line(error)}") from error


def _read(layout: Layout, path: Path, batches: "Iterator[pa.RecordBatch] | list[pa.RecordBatch]") -> Iterator[Batch]:
    row = 1
    for batch in batches:
        columns = [_values(batch.column(layout.names[place]), layout, place, path) for place in layout.wanted]
        yield layout.batch(str(path), row, columns)
        row += batch.num_rows


def _values(array: "pa.Array[Any]", layout: Layout, place: int, path: Path) -> Values:
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        array = array.cast(kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ["" if text is None else text for text in array.to_pylist()]
    try:
        if pa.types.is_date(kind):
            return array.cast(pa.timestamp("ms")).to_numpy(zero_copy_only=False)
        if pa.types.is_timestamp(kind):
            return array.cast(pa.timestamp("ms", kind.tz)).to_numpy(zero_copy_only=False).astype("datetime64[ms]")
        if pa.types.is_integer(kind) and place in layout.times and not array.null_count:
            return array.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise DataError(
            f"{path}, column {layout.names[place]!r} of type {kind}: {_first_line(error)}; "
            f"expected times on whole milliseconds, numbers or text"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
