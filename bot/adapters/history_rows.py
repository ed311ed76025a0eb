"""
What an answer of REST is worth: which of its rows are candles, and which of those are final.

Pure. Rows are what venues give, in any order, with repeats, with the bar that is still open, or damaged.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from bot.core.errors import DataError
from bot.core.market import Candle, Timeframe

ROW_LENGTH: Final = 6
"""`[open_time_ms, open, high, low, close, volume]`."""

_QUOTE: Final = 120

Row = tuple[int, float, float, float, float, float]


class VenueRows(Struct, frozen=True):
    """Rows as a venue gave them, and what its clock said before it was asked for them."""

    venue_ms: int
    rows: tuple[Row, ...]


class RowSource(Protocol):
    """Where the rows of the past come from."""

    async def rows(self, symbol: str, from_ms: int, to_ms: int) -> VenueRows:
        """Every row that opens in `[from_ms, to_ms)`, the open bar's as well. Raises `VenueError`."""
        ...


class CheckedRows(Struct, frozen=True):
    """The candles among some rows by their open times, and why the others are none, and which bars those are of."""

    candles: Mapping[int, Candle]
    refusals: tuple[str, ...]
    refused_ms: frozenset[int]


def candle_of(row: Sequence[Any], timeframe: Timeframe) -> Candle:
    """
    Check one row.

    Raises:
        DataError: It cannot be a candle of this timeframe.
    """
    if not isinstance(row, (list, tuple)) or len(row) != ROW_LENGTH or type(row[0]) is not int:
        raise DataError(f"{str(row)[:_QUOTE]} is no candle")
    if row[0] % timeframe.ms:
        raise DataError(f"no {timeframe.value} candle opens at {row[0]} ms")
    try:
        first, high, low, last, volume = map(float, row[1:])
        return Candle(row[0], first, high, low, last, volume)
    except (TypeError, ValueError) as error:
        raise DataError(f"the row of {row[0]} ms holds what is no number ({error})") from None


def check_rows(rows: Sequence[Sequence[Any]], timeframe: Timeframe, from_ms: int, to_ms: int) -> CheckedRows:
    """Sort out the rows that open in `[from_ms, to_ms)`. Where one bar is said twice, the later word stands."""
    candles: dict[int, Candle] = {}
    refusals: list[str] = []
    refused_ms: set[int] = set()
    for row in rows:
        try:
            candle = candle_of(row, timeframe)
        except DataError as error:
            refusals.append(str(error))
            if isinstance(row, (list, tuple)) and row and type(row[0]) is int:
                refused_ms.add(row[0])
            continue
        if from_ms <= candle.open_time_ms < to_ms:
            candles[candle.open_time_ms] = candle
    return CheckedRows(dict(sorted(candles.items())), tuple(refusals), frozenset(refused_ms - candles.keys()))


def final_until_ms(candles: Mapping[int, Candle], venue_ms: int, settled_ms: int, timeframe: Timeframe) -> int:
    """
    The open time up to which, inclusive, the bars of an answer cannot change any more; -1 for none.

    Args:
        candles: The answer, by open time.
        venue_ms: The venue's clock, as it was asked for: a bar must have ended by it.
        settled_ms: The newest bar may still have been written when it was read, and a clock that was asked for may
            be wrong: that bar needs a later one beside it, or its end must lie before this time.
        timeframe: Length of the bars.
    """
    newest_ms = max((open_ms for open_ms in candles if open_ms + timeframe.ms <= venue_ms), default=-1)
    if newest_ms < 0 or max(candles) > newest_ms or newest_ms + timeframe.ms <= settled_ms:
        return newest_ms
    return newest_ms - timeframe.ms
