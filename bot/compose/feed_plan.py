"""
Everything that a candle feed is made of, so that a tape can make the same feed again.

A session writes its plan into the header of its tape; a replay reads it there. Knows no connection: what is planned
is what the feed decides by.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Self

import msgspec
from msgspec import Struct

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_monitor import CandleMonitor
from bot.adapters.patience import Patience
from bot.adapters.tape_format import TapeHeader
from bot.adapters.venues import VenueStream
from bot.adapters.venues.ccxt_rows import MAX_MARKETS, CcxtRows
from bot.adapters.venues.limits import batches
from bot.adapters.venues.names import VENUE_NAMES, stream_venue, stream_venues
from bot.core.errors import DataError
from bot.core.market import Timeframe
from bot.version import code_version

EMBEDDED: Final = "embedded"
EMBEDDED_WORDS: Final = "binance"
"""What the embedded exchange speaks."""


class _Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    connections: tuple[tuple[str, ...], ...]
    patience: Patience
    begin_ms: dict[str, int]
    audits_one_in: int
    runs_by_market: bool
    journal_events: int


class FeedPlan(Struct, frozen=True):
    """
    A feed that can be made again.

    Args:
        venue: One of `VENUE_NAMES`, `embedded`, or ccxt's name of another exchange.
        timeframe: Length of the candles.
        connections: The markets, by the connection that carries them.
        patience: Time limits.
        begin_ms: Open time of the first candle wanted, by symbol.
        audits_one_in: One emitted candle in so many is compared with history later; 0 compares none.
        runs_by_market: The session's clock is the newest time that the market named, not the machine's.
        journal_events: How many events the journal held when the session began; 0 where nothing was traded.
    """

    venue: str
    timeframe: Timeframe
    connections: tuple[tuple[str, ...], ...]
    patience: Patience = Patience()
    begin_ms: Mapping[str, int] = {}
    audits_one_in: int = 0
    runs_by_market: bool = False
    journal_events: int = 0

    @classmethod
    def of_markets(cls, venue: str, symbols: Sequence[str], timeframe: Timeframe) -> Self:
        """
        Plan the feed of some markets, on as few connections as carry them.

        Raises:
            ConfigError: The venue is unknown, or has no such market or timeframe.
        """
        if is_streamed_by_ccxt(venue):
            connections = tuple(map(tuple, batches(symbols, MAX_MARKETS)))
        else:
            connections = tuple(stream.symbols for stream in stream_venues(_words(venue), symbols, timeframe))
        return cls(venue, timeframe, connections, runs_by_market=venue == EMBEDDED)

    @classmethod
    def of_tape(cls, header: TapeHeader) -> Self:
        """
        Read the plan of a recorded session.

        Raises:
            DataError: The header holds none, or that of another version.
        """
        try:
            # Written as words, so that a person can read the header: numbers and lists are JSON within.
            given = {name: msgspec.Raw(value.encode()) for name, value in header.parameters.items()}
            said = msgspec.json.decode(msgspec.json.encode(given), type=_Parameters)
            timeframe = Timeframe(header.timeframe)
        except (msgspec.DecodeError, ValueError) as error:
            raise DataError(
                f"the tape does not say how its feed was made ({error}): use the code version {header.code_version}"
            ) from error
        return cls(header.venue, timeframe, **msgspec.structs.asdict(said))

    def header(self, started_ms: int) -> TapeHeader:
        """What a tape of this feed says of itself; `started_ms` is the time of the session's clock."""
        said = _Parameters(
            self.connections,
            self.patience,
            dict(self.begin_ms),
            self.audits_one_in,
            self.runs_by_market,
            self.journal_events,
        )
        parameters = {name: msgspec.json.encode(value).decode() for name, value in msgspec.structs.asdict(said).items()}
        return TapeHeader(self.venue, self.symbols, self.timeframe.value, parameters, started_ms, code_version())

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every market, in the order of the connections."""
        return tuple(symbol for symbols in self.connections for symbol in symbols)

    def streams(self, url: str | None = None) -> tuple[VenueStream, ...]:
        """The parsers, one for each connection; `url` names another server that speaks the same words."""
        if is_streamed_by_ccxt(self.venue):
            return tuple(CcxtRows(self.venue, symbols, self.timeframe) for symbols in self.connections)
        words = _words(self.venue)
        return tuple(stream_venue(words, symbols, self.timeframe, url) for symbols in self.connections)

    def feed(self, streams: Sequence[VenueStream] | None = None) -> CandleFeed:
        """A feed that has learned nothing yet, of these streams, or of ones of its own where none are given."""
        monitor = None
        if self.audits_one_in:
            monitor = CandleMonitor(self.timeframe, self.audits_one_in, self.patience.audit_ms)
        return CandleFeed(
            self.streams() if streams is None else streams,
            patience=self.patience,
            monitor=monitor,
            begin_ms=self.begin_ms,
        )


def is_streamed_by_ccxt(venue: str) -> bool:
    """Whether a venue has no parser of its own, so that ccxt's streams stand in."""
    return venue != EMBEDDED and venue not in VENUE_NAMES


def _words(venue: str) -> str:
    return EMBEDDED_WORDS if venue == EMBEDDED else venue
