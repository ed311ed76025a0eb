"""
From the cells of one column to times and numbers.

A cell that cannot be understood ends with its place: file, row, column, and the form that was expected. Nothing is
guessed except the unit of a bare number of time, and that by magnitude: seconds, milliseconds, microseconds and
nanoseconds since 1970 do not overlap after March 1973.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isfinite, nan
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError

Values: TypeAlias = list[str] | NDArray[np.int64] | NDArray[np.float64] | NDArray[np.datetime64]
"""Text, bare numbers, or times whose unit is known (`datetime64[ms]`, UTC)."""

EXPECTED_TIME: Final = (
    "ISO text such as 2024-01-31T13:00:00Z, or seconds, milliseconds, microseconds or nanoseconds since 1970 "
    "(from March 1973 on), on a whole millisecond"
)
EXPECTED_NUMBER: Final = "a number such as 42000.5, without separators of thousands"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_SECOND: Final = 10**8
"""The first second that is read as a bare number, 1973-03-03. Its milliseconds are where seconds end, in 5138."""
_END_NS: Final = 2**63
_END_MS: Final = _FIRST_SECOND * 10**6
"""The same year ends every kind of time, so that each can be named and its candle can close."""
_SHOWN: Final = 40
_NUMBER: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?([eE]\+?[0-9]{1,2})?")


class Cells(Struct, frozen=True, eq=False):
    """One column of a piece of a file. `rows` (n,) int64 says where in the file each cell stands."""

    file: str
    column: str
    rows: NDArray[np.int64]
    values: Values

    def wrong(self, index: int, expected: str) -> DataError:
        """Name the cell that cannot be understood, in one sentence."""
        cell = self.values[index]
        shown = repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…") if isinstance(cell, str) else str(cell)
        return DataError(
            f"{self.file}, row {self.rows[index]}, column {self.column!r}: cannot understand {shown}; "
            f"expected {expected}"
        )


def times_ms(cells: Cells) -> NDArray[np.int64]:
    """
    Read a column of times, each in the unit that it shows by itself.

    Returns:
        Milliseconds UTC, (n,) int64. Text without a zone is UTC, a date is its midnight.

    Raises:
        DataError: A cell is empty, no time, before 1970 or not on a whole millisecond.
    """
    values = cells.values
    if isinstance(values, list):
        return _collect(cells, map(_time_of_text, values))
    if values.dtype.kind == "M":
        times = values.astype("datetime64[ms]").astype(np.int64)  # a missing time becomes the smallest integer
        outside = (times < 0) | (times >= _END_MS)
        if outside.any():
            raise cells.wrong(int(np.argmax(outside)), EXPECTED_TIME)
        return times
    return _collect(cells, map(_time_of_number if values.dtype.kind == "i" else _time_of_float, values.tolist()))


def numbers(cells: Cells) -> NDArray[np.float64]:
    """
    Read a column of prices or volumes, (n,) float64; an empty cell is NaN, which no candle can hold.

    Raises:
        DataError: A cell holds something else than a number.
    """
    values = cells.values
    if not isinstance(values, list):
        return values.astype(np.float64)
    try:
        # Python reads 1_000 as a thousand; a file that holds it is more likely damaged.
        if not any("_" in cell for cell in values):
            return np.array(values, dtype=np.float64)
    except ValueError:
        pass  # an empty cell, or the one that the search below names
    return np.array([_number(cells, index, cell) for index, cell in enumerate(values)], dtype=np.float64)


def _number(cells: Cells, index: int, cell: str) -> float:
    if not cell.strip():
        return nan
    try:
        if "_" not in cell:
            return float(cell)
    except ValueError:
        pass
    raise cells.wrong(index, EXPECTED_NUMBER)


def _collect(cells: Cells, times: Iterable[int | None]) -> NDArray[np.int64]:
    found = list(times)
    if None in found:
        raise cells.wrong(found.index(None), EXPECTED_TIME)
    return np.array(found, dtype=np.int64)


def _time_of_float(value: float) -> int | None:
    if not isfinite(value):
        return None
    # The shortest text of a float is what its writer meant: 1704067200.5 is half past a second.
    return _time_of_number(int(value) if value.is_integer() else Decimal(repr(value)))


def _time_of_number(value: int | Decimal) -> int | None:
    if not _FIRST_SECOND <= value < _END_NS:
        return None
    if value < _FIRST_SECOND * 10**3:
        exact = value * 1000
    elif value < _FIRST_SECOND * 10**6:
        exact = value
    else:
        unit = 10**3 if value < _FIRST_SECOND * 10**9 else 10**6
        if value % unit:
            return None
        exact = value // unit
    return int(exact) if exact == int(exact) else None


def _time_of_text(cell: str) -> int | None:
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return _time_of_number(int(text) if text.isdigit() else Decimal(text))
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole, rest = divmod((moment - _EPOCH) // _MICROSECOND, 1000)
    return whole if 0 <= whole < _END_MS and not rest else None
