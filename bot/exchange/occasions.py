"""
When a fault may strike: the moment, and the selector that fits it or does not.

Knows nothing of the faults.
"""

from msgspec import Struct


class Occasion(Struct, frozen=True):
    """A moment at which a fault may strike: market time, and what of connection, market and endpoint there is."""

    at_ms: int
    connection: int = 0
    symbol: str = ""
    endpoint: str = ""
    closing: bool | None = None


class Where(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    When a rule applies: everything that is given must hold, and everything that is left out may be anything.

    Attributes:
        connection: Number of the websocket handshake on this server, from 1, refused ones counted.
        symbol: The market as the wire names it, such as `BTCUSDT`.
        endpoint: Last part of a REST path: `klines`, `time`, `exchangeInfo`, `ping`.
        closing: True for frames that say `"x":true` only, False for the others.
        from_ms: Market time from which on; `until_ms` is exclusive.
        skip: How many fitting occasions to let pass first.
        times: How often to strike at most.
        chance: Probability of striking on each occasion, drawn from the plan's seed.
    """

    connection: int | None = None
    symbol: str | None = None
    endpoint: str | None = None
    closing: bool | None = None
    from_ms: int = 0
    until_ms: int | None = None
    skip: int = 0
    times: int | None = None
    chance: float = 1.0

    def fits(self, occasion: Occasion) -> bool:
        """Whether the occasion is one of those that are meant, counts and chance apart."""
        return (
            self.from_ms <= occasion.at_ms
            and (self.until_ms is None or occasion.at_ms < self.until_ms)
            and (self.connection is None or self.connection == occasion.connection)
            and (self.symbol is None or self.symbol == occasion.symbol)
            and (self.endpoint is None or self.endpoint == occasion.endpoint)
            and (self.closing is None or self.closing == occasion.closing)
        )
