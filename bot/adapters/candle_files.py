"""
Candles out of files: Parquet, Feather and CSV, of one market or many, in one piece or several.

This is the door; the rooms behind it read text (`candle_text`), columns (`candle_columns`), cells (`candle_cells`)
and names (`candle_names`), and mend what can be mended (`candle_mending`). Whatever is in a file, it ends in candles
or in a `DataError`. Knows nothing of what the candles are for; gaps stay gaps.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_cells import Cells, numbers, times_ms
from bot.adapters.candle_columns import Batch, read_feather, read_parquet
from bot.adapters.candle_mending import Rows, find_timeframe, mend
from bot.adapters.candle_names import EXPECTED_SYMBOL, read_file_name, read_symbol, read_timeframe
from bot.adapters.candle_series import CandleSeries, utc_text
from bot.adapters.candle_text import read_text
from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe


class _Piece(Struct, frozen=True, eq=False):
    """Rows of one market out of one batch."""

    path: Path
    row: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]


def read_candles(
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    timeframe: str | Timeframe | None = None,
    from_ms: int | None = None,
    until_ms: int | None = None,
    now_ms: int | None = None,
) -> tuple[CandleSeries, ...]:
    """
    Read the candles of files, one series a market, in the order in which the markets appear.

    Files of one market are joined; where they overlap they must agree. The market comes from the column `symbol`,
    else from the argument, else from the file's name; the timeframe from the argument, the name, or the spacing of
    the rows. What these say must agree.

    Args:
        paths: Parquet (.parquet, .pq), Feather (.feather, .arrow) or CSV files (.csv, .csv.gz, .zip).
        symbol: The market that a file without the column holds, and the only one to take from a file with it.
        timeframe: The length of the candles, where it is known.
        from_ms: Leave out candles that open earlier. What is left out is not judged.
        until_ms: Leave out candles that close later.
        now_ms: When the files are read; a candle that closes later is unfinished, left out and reported.

    Raises:
        ConfigError: The symbol or the timeframe that was asked for cannot be understood, or no file was named.
        DataError: A file cannot be read or understood, contradicts itself or another one, or nothing is left.
    """
    if not paths:
        raise ConfigError("no candle file was named; expected at least one Parquet, Feather or CSV file")
    wanted = _asked_symbol(symbol)
    stated = _asked_timeframe(timeframe)
    pieces: dict[str, list[_Piece]] = {}
    for path in paths:
        for market, piece in _read_file(path, wanted):
            pieces.setdefault(market, []).append(piece)
    if wanted is not None and wanted not in pieces:
        raise DataError(f"{_listed(paths)}: no candle of {wanted}; there is {', '.join(pieces) or 'none at all'}")
    if not pieces:
        raise DataError(f"{_listed(paths)}: no row; expected candles")
    series: list[CandleSeries] = []
    for market, found in pieces.items():
        if wanted in (None, market):
            rows = _joined(found)
            length = find_timeframe(market, rows, _stated_timeframe(market, found, stated))
            inside = rows.take(_in_range(rows.time_ms, length, from_ms, until_ms))
            if len(inside):
                series.append(mend(market, inside, length, len(rows), now_ms))
    if not any(len(one) for one in series):
        raise DataError(f"{_listed(paths)}: no candle {_range_text(from_ms, until_ms, now_ms)}")
    return tuple(one for one in series if len(one))


def _asked_symbol(symbol: str | None) -> str | None:
    if symbol is None:
        return None
    if (name := read_symbol(symbol)) is None:
        raise ConfigError(f"symbol {symbol!r} names no market; expected {EXPECTED_SYMBOL}")
    return name


def _asked_timeframe(timeframe: str | Timeframe | None) -> Timeframe | None:
    if timeframe is None or isinstance(timeframe, Timeframe):
        return timeframe
    if (known := read_timeframe(timeframe)) is None:
        raise ConfigError(f"timeframe {timeframe!r} is not known; expected one of {_timeframes()}")
    return known


def _read_file(path: Path, wanted: str | None) -> Iterator[tuple[str, _Piece]]:
    try:
        for batch in _batches(path):
            times = _times(batch)
            ohlcv = np.column_stack([numbers(column) for column in batch.prices])
            rows = batch.prices[0].rows
            for market, which in _markets(batch, path, wanted):
                yield market, _Piece(path, rows[which], times[which], ohlcv[which])
    except OSError as error:
        reason = error.strerror or (str(error).splitlines() or ["no reason given"])[0]
        raise DataError(f"{path}: cannot be read: {reason}") from error


def _batches(path: Path) -> Iterator[Batch]:
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return read_parquet(path)
        case ".feather" | ".arrow":
            return read_feather(path)
        case ".csv" | ".txt" | ".gz" | ".zip":
            return read_text(path)
        case _ if path.is_dir():
            raise DataError(f"{path}: a folder is no candle file; expected .parquet, .feather or .csv")
        case _ if not path.exists():
            raise DataError(f"{path}: cannot be read: No such file or directory")
        case "":
            raise DataError(f"{path}: the name has no ending that tells the form; expected .parquet, .feather or .csv")
        case other:
            raise DataError(f"{path}: {other} is no candle file; expected .parquet, .feather or .csv")


def _times(batch: Batch) -> NDArray[np.int64]:
    times = times_ms(batch.times[0])
    for other in batch.times[1:]:
        differs = times_ms(other) != times
        if differs.any():
            first = batch.times[0].column
            raise other.wrong(int(np.argmax(differs)), f"the time that column {first!r} tells in the same row")
    return times


def _markets(batch: Batch, path: Path, wanted: str | None) -> Iterator[tuple[str, slice | NDArray[np.int64]]]:
    if batch.symbols is None:
        yield _named_market(path, wanted), slice(None)
        return
    codes, markets = _symbols(batch.symbols)
    for code, market in enumerate(markets):
        yield market, np.flatnonzero(codes == code)


def _named_market(path: Path, wanted: str | None) -> str:
    named = read_file_name(path).symbol
    if named is None and wanted is None:
        raise DataError(
            f"{path}: neither a column 'symbol' nor the file's name tells the market; name it as {EXPECTED_SYMBOL}, "
            f"or call the file BTC_USDT-1h.csv"
        )
    if named is not None and wanted is not None and named != wanted:
        raise DataError(f"{path}: the file's name says {named}, not {wanted}; name the right file, or rename it")
    return wanted or named or ""


def _symbols(cells: Cells) -> tuple[NDArray[np.int64], list[str]]:
    """The markets of a column in order of appearance, and which of them each row is of."""
    codes: dict[str, int] = {}
    spellings: dict[str, int] = {}
    found = np.empty(len(cells.rows), dtype=np.int64)
    for index, cell in enumerate(cells.values):
        code = spellings.get(cell)
        if code is None:
            market = read_symbol(cell) if isinstance(cell, str) else None
            if market is None:
                raise cells.wrong(index, EXPECTED_SYMBOL)
            code = spellings[cell] = codes.setdefault(market, len(codes))
        found[index] = code
    return found, list(codes)


def _joined(pieces: Sequence[_Piece]) -> Rows:
    paths = list(dict.fromkeys(piece.path for piece in pieces))
    file = [np.full(len(piece.row), paths.index(piece.path), dtype=np.int64) for piece in pieces]
    return Rows(
        tuple(str(path) for path in paths),
        np.concatenate(file),
        np.concatenate([piece.row for piece in pieces]),
        np.concatenate([piece.time_ms for piece in pieces]),
        np.concatenate([piece.ohlcv for piece in pieces]),
    )


def _stated_timeframe(market: str, pieces: Sequence[_Piece], asked: Timeframe | None) -> Timeframe | None:
    """What the argument and the names of a market's files say together."""
    stated = asked
    for path in dict.fromkeys(piece.path for piece in pieces):
        text = read_file_name(path).timeframe
        if text is None:
            continue
        named = read_timeframe(text)
        if named is None:
            raise DataError(f"{path}: the file's name says {text}; expected one of {_timeframes()}")
        if stated not in (None, named):
            raise DataError(f"{path}: the file's name says {text}, but {market} is read as {stated.value}")
        stated = named
    return stated


def _in_range(
    times: NDArray[np.int64], timeframe: Timeframe, from_ms: int | None, until_ms: int | None
) -> NDArray[np.bool_]:
    inside = np.ones(len(times), dtype=np.bool_)
    if from_ms is not None:
        inside &= times >= from_ms
    if until_ms is not None:
        inside &= times + timeframe.ms <= until_ms
    return inside


def _range_text(from_ms: int | None, until_ms: int | None, now_ms: int | None) -> str:
    bounds = (("opens from", from_ms), ("closes until", until_ms), ("is finished at", now_ms))
    return "that " + " and ".join(f"{words} {utc_text(time)}" for words, time in bounds if time is not None)


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in paths)


def _timeframes() -> str:
    return ", ".join(timeframe.value for timeframe in Timeframe)
