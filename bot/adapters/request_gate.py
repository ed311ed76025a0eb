"""
The one gate that every request of this process goes through: it waits where the budget says so, or refuses.

Keeps a venue's silence on the disk, so that a restart does not end it. Knows nothing of HTTP clients.
"""

import logging
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Self

from msgspec import Struct
from msgspec.structs import asdict

from bot.adapters.ban_file import BanFile
from bot.adapters.rate_budget import Grant, RateBudget, Wait
from bot.adapters.rate_limits import RateLimits
from bot.adapters.request_fates import Withheld
from bot.adapters.request_weights import RequestCost
from bot.adapters.venue_clock import VenueClock
from bot.core.errors import StorageError

_log = logging.getLogger(__name__)


class GatePatience(Struct, frozen=True):
    """
    Every duration of the gate, in milliseconds of real time.

    Attributes:
        longest_wait_ms: A request that would have to wait longer is refused at once; it must leave enough of the
            client's own time limit to be answered in.
    """

    longest_wait_ms: int = 3_000

    def scaled(self, factor: float) -> Self:
        """All of them times `factor`, and no less than a millisecond."""
        return type(self)(**{name: max(1, round(ms * factor)) for name, ms in asdict(self).items()})


class RequestGate:
    """
    The gate.

    Args:
        budget: What may be asked.
        clock: The venue's time.
        ban_file: Where a silence is kept; one of an earlier process is kept to.
        patience: Its durations.
        wall_ms: The machine's time, in milliseconds.

    Raises:
        DataError: The file holds something else.
        StorageError: It cannot be read.
    """

    def __init__(
        self,
        budget: RateBudget,
        clock: VenueClock,
        ban_file: BanFile | None = None,
        *,
        patience: GatePatience = GatePatience(),  # noqa: B008 - frozen
        wall_ms: Callable[[], int] = lambda: time_ns() // 1_000_000,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._ban_file = ban_file
        self._patience = patience
        self._wall_ms = wall_ms
        left_ms = (ban_file.read() if ban_file else 0) - wall_ms()
        if left_ms > 0:
            now_ms = clock.now_ms()
            self._budget.be_silent(now_ms + round(left_ms * clock.speed), "silenced before this process began", now_ms)
            _log.warning("the venue does not want to hear from us for another %.0f s", left_ms / 1_000)

    @property
    def silent_until_ms(self) -> int | None:
        """When the venue may be asked again; None where it may be now."""
        return self._budget.silent_until_ms(self._clock.now_ms())

    def learn(self, limits: RateLimits) -> None:
        """Go by other limits from now on."""
        self._budget.learn(limits)

    async def enter(self, cost: RequestCost) -> Grant:
        """
        Wait until a request may be sent.

        Raises:
            Withheld: That would take too long; it says until when.
        """
        while True:
            now_ms = self._clock.now_ms()
            answer = self._budget.take(cost, now_ms)
            if isinstance(answer, Grant):
                return answer
            if (answer.until_ms - now_ms) / self._clock.speed > self._patience.longest_wait_ms:
                raise Withheld(f"nothing is sent until {answer.until_ms}: {answer.reason}", answer.until_ms)
            await self._clock.sleep_until(answer.until_ms)

    def give_back(self, grant: Grant) -> None:
        """Take a request out again that was not sent."""
        self._budget.give_back(grant, self._clock.now_ms())

    def lost(self, grant: Grant) -> None:
        """Nobody answered."""
        self._budget.lost(grant, self._clock.now_ms())

    def heard(self, grant: Grant, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Take an answer, and be silent from now on where it says so."""
        now_ms = self._clock.now_ms()
        wait = self._budget.heard(grant, status, headers, body, now_ms)
        if wait:
            self._keep(wait, now_ms)

    def be_silent(self, until_ms: int, reason: str) -> None:
        """Let nobody ask anything before `until_ms`, by the venue's clock."""
        now_ms = self._clock.now_ms()
        self._keep(self._budget.be_silent(until_ms, reason, now_ms), now_ms)

    def _keep(self, wait: Wait, now_ms: int) -> None:
        left_ms = round((wait.until_ms - now_ms) / self._clock.speed)
        _log.warning("the venue wants silence for %.1f s (%s)", left_ms / 1_000, wait.reason)
        if not self._ban_file:
            return
        try:
            self._ban_file.write(self._wall_ms() + left_ms)
        except StorageError as error:
            # The answer that asked for silence says more than that, and may not be lost. Here the silence is kept.
            _log.warning("%s: do not start again before the silence is over", error)
