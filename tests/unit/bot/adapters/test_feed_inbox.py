"""What waits for the feed: in order, bounded, and nothing dropped that was not overtaken."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from bot.adapters.feed_inbox import FeedInbox
from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived, Tick
from bot.adapters.venues import StreamMessage
from tests.feed_fakes import BTC, ETH, FakeStream, closed_frame, confirmed_frame, forming_frame


class Box:
    """An inbox for so many inputs, and what was counted."""

    def __init__(self, size: int) -> None:
        self.counts: Counter[str] = Counter()
        self.inbox = FeedInbox(size, self._parse, self.counts)
        self._stream = FakeStream([BTC, ETH])

    def _parse(self, given: FrameReceived) -> Sequence[StreamMessage]:
        return self._stream.parse(given.frame)

    async def fill(self, *frames: bytes) -> None:
        async with asyncio.timeout(5):
            for frame in frames:
                await self.inbox.put_frame(FrameReceived(0, 1, frame))

    async def drain(self) -> list[AnyFeedInput]:
        return [await self.inbox.get() for _ in range(len(self.inbox))]


def frames_of(inputs: list[AnyFeedInput]) -> list[bytes]:
    return [given.frame for given in inputs if isinstance(given, FrameReceived)]


@pytest.mark.asyncio
async def test_everything_comes_out_as_it_went_in() -> None:
    box = Box(10)
    frames = [forming_frame(BTC, 1, elapsed_ms) for elapsed_ms in range(1_000, 9_000, 1_000)]
    await box.fill(*frames)
    box.inbox.put(Tick(5))
    inputs = await box.drain()
    assert frames_of(inputs) == frames
    assert inputs[-1] == Tick(5)


@pytest.mark.asyncio
async def test_when_it_is_full_overtaken_forming_frames_are_dropped_and_nothing_else() -> None:
    box = Box(8)
    kept = [
        confirmed_frame(BTC),
        closed_frame(BTC, 1),
        forming_frame(BTC, 2, 3_000),
        b"nonsense",
        forming_frame(ETH, 2, 1_000),
        forming_frame(BTC, 3, 1_000),
    ]
    await box.fill(*kept[:2], forming_frame(BTC, 2, 1_000), forming_frame(BTC, 2, 2_000), *kept[2:])
    # Now it is full, and the next one has to make room.
    newest = forming_frame(BTC, 3, 2_000)
    await box.fill(newest)
    assert frames_of(await box.drain()) == [*kept, newest]
    assert box.counts["dropped"] == 2


@pytest.mark.asyncio
async def test_when_nothing_can_be_dropped_the_sockets_wait() -> None:
    box = Box(4)
    frames = [closed_frame(BTC, bar) for bar in range(6)]
    filling = asyncio.create_task(box.fill(*frames))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(box.inbox) == 4
    assert not filling.done()
    inputs = [await box.inbox.get() for _ in range(6)]
    await filling
    assert frames_of(inputs) == frames
    assert box.counts["dropped"] == 0


@pytest.mark.asyncio
async def test_what_is_rare_by_its_nature_never_waits() -> None:
    box = Box(2)
    await box.fill(closed_frame(BTC, 1), closed_frame(BTC, 2))
    for number in range(5):
        box.inbox.put(Tick(number))
    assert len(await box.drain()) == 7
