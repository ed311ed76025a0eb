"""
The venue's time on this machine: measured, renewed, and never believed for longer than it deserves.

Counts on with the monotonic clock, which nobody sets; where the wall clock suddenly says something else the machine
may have slept, and the venue is asked again. Knows nothing of how the venue is asked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import asdict

from bot.adapters.venues.bars import LAST_TIME_MS
from bot.core.errors import VenueError, VenueUnavailable

SAMPLES: Final = 5
"""Questions in one measurement; the answer that took least is believed."""

_CATCHING_UP: Final = 0.5
"""The pace at which time goes on that is ahead of the venue's."""

_log = logging.getLogger(__name__)

AskTime = Callable[[], Awaitable[int]]
"""Asks the venue for its time in milliseconds. Raises `VenueError`, `OSError` or `TimeoutError` when it fails."""


class ClockPatience(Struct, frozen=True):
    """
    Every duration of the clock, in milliseconds of real time.

    Attributes:
        answer_ms: For one answer.
        longest_trip_ms: Question and answer together; of a longer one nobody knows when the venue read its clock.
        renew_ms: From one measurement to the next.
        retry_ms: Before the next try of one that failed.
        age_limit_ms: The age at which a measurement is not trusted any more.
        jump_ms: A difference that is no matter of accuracy: between two clocks, or between two measurements.
        tick_ms: Between two looks at the machine's clocks.
    """

    answer_ms: int = 5_000
    longest_trip_ms: int = 1_000
    renew_ms: int = 300_000
    retry_ms: int = 5_000
    age_limit_ms: int = 1_800_000
    jump_ms: int = 1_000
    tick_ms: int = 1_000

    def scaled(self, factor: float) -> Self:
        """All of them times `factor`, and no less than a millisecond."""
        return type(self)(**{name: max(1, round(ms * factor)) for name, ms in asdict(self).items()})


async def _nobody() -> int:
    raise VenueUnavailable("nobody was named who can be asked for the venue's time")


class _Sample(Struct, frozen=True):
    """The venue said `said_ms` at about `at_s` of the monotonic clock, give or take half of `trip_s`."""

    said_ms: int
    at_s: float
    trip_s: float


