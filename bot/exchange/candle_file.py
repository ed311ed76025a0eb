"""
Markets in files: one CSV a market, one closed candle a line, and a market that plays it back.

The columns are `open_time_ms,open,high,low,close,volume`, in that order; numbers are the shortest decimals that
read back as the same float. Knows nothing of servers or of where candles come from.
"""

import csv
from pathlib import Path
from typing import Final

from bot.core.errors import DataError
from bot.core.market import Candle, ImpossibleCandle, Timeframe
from bot.exchange.bar_path import toss
from bot.exchange.listing import listing_of
from bot.exchange.market import Columns

HEADER: Final = ("open_time_ms", "open", "high", "low", "close", "volume")


def write_candles(path: Path, columns: Columns) -> None:
    """Write candles to `path`, in place of what was there. Same candles, same bytes."""
    with path.open("w", encoding="ascii", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEADER)
        lines.writerows(zip(*(getattr(columns, name).tolist() for name in HEADER), strict=True))


class RecordedMarket:
    """
    A market whose candles were written down: `read_market` makes one.

    Bars that are missing in the file stay missing.
    """

    def __init__(self, symbol: str, timeframe: Timeframe, candles: dict[int, Candle]) -> None:
        self.listing = listing_of(symbol)
        self.symbol = symbol
        self.timeframe = timeframe
        self._candles = candles
        self.begin_ms = min(candles)
        self.end_ms = max(candles) + timeframe.ms

    def at(self, open_ms: int) -> Candle | None:
        """The candle that opens at `open_ms`, where the file has one."""
        return self._candles.get(open_ms)

    def toss(self, open_ms: int) -> float:
        """Which way a candle's price takes: the same on every machine and run, as nobody wrote it down."""
        return toss(self.symbol, self.timeframe.value, open_ms)


def read_market(path: Path, symbol: str, timeframe: Timeframe) -> RecordedMarket:
    """
    Read a file of candles, which must be in order.

    Raises:
        DataError: The file has another header, no candles, or a line that cannot be a candle of the timeframe;
            the sentence names the line.
    """
    candles: dict[int, Candle] = {}
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        if tuple(next(lines, ())) != HEADER:
            raise DataError(f"{path}: the first line must be {','.join(HEADER)}")
        last_ms = -1
        for number, fields in enumerate(lines, start=2):
            candle = _candle(fields, f"{path} line {number}")
            if candle.open_time_ms <= last_ms or candle.open_time_ms % timeframe.ms:
                raise DataError(
                    f"{path} line {number}: open_time_ms {candle.open_time_ms} is not a later multiple of "
                    f"{timeframe.value} ({timeframe.ms} ms)"
                )
            last_ms = candle.open_time_ms
            candles[last_ms] = candle
    if not candles:
        raise DataError(f"{path}: no candles after the header")
    return RecordedMarket(symbol, timeframe, candles)


def _candle(fields: list[str], where: str) -> Candle:
    try:
        time, *prices = fields
        open_, high, low, close, volume = map(float, prices)
        return Candle(int(time), open_, high, low, close, volume)
    except ImpossibleCandle as error:
        raise DataError(f"{where}: {error}") from None
    except ValueError:
        raise DataError(f"{where}: expected an integer and five numbers, got {','.join(fields)[:120]!r}") from None
