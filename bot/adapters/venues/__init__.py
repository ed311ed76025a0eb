"""
What a venue's stream says, in our own words, and what every parser of one offers.

One parser a venue, without sockets or clocks: bytes in, values out. The feed makes candles that can be traded on
out of these values, and the stream keeps the connections.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from bot.core.market import Candle, Timeframe


class ClosedCandle(Struct, frozen=True, gc=False):
    """A bar that the venue calls final, said at `event_ms` by its own clock."""

    symbol: str
    event_ms: int
    candle: Candle


class FormingCandle(Struct, frozen=True, gc=False):
    """
    A bar as it stood at `event_ms` by the venue's clock; its close is the newest price.

    `event_ms` is None where the venue puts no time on its frames: then the order of arrival is all there is.
    """

    symbol: str
    event_ms: int | None
    candle: Candle


class Subscribed(Struct, frozen=True):
    """The venue confirmed these keys of what was asked for: see `Subscription.awaited`."""

    keys: tuple[str, ...]


class SubscriptionRefused(Struct, frozen=True):
    """The venue refused a request, in its own words. `key` is None where it did not say which."""

    key: str | None
    code: str
    text: str


class ShuttingDown(Struct, frozen=True):
    """The venue is about to hang up: another connection is wanted."""


class Alive(Struct, frozen=True):
    """A heartbeat or the answer to a ping: the connection lives, which says nothing about its data."""


class Ignored(Struct, frozen=True):
    """Something that is no business of ours, such as an unknown event."""

    event: str


class Refused(Struct, frozen=True):
    """A frame that must not be believed: `code` to count by, `reason` for people."""

    code: str
    reason: str


StreamMessage = (
    ClosedCandle | FormingCandle | Subscribed | SubscriptionRefused | ShuttingDown | Alive | Ignored | Refused
)


class Subscription(Struct, frozen=True):
    """
    What is sent after connecting, and what has to be confirmed before it counts.

    `awaited` are the keys that `Subscribed` will carry: request ids or markets, as the venue answers.
    """

    frames: tuple[str, ...]
    awaited: frozenset[str]


class KeepAlive(Struct, frozen=True):
    """What the client has to send, and how often, in seconds, so that the venue keeps the connection."""

    frame: str
    every_s: float


class VenueStream(Protocol):
    """
    The candle streams of some markets of one venue in one timeframe, on one connection.

    `says_closed` tells whether the venue marks final bars; where it does not, a bar is proven by its successor.
    `keep_alive` is None where the venue pings us. `only_trades` says that a bar without trades is never sent.
    """

    @property
    def stream_url(self) -> str: ...

    @property
    def symbols(self) -> tuple[str, ...]: ...

    @property
    def timeframe(self) -> Timeframe: ...

    @property
    def says_closed(self) -> bool: ...

    @property
    def only_trades(self) -> bool: ...

    @property
    def keep_alive(self) -> KeepAlive | None: ...

    def subscription(self) -> Subscription:
        """What to send after connecting."""
        ...

    def parse(self, frame: bytes) -> Sequence[StreamMessage]:
        """Say what a frame means. Never raises, whatever the bytes."""
        ...
