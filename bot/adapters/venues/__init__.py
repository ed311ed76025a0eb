"""
What a venue's stream says, in our own words: the typed values that a parser makes of raw frames.

One parser a venue, without sockets or clocks; `bot.adapters.candle_stream` feeds it.
"""

from msgspec import Struct

from bot.core.market import Candle


class ClosedCandle(Struct, frozen=True, gc=False):
    """A bar that the venue calls final."""

    symbol: str
    candle: Candle


class FormingPrice(Struct, frozen=True, gc=False):
    """The newest price of a bar that is not final, and the venue's time of saying so."""

    symbol: str
    event_ms: int
    last: float


class Subscribed(Struct, frozen=True):
    """The venue took the request `request_id`."""

    request_id: int


class SubscriptionRefused(Struct, frozen=True):
    """The venue refused a request, in its own words. `request_id` is None where it did not say which."""

    request_id: int | None
    code: int
    text: str


class ShuttingDown(Struct, frozen=True):
    """The venue is about to hang up: another connection is wanted."""


class Ignored(Struct, frozen=True):
    """Something that is no business of ours, such as an unknown event."""

    event: str


class Refused(Struct, frozen=True):
    """A frame that must not be believed: `code` to count by, `reason` for people."""

    code: str
    reason: str


StreamMessage = ClosedCandle | FormingPrice | Subscribed | SubscriptionRefused | ShuttingDown | Ignored | Refused
