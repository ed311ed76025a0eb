"""
What the exchange demands of a connection to its streams, in real time.

Binance's figures: a ping every 20 seconds, whose pong must come within a minute; 5 messages a second from the
client, pings and pongs counted; 1,024 streams. Who breaks a rule is hung up on.
"""

from collections import deque
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import replace


class HouseRules(Struct, frozen=True):
    """The rules of one exchange; times in seconds of real time."""

    ping_every_s: float = 20.0
    pong_within_s: float = 60.0
    messages: int = 5
    messages_within_s: float = 1.0
    streams: int = 1_024

    def faster(self, factor: float) -> Self:
        """The same rules for clients whose time passes `factor` times as fast."""
        return replace(
            self,
            ping_every_s=self.ping_every_s / factor,
            pong_within_s=self.pong_within_s / factor,
            messages_within_s=self.messages_within_s / factor,
        )


POLICY_VIOLATION: Final = 1008
"""The close code for who breaks a rule."""


class MessageMeter:
    """Counts what a client sends."""

    def __init__(self, rules: HouseRules) -> None:
        self._within_s = rules.messages_within_s
        self._times: deque[float] = deque(maxlen=rules.messages + 1)
        self._full = rules.messages + 1

    def is_too_much(self, now_s: float) -> bool:
        """Count one message at `now_s`, any clock that does not go back; True when it is one too many."""
        self._times.append(now_s)
        return len(self._times) == self._full and now_s - self._times[0] < self._within_s
