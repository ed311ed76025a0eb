"""
Everything that a candle feed can learn from the outside, with the time at which it did.

The feed is a function of these values, in this order: what a tape holds is these, and a replay of it feeds them
again. Times are UTC milliseconds of the clock that the session runs by.
"""

from typing import final

from msgspec import Struct


class FeedInput(Struct, frozen=True, array_like=True, tag=True, gc=False):
    """Something that the feed learned at `at_ms`."""

    at_ms: int


@final
class Connected(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """A connection stands, and subscribing begins. `connection` numbers them in the order of their making."""

    connection: int
    symbols: tuple[str, ...]


@final
class FrameReceived(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """
    One message of a connection, as it came.

    `latest_ms` is the latest time that the venue can have named in it, by a clock that its stream has no say in; None
    where there is no such clock.
    """

    connection: int
    frame: bytes
    latest_ms: int | None = None


@final
class Disconnected(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """A connection is gone, by whoever's doing."""

    connection: int
    reason: str


@final
class HistoryAnswered(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """
    REST has answered for the bars of `symbol` that open in `[from_ms, to_ms)`.

    `rows` are `[open_time_ms, open, high, low, close, volume]` as the venue gave them, unchecked, maybe with the bar
    that is still open; `venue_ms` is the venue's clock, read before it was asked.
    """

    symbol: str
    from_ms: int
    to_ms: int
    venue_ms: int
    rows: tuple[tuple[int, float, float, float, float, float], ...]


@final
class HistoryFailed(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """REST could not be asked, or said what cannot be read."""

    symbol: str
    from_ms: int
    to_ms: int
    reason: str


@final
class Tick(FeedInput, frozen=True, array_like=True, tag=True, gc=False):
    """Time has passed: it is `at_ms` now."""


AnyFeedInput = Connected | FrameReceived | Disconnected | HistoryAnswered | HistoryFailed | Tick
