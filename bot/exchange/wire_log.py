"""
What went over the wire and which faults struck, in one order, for whoever compares it with what the bot says.

Bounded: the oldest events are dropped and counted. Knows nothing of what the events mean.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from bot.exchange.faults import AnyFault, kind_of
from bot.exchange.occasions import Occasion

KEPT: Final = 50_000
"""Events of either kind that are remembered."""

_LONGEST_TEXT: Final = 1_000


class WireEvent(Struct, frozen=True, gc=False):
    """One thing that was said, heard or done. `connection` is 0 where there is no websocket."""

    number: int
    at_ms: int
    connection: int
    what: str
    text: str


class Struck(Struct, frozen=True, gc=False):
    """A fault that struck. `number` places it among the events."""

    number: int
    at_ms: int
    connection: int
    symbol: str
    endpoint: str
    kind: str
    name: str


class WireLog:
    """Events and faults, numbered together from 1; `events` and `struck` are oldest first."""

    def __init__(self, kept: int = KEPT) -> None:
        self.events: deque[WireEvent] = deque(maxlen=kept)
        self.struck: deque[Struck] = deque(maxlen=kept)
        self.count = 0
        self._waiting: set[asyncio.Event] = set()

    def tell(self, at_ms: int, what: str, text: str = "", connection: int = 0) -> None:
        """Note an event; long texts are cut."""
        self.count += 1
        self.events.append(WireEvent(self.count, at_ms, connection, what, text[:_LONGEST_TEXT]))
        self._wake()

    def strike(self, rule: AnyFault, occasion: Occasion) -> None:
        """Note that a fault struck."""
        self.count += 1
        kind = kind_of(rule)
        struck = Struck(
            self.count,
            occasion.at_ms,
            occasion.connection,
            occasion.symbol,
            occasion.endpoint,
            kind,
            rule.name or kind,
        )
        self.struck.append(struck)
        self._wake()

    def strikes(self, name: str) -> int:
        """How often the rule, or kind of rule, of this name has struck."""
        return sum(name in {struck.name, struck.kind} for struck in self.struck)

    def told(self, what: str) -> list[WireEvent]:
        """Events of one kind, oldest first."""
        return [event for event in self.events if event.what == what]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, which is asked again after each event."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            while not condition():
                changed.clear()
                await changed.wait()
        finally:
            self._waiting.discard(changed)

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()
