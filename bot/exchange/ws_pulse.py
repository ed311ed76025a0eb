"""
Whether a client is still there: a ping now and then, and the pong that has to follow with the same payload.

Knows nothing of what is said between them.
"""

import asyncio
from collections.abc import Callable

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import StopPinging
from bot.exchange.house_rules import HouseRules
from bot.exchange.line import Line
from bot.exchange.occasions import Occasion


class Pulse:
    """
    The pings to one client.

    Args:
        line: Where they go.
        rules: How often, and how long a pong may take.
        plan: Which of them are left out, and the log of the others.
        occasion: What a ping is to the plan, now.
    """

    def __init__(self, line: Line, rules: HouseRules, plan: FaultPlan, occasion: Callable[[], Occasion]) -> None:
        self._line = line
        self._rules = rules
        self._plan = plan
        self._occasion = occasion
        self._pong = asyncio.Event()
        self._payload = b""

    def answered(self, payload: bytes) -> None:
        """Hear a pong; one with another payload than that of the last ping is none."""
        if payload == self._payload:
            self._pong.set()

    async def beat(self) -> None:
        """Ping for ever; returns when a pong did not come in time."""
        while True:
            await asyncio.sleep(self._rules.ping_every_s)
            occasion = self._occasion()
            if self._plan.first(StopPinging, occasion):
                continue
            self._pong.clear()
            self._payload = str(occasion.at_ms).encode()
            self._note(occasion, "ping out", repr(self._payload))
            await self._line.ping(self._payload)
            try:
                # `wait_for` of Python 3.11 forgets that it was cancelled when the pong comes at the same moment.
                async with asyncio.timeout(self._rules.pong_within_s):
                    await self._pong.wait()
            except TimeoutError:
                if not self._line.is_dark:
                    self._note(self._occasion(), "no pong")
                    return

    def _note(self, occasion: Occasion, what: str, text: str = "") -> None:
        if not self._plan.is_idle:
            self._plan.log.tell(occasion.at_ms, what, text, occasion.connection)
