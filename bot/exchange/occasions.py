"""
When a fault may strike: the moment, the selector that fits it or does not, and the rule that has one.

Knows nothing of the single faults.
"""

from msgspec import Struct


class Occasion(Struct, frozen=True):
    """A moment at which a fault may strike: market time, and what of connection, market and request there is."""

    at_ms: int
    connection: int = 0
    symbol: str = ""
    endpoint: str = ""
    closing: bool | None = None
    method: str = ""
    client_id: str = ""


class Where(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    When a rule applies: everything that is given must hold, and everything that is left out may be anything.

    Attributes:
        connection: Number of the websocket handshake on this server, from 1, refused ones counted.
        symbol: The market as the wire names it, such as `BTCUSDT`.
        endpoint: What follows `/api/v3/` in a REST path: `klines`, `time`, `order`, `ticker/bookTicker`. On the
            WebSocket API `ws-api` for a connection, the method for a request, for an event its kind.
        closing: True for frames that say `"x":true` only, False for the others.
        method: Of HTTP, such as `POST`.
        client_id: How the client id begins of the order that is placed, cancelled or asked for by it.
        from_ms: Market time from which on; `until_ms` is exclusive.
        skip: How many fitting occasions to let pass first.
        times: How often to strike at most.
        chance: Probability of striking on each occasion, drawn from the plan's seed.
    """

    connection: int | None = None
    symbol: str | None = None
    endpoint: str | None = None
    closing: bool | None = None
    method: str | None = None
    client_id: str | None = None
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
            and (self.method is None or self.method == occasion.method)
            and (self.client_id is None or (bool(occasion.client_id) and occasion.client_id.startswith(self.client_id)))
        )


class Fault(Struct, frozen=True, kw_only=True, tag_field="fault", omit_defaults=True, forbid_unknown_fields=True):
    """A rule. `name` is repeated in the log of what struck; without one the kind of fault is its name."""

    where: Where = Where()
    name: str = ""
