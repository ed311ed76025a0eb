"""Klines and server times that are not what they should be. Pure: rows in, rows out."""

from typing import Final

from bot.exchange.faults import Lag, SpoilRows, WrongTime

Row = list[int | str]
"""One kline as twelve columns: open time, open, high, low, close, volume, close time and six more."""

REVISED_BY: Final = 1.5
"""How many times the true volume a revised bar has."""

_OPEN, _HIGH, _LOW, _VOLUME = 1, 2, 3, 5


def hidden_since(now_ms: int, lag: Lag, timeframe_ms: int, end_ms: int | None) -> int:
    """The last open time that klines show while they lag behind."""
    newest_ms = now_ms - lag.by_ms - timeframe_ms
    return newest_ms if end_ms is None else min(end_ms, newest_ms)


def misread_time(wrong: WrongTime, now_ms: int) -> int:
    """The server's time as it is told."""
    drifted_ms = int((now_ms - wrong.where.from_ms) * wrong.drift_frac)
    told_ms = now_ms + wrong.offset_ms + drifted_ms
    return told_ms * 1_000 if wrong.microseconds else told_ms


def spoiled(rows: list[Row], spoil: SpoilRows) -> list[Row]:
    """Rows as the rule wants them."""
    if spoil.how == "reverse":
        return rows[::-1]
    return [said for row in rows for said in (_spoiled_row(row, spoil) if _is_meant(row, spoil) else [row])]


def _spoiled_row(row: Row, spoil: SpoilRows) -> list[Row]:
    """What is said in the place of one row."""
    match spoil.how:
        case "missing":
            return []
        case "duplicate":
            return [row, row]
        case "revised":
            return [_with(row, _VOLUME, f"{float(row[_VOLUME]) * REVISED_BY:.8f}")]
        case "text":
            return [_with(row, _OPEN, "a lot")]
        case "impossible":
            return [_with(row, _HIGH, f"{float(row[_LOW]) / 2.0:.8f}")]
        case _:
            return [row]


def _is_meant(row: Row, spoil: SpoilRows) -> bool:
    return spoil.bars is None or row[0] in spoil.bars


def _with(row: Row, column: int, value: str) -> Row:
    return [*row[:column], value, *row[column + 1 :]]
