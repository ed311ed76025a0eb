"""
Any venue that ccxt can stream, without a socket: rows in, forming bars out.

ccxt drops the closed flag of every venue, so that no bar is called final here: its successor and history prove it.
What a venue does about bars without trades is not known either, so a missing one counts as ordinary.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.history_rows import Row, candle_of
from bot.adapters.venues import Alive, FormingCandle, KeepAlive, Refused, StreamMessage, Subscription
from bot.adapters.venues.bars import quote
from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe

MAX_MARKETS: Final = 50
"""Markets of one connection: few enough for every venue that ccxt streams."""


class RowsFrame(Struct, frozen=True):
    """What a socket hands on: the newest rows of a market, and the venue's time; no rows are a sign of life."""

    symbol: str
    at_ms: int
    rows: tuple[Row, ...]


class CcxtRows:
    """
    The candles of some markets of a venue, as ccxt gives them.

    Args:
        venue: ccxt's name of it.
        symbols: The markets, at most `MAX_MARKETS`.
        timeframe: Length of the candles.

    Raises:
        ConfigError: No markets, or more than one connection may carry.
    """

    says_closed: Final = False
    only_trades: Final = True
    keep_alive: Final[KeepAlive | None] = None

    def __init__(self, venue: str, symbols: Sequence[str], timeframe: Timeframe) -> None:
        if not 0 < len(symbols) <= MAX_MARKETS:
            raise ConfigError(f"one connection through ccxt carries 1 to {MAX_MARKETS} markets, got {len(symbols)}")
        self.venue: Final = venue
        self.symbols: Final = tuple(symbols)
        self.timeframe: Final = timeframe
        self.stream_url: Final = f"ccxt:{venue}"
        self._decode = msgspec.json.Decoder(RowsFrame).decode

    def subscription(self) -> Subscription:
        """Nothing to send and nothing to wait for: ccxt subscribes, and does not tell what was confirmed."""
        return Subscription((), frozenset())

    def parse(self, frame: bytes) -> Sequence[StreamMessage]:
        """Say what a frame means. Never raises, whatever the bytes."""
        try:
            said = self._decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return (Refused("malformed", f"no rows: {error}"),)
        if not said.rows:
            return (Alive(),)
        if said.symbol not in self.symbols:
            return (Refused("unknown symbol", f"rows of {quote(said.symbol)!r}: nobody asked for them"),)
        return [self._bar(said, row) for row in said.rows]

    def _bar(self, said: RowsFrame, row: Row) -> StreamMessage:
        try:
            candle = candle_of(row, self.timeframe)
        except DataError as error:
            return Refused("impossible candle", quote(f"{said.symbol}: {error}"))
        # A bar cannot be spoken of before it opens, whatever a clock says.
        return FormingCandle(said.symbol, max(said.at_ms, candle.open_time_ms), candle)
