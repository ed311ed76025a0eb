"""
What a candle feed answers with, besides the engine's events: wishes for the one who holds the connections.

Values alone. Who grants them tells the feed with the values of `feed_inputs`.
"""

from msgspec import Struct

from bot.core.events import CandleClosed, MarketRestored, MarketSuspended, PriceUpdated
from bot.core.market import Candle


class AskHistory(Struct, frozen=True):
    """Ask REST for the bars of `symbol` that open in `[from_ms, to_ms)`, and tell what it said or that it failed."""

    symbol: str
    from_ms: int
    to_ms: int


class GiveUp(Struct, frozen=True):
    """
    Replace a connection. Said once of each.

    `still_speaks` where it is as good as ever but will not be for long: the new one is to stand and to be
    confirmed before the old one is dropped.
    """

    connection: int
    reason: str
    still_speaks: bool = False


class Ready(Struct, frozen=True):
    """Everything that this connection asked for is confirmed: an older one of the same markets can be dropped."""

    connection: int


class CannotSubscribe(Struct, frozen=True):
    """The venue refuses what it never granted: asking again will not help."""

    reason: str


class Difference(Struct, frozen=True):
    """
    Somebody says now what was not said when the candle was emitted. Nothing is taken back: it is to be recorded.

    `emitted` is None where the bar was passed over, because nobody knew of it.
    """

    symbol: str
    source: str
    emitted: Candle | None
    said: Candle


EngineEvent = CandleClosed | PriceUpdated | MarketSuspended | MarketRestored

FeedOutput = EngineEvent | AskHistory | GiveUp | Ready | CannotSubscribe | Difference
