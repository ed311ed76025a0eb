"""
What a client of the WebSocket API gets instead of what happens to its accounts, when a plan has it so.

The faults of the market streams, with the envelopes of this API: a field of an event is named as in `event.X`. A rule
whose endpoint is `ws-api` strikes a connection, one whose endpoint is `executionReport` an event of that kind.
"""

from collections import deque
from typing import Final

import msgspec

from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import Reframe
from bot.exchange.faulty_stream import SHUTDOWN_STREAM, FaultyStream, Said
from bot.exchange.line import Line
from bot.exchange.pace import Pace
from bot.exchange.user_stream import announced

ENDPOINT: Final = "ws-api"
"""What the connections of this API are to a rule."""


class FaultyAccountStream(FaultyStream):
    """
    The way of the events to one connection.

    Args:
        plan: What goes wrong, and the log of what was sent.
        line: Where it goes.
        pace: How long a while of market time takes.
        connection: Its number.
        said: The last events to anybody, oldest first.
    """

    def __init__(self, plan: FaultPlan, line: Line, pace: Pace, connection: int, said: deque[Said]) -> None:
        super().__init__(plan, line, pace, connection, said, is_combined=False, endpoint=ENDPOINT)

    async def _say(self, stream: str, event: str, at_ms: int, form: Reframe | None = None, late_s: float = 0.0) -> None:
        if stream == SHUTDOWN_STREAM:
            event = msgspec.json.encode(announced(msgspec.json.decode(event))).decode()
        elif form is not None and form.how == "other wrapping":
            event, form = bare(event), None
        await super()._say(stream, event, at_ms, form, late_s)


def bare(event: str) -> str:
    """An event without its envelope."""
    return msgspec.json.encode(msgspec.json.decode(event)["event"]).decode()