class VenueClock:
    """
    `bot.core.ports.Clock` of a venue.

    Two times are told. `venue_ms` is what the venue's clock shows now, and goes back where that was set back: a request
    that is stamped with another time is refused. `now_ms` is when things happen, and never goes back. Where the venue's
    clock was set back it goes on at half the pace until the other has caught up: standing still would hold up whatever
    waits for a time, as a question for an order, for as long as the clock was set back. So every wait and every age
    takes at most twice as long until then, and none is forgotten.

    Args:
        speed: Market seconds in a real one, where the venue is one that runs faster.
        expected_ms: What it shows until it is measured; None for the machine's own time.
        patience: Its durations.
        monotonic_s: Seconds that only ever pass.
        wall_s: Seconds since 1970 as the machine sees them.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        expected_ms: int | None = None,
        patience: ClockPatience = ClockPatience(),  # noqa: B008 - frozen
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.speed = speed
        self._patience = patience
        self._monotonic_s = monotonic_s
        self._wall_s = wall_s
        # A market whose time is expected is invented: that it is not the machine's time is the point of it.
        self._is_invented = expected_ms is not None
        self._anchor = _Sample(round(wall_s() * 1_000) if expected_ms is None else expected_ms, monotonic_s(), 0.0)
        self._rival: _Sample | None = None
        self._measured_s: float | None = None
        self._shown = self._anchor
        self._apart_s = self._wall_apart_s()
        self._is_doubted = False
        self._told_ms = self.offset_ms
        self._ask: AskTime = _nobody

    def now_ms(self) -> int:
        """Milliseconds UTC for all that happens. After the first measurement it never goes back."""
        return self._shown_at(self._monotonic_s())

    def venue_ms(self) -> int:
        """The best guess of what the venue's clock shows: what requests are stamped with. It may be set back."""
        return self._at(self._monotonic_s())

    def hear(self, at_ms: int) -> None:
        """It has a time of its own."""

    @property
    def is_trusted(self) -> bool:
        """Whether it was measured, not too long ago, and nothing has happened since that would put it in doubt."""
        if self._measured_s is None or self._is_doubted or self._has_jumped():
            return False
        return (self._monotonic_s() - self._measured_s) * 1_000 <= self._patience.age_limit_ms

    @property
    def offset_ms(self) -> int:
        """How far the venue's clock is ahead of the machine's."""
        return self.venue_ms() - round(self._wall_s() * 1_000)

    def doubt(self) -> None:
        """Have it measured again soon: the venue has found our time wrong."""
        self._is_doubted = True

    def seconds_until(self, at_ms: int) -> float:
        """How much real time is left until it is `at_ms`; 0 once it is."""
        at_s = self._monotonic_s()
        catching_up_ms = (at_ms - self._least(at_s)) / _CATCHING_UP
        return max(min(at_ms - self._at(at_s), catching_up_ms), 0) / 1_000 / self.speed

    async def sleep_until(self, at_ms: int) -> None:
        """Return when it is `at_ms`."""
        # Time passes by itself, and may be set meanwhile: nobody could set an event.
        while left_s := self.seconds_until(at_ms):  # noqa: ASYNC110
            await asyncio.sleep(left_s)

    def ask_by(self, ask: AskTime) -> None:
        """Name how the venue is asked from now on."""
        self._ask = ask

    async def keep(self) -> None:
        """
        Measure, and again whenever it is time to, until cancelled.

        An answer that is far from what was known is believed when the next measurement says the same.
        """
        tick_s = self._patience.tick_ms / 1_000
        while True:
            is_good = await self._measured()
            pause_s = (self._patience.renew_ms if is_good else self._patience.retry_ms) / 1_000
            until_s = self._monotonic_s() + pause_s
            while self._monotonic_s() < until_s:
                await asyncio.sleep(min(tick_s, pause_s))
                if is_good and (self._is_doubted or self._has_jumped()):
                    break

    async def measure(self) -> None:
        """
        Measure because what is known is in doubt: what the venue says now is believed.

        It is asked a few times, and the answer that took least counts. What took too long, is no time, or is
        contradicted by the others changes nothing.

        Raises:
            VenueUnavailable: Nothing could be learnt; the last good measurement stays.
        """
        self._is_doubted = True
        if not await self._measured():
            until = "its time is not known" if self._measured_s is None else "going on by the last good measurement"
            raise VenueUnavailable(f"the venue's clock could not be read: {until}")

    async def _measured(self) -> bool:
        """Ask, and say whether the clock goes by the answer now."""
        samples = await self._samples(self._ask)
        if not samples:
            return False
        best = min(samples, key=lambda sample: sample.trip_s)
        agreeing = [sample for sample in samples if self._agree(best, sample)]
        if 2 * len(agreeing) <= len(samples):
            _log.warning("the venue told times that contradict each other%s", self._on_pace())
            return False
        if not self._may_replace(best):
            return False
        now_s = self._monotonic_s()
        self._shown = best if self._measured_s is None else _Sample(self._shown_at(now_s), now_s, 0.0)
        self._anchor, self._rival = best, None
        self._measured_s = best.at_s
        self._apart_s = self._wall_apart_s()
        self._is_doubted = False
        self._tell_offset()
        return True

    async def _samples(self, ask: AskTime) -> list[_Sample]:
        found: list[_Sample] = []
        for _ in range(SAMPLES):
            begun_s = self._monotonic_s()
            try:
                async with asyncio.timeout(self._patience.answer_ms / 1_000):
                    said_ms = await ask()
            except (VenueError, OSError, TimeoutError) as error:
                _log.warning("the venue did not tell its time: %s", str(error) or "no answer in time")
                break
            trip_s = self._monotonic_s() - begun_s
            if type(said_ms) is not int or not 0 < said_ms <= LAST_TIME_MS:
                _log.warning("the venue told what is no time in milliseconds: %.40r", said_ms)
            elif trip_s * 1_000 <= self._patience.longest_trip_ms:
                found.append(_Sample(said_ms, begun_s + trip_s / 2.0, trip_s))
        return found

    def _tell_offset(self) -> None:
        """Say how far the machine's clock is off, when that is much and has not been said."""
        offset_ms = self.offset_ms
        # From a market that runs at another speed the machine's clock moves away by itself.
        if self.speed == 1.0 and not self._is_invented and abs(offset_ms - self._told_ms) > self._patience.jump_ms:
            _log.warning("the venue's clock is %+.1f s from the machine's: the venue's counts", offset_ms / 1_000)
            self._told_ms = offset_ms

    def _on_pace(self) -> str:
        """What may be the matter with a market that was joined: it goes at its own pace, and tells nobody which."""
        return f": where it does not run at a speed of {self.speed:g}, name its own" if self._is_invented else ""

    def _may_replace(self, best: _Sample) -> bool:
        """Whether a measurement is near enough to what we knew, or somebody else says as well that we are wrong."""
        if self._measured_s is None or self._is_doubted or self._has_jumped() or self._agree(self._anchor, best):
            return True
        if self._rival is not None and self._agree(self._rival, best):
            _log.warning("the venue's clock has been set by %.1f s", (best.said_ms - self._at(best.at_s)) / 1_000)
            return True
        _log.warning("the venue told a time that is far from what it was: going on by the last good one")
        self._rival = best
        return False

    def _agree(self, one: _Sample, other: _Sample) -> bool:
        """Whether two samples can be of one clock."""
        passed_ms = (other.at_s - one.at_s) * 1_000 * self.speed
        slack_ms = (self._patience.jump_ms + (one.trip_s + other.trip_s) * 500) * self.speed
        return abs(other.said_ms - one.said_ms - passed_ms) <= slack_ms

    def _at(self, at_s: float) -> int:
        return self._anchor.said_ms + int((at_s - self._anchor.at_s) * 1_000 * self.speed)

    def _least(self, at_s: float) -> int:
        """What has been shown when the venue was last believed, and goes on from there at the lesser pace."""
        return self._shown.said_ms + int((at_s - self._shown.at_s) * 1_000 * self.speed * _CATCHING_UP)

    def _shown_at(self, at_s: float) -> int:
        return max(self._at(at_s), self._least(at_s))

    def _wall_apart_s(self) -> float:
        return self._wall_s() - self._monotonic_s()

    def _has_jumped(self) -> bool:
        """Whether the wall clock has left the monotonic one since the last measurement: set, or slept through."""
        return abs(self._wall_apart_s() - self._apart_s) * 1_000 > self._patience.jump_ms
