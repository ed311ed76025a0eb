"""
What waits between the sockets and the feed: bounded, in order, and nothing lost that cannot be had again.

When it is full, forming bars that a later frame of the same bar has overtaken are dropped and counted. If that is
not enough, the sockets wait, and with them the venue. Closed bars, confirmations and answers are never dropped.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence

from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived
from bot.adapters.venues import FormingCandle, StreamMessage

Parse = Callable[[FrameReceived], Sequence[StreamMessage]]


class FeedInbox:
    """
    A queue with one reader.

    Args:
        size: Inputs that may wait before frames do.
        parse: Says what a frame means: needed for what may be dropped.
        counts: Where `dropped` is counted.
    """

    def __init__(self, size: int, parse: Parse, counts: Counter[str]) -> None:
        self._size = size
        self._parse = parse
        self._counts = counts
        self._waiting: deque[AnyFeedInput] = deque()
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._since_sifted = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, given: AnyFeedInput) -> None:
        """Add something that is rare by its nature, whether there is room or not."""
        self._waiting.append(given)
        self._something.set()

    async def put_frame(self, given: FrameReceived) -> None:
        """Add a frame, when there is room."""
        while len(self._waiting) >= self._size:
            # Not again for every frame: what was sifted has nothing left to drop.
            if self._since_sifted >= self._size // 2:
                self._sift()
                continue
            self._room.clear()
            await self._room.wait()
        self._since_sifted += 1
        self.put(given)

    async def get(self) -> AnyFeedInput:
        """The oldest input."""
        while not self._waiting:
            self._something.clear()
            await self._something.wait()
        given = self._waiting.popleft()
        if len(self._waiting) < self._size:
            self._room.set()
        return given

    def _sift(self) -> None:
        """Drop each frame that holds nothing but forming bars of which something newer waits as well."""
        self._since_sifted = 0
        newer: set[tuple[str, int]] = set()
        kept: deque[AnyFeedInput] = deque()
        for given in reversed(self._waiting):
            bars = self._forming_bars(given)
            if bars and bars <= newer:
                self._counts["dropped"] += 1
                continue
            newer |= bars
            kept.appendleft(given)
        self._waiting = kept

    def _forming_bars(self, given: AnyFeedInput) -> set[tuple[str, int]]:
        """Its bars where it holds forming ones alone, else none."""
        if type(given) is not FrameReceived:
            return set()
        bars: set[tuple[str, int]] = set()
        for message in self._parse(given):
            if type(message) is not FormingCandle:
                return set()
            bars.add((message.symbol, message.candle.open_time_ms))
        return bars
