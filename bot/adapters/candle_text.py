"""
Candles as text: reading of CSV, plain, gzipped or zipped as Binance publishes it, and the writing of CSV.

Rows are numbered as an editor numbers lines, so that a message leads to the place.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Final, TextIO

from bot.adapters.candle_cells import Values
from bot.adapters.candle_columns import BATCH_ROWS, Batch, Layout, find_columns
from bot.adapters.candle_series import CandleSeries
from bot.core.errors import DataError

KLINE_COLUMNS: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
"""Binance's dump of candles, which has no header in its older files: https://github.com/binance/binance-public-data."""

_DELIMITERS: Final = ",;\t"
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_text(path: Path) -> Iterator[Batch]:
    """
    Read the candles of a CSV file, batch by batch; a name on `.gz` or `.zip` is unpacked on the way.

    Raises:
        DataError: It is no text, a row has another number of cells than the header, columns are missing, or
            there is no header and the rows are not those of Binance's dump.
    """
    try:
        with _opened(path) as file:
            yield from _batches(file, str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8 text; expected CSV") from error
    except csv.Error as error:
        raise DataError(f"{path}: not CSV: {error}") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be unpacked, fetch it again: {error}") from error


def write_candles_csv(path: Path, series: CandleSeries) -> None:
    """
    Write candles so that `read_candles` gives back every bit: ISO times, and the shortest numbers that read back.

    Equal series give equal bytes, on every system.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("date", "open", "high", "low", "close", "volume"))
        # numpy writes a time without a zone; ours are UTC.
        times = (f"{time}Z" for time in series.open_time_ms.astype("datetime64[ms]").astype(str).tolist())
        writer.writerows(zip(times, *series.ohlcv.T.tolist(), strict=True))


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    ending = path.suffix.lower()
    if ending == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    elif ending == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) != 1 or members[0].flag_bits & _ENCRYPTED or members[0].compress_type not in _METHODS:
                raise DataError(f"{path}: holds {len(members)} files; expected one CSV file, deflated, not encrypted")
            with archive.open(members[0]) as packed:
                yield io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


def _batches(file: TextIO, name: str) -> Iterator[Batch]:
    first_line = next((line for line in file if line.strip()), "")
    file.seek(0)
    delimiter = max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    records: Iterator[tuple[int, list[str]]] = ((reader.line_num, record) for record in reader if record)
    first = next(records, None)
    if first is None:
        raise DataError(f"{name}: is empty; expected rows of candles")
    if _is_header(first[1]):
        layout = find_columns(first[1], name)
    else:
        layout = _headerless(*first, name)
        records = chain((first,), records)
    while rows := list(islice(records, BATCH_ROWS)):
        yield _batch(layout, rows, name)


def _is_header(record: list[str]) -> bool:
    if _is_number(record[0]):
        return False
    # Names alone are a header too, if one of something else: which columns it lacks can then be said.
    return any(cell.strip().lower() in ("open", "close") for cell in record) or not any(map(_is_number, record))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _headerless(line: int, record: list[str], name: str) -> Layout:
    if len(record) == len(KLINE_COLUMNS):
        return find_columns(KLINE_COLUMNS, name)
    raise DataError(
        f"{name}, row {line}: no header; expected the names of the columns (date, open, high, low, close, volume), "
        f"or Binance's {len(KLINE_COLUMNS)} columns without names"
    )


def _batch(layout: Layout, rows: Iterable[tuple[int, list[str]]], name: str) -> Batch:
    width = len(layout.names)
    lines: list[int] = []
    picked: list[tuple[str, ...]] = []
    pick = itemgetter(*layout.wanted)
    for line, record in rows:
        if len(record) != width:
            raise DataError(f"{name}, row {line}: {len(record)} cells where the header has {width}; is it cut off?")
        lines.append(line)
        picked.append(pick(record))
    columns: list[Values] = [list(column) for column in zip(*picked, strict=True)]
    return layout.batch(name, lines, columns)
