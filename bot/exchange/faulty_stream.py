"""
What one listener gets instead of what the exchange says, when a plan has it so.

Carries out the faults of connections and of frames, each at an instant of the market. Knows nothing of REST or of
how bytes reach the client.
"""

from collections import deque
from typing import Final

from bot.exchange.edits import edited
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import (
    Delay,
    GoDark,
    HangUp,
    Inject,
    InjectJunk,
    Latency,
    Lifetime,
    Reframe,
    Repeat,
    ReplayOld,
    Rewrite,
    ShutDown,
    Silence,
    Stall,
    Throttle,
)
from bot.exchange.frames import BINARY, JUNK, compressed, fragmented, frame
from bot.exchange.line import Line
from bot.exchange.occasions import Occasion
from bot.exchange.pace import Pace
from bot.exchange.wire import combined, shutdown_event

GOING_AWAY: Final = 1001
"""The close code of an exchange that ends a connection in order."""

SHUTDOWN_STREAM: Final = "!serverShutdown"

Said = tuple[str, str]
"""A stream's name and an event as it was said to somebody."""


class FaultyStream:
    """
    The way of the events to one listener.

    Args:
        plan: What goes wrong, and the log of what was sent.
        line: Where it goes.
        pace: How long a while of market time takes.
        connection: The listener's number.
        said: The last events to anybody, oldest first.
        is_combined: Whether events are wrapped with the name of their stream.
        endpoint: What the connection is to a rule.
    """

    def __init__(
        self,
        plan: FaultPlan,
        line: Line,
        pace: Pace,
        connection: int,
        said: deque[Said],
        *,
        is_combined: bool,
        endpoint: str = "",
    ) -> None:
        self._plan = plan
        self._line = line
        self._pace = pace
        self._connection = connection
        self._said = said
        self._endpoint = endpoint
        self.is_combined = is_combined
        self._since_ms = pace.now_ms()
        self._leaves_ms: int | None = None
        self._later: list[tuple[int, Said]] = []

    async def send(self, stream: str, event: str, occasion: Occasion) -> None:
        """Send one event, or what has become of it."""
        plan = self._plan
        if plan.first(Silence, occasion):
            return
        for junk in plan.every(InjectJunk, occasion):
            await self._line.write(JUNK[junk.what])
        for words in plan.every(Inject, occasion):
            await self._line.say(words.text)
        for old in plan.every(ReplayOld, occasion):
            for again in list(self._said)[-old.count :]:
                await self._say(*again, occasion.at_ms)
        for rewrite in plan.every(Rewrite, occasion):
            event = edited(event, rewrite.edit)
        for repeat in plan.every(Repeat, occasion):
            echo = (stream, edited(event, repeat.edit))
            self._later += [(occasion.at_ms + repeat.after_ms, echo)] * repeat.count
        delay = plan.first(Delay, occasion)
        if delay:
            self._later.append((occasion.at_ms + delay.by_ms, (stream, event)))
        else:
            await self._say(stream, event, occasion.at_ms, plan.first(Reframe, occasion), self._late_s(occasion))
        await self._say_due(occasion.at_ms)

    async def live(self, at_ms: int) -> None:
        """What happens to the connection at an instant, and what is due to be said at it."""
        plan, line = self._plan, self._line
        occasion = Occasion(at_ms, self._connection, endpoint=self._endpoint)
        if plan.first(GoDark, occasion):
            line.go_dark()
        for stall in plan.every(Stall, occasion):
            line.stall(self._pace.real_s(stall.for_ms))
        throttle = plan.first(Throttle, occasion)
        if throttle:
            line.throttle(throttle.bytes_per_s / self._pace.real_s(1_000.0))
        await self._say_due(at_ms)
        await self._maybe_leave(at_ms, occasion)

    async def _maybe_leave(self, at_ms: int, occasion: Occasion) -> None:
        notice = self._plan.first(ShutDown, occasion)
        if notice:
            await self._say(SHUTDOWN_STREAM, shutdown_event(at_ms), at_ms)
            self._leaves_ms = at_ms + notice.hang_up_after_ms
        if self._leaves_ms is not None and at_ms >= self._leaves_ms:
            self._leaves_ms = None
            await self._line.hang_up(GOING_AWAY, "going away")
        limits = self._plan.covering(Lifetime, occasion)
        if any(at_ms - self._since_ms >= rule.limit_ms for rule in limits) and self._plan.first(Lifetime, occasion):
            await self._line.hang_up(GOING_AWAY, "24 hours are over")
        leave = self._plan.first(HangUp, occasion)
        if leave and leave.code is None:
            self._line.reset()
        elif leave and leave.code is not None:
            await self._line.hang_up(leave.code, leave.reason)

    def _late_s(self, occasion: Occasion) -> float:
        late_ms = sum(
            rule.ms + rule.jitter_ms * self._plan.dice.random() for rule in self._plan.every(Latency, occasion)
        )
        return self._pace.real_s(late_ms) if late_ms else 0.0

    async def _say_due(self, at_ms: int) -> None:
        due = [said for when, said in self._later if when <= at_ms]
        self._later = [later for later in self._later if later[0] > at_ms]
        for stream, event in due:
            await self._say(stream, event, at_ms)

    async def _say(self, stream: str, event: str, at_ms: int, form: Reframe | None = None, late_s: float = 0.0) -> None:
        """Send an event in its form, and note it."""
        is_wrapped = self.is_combined != (form is not None and form.how == "other wrapping")
        text = combined(stream, event) if is_wrapped else event
        self._plan.log.tell(at_ms, "frame out", text, self._connection)
        self._said.append((stream, event))
        if form is None or form.how == "other wrapping":
            await self._line.say(text, late_s)
        elif form.how == "fragmented":
            await self._line.write(fragmented(text), late_s)
        elif form.how == "compressed":
            await self._line.write(compressed(text), late_s)
        else:
            await self._line.write(frame(BINARY, text.encode()), late_s)
