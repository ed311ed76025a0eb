"""The gate: who waits, who is refused, and a silence that outlives the process."""

import asyncio
from pathlib import Path

import pytest
from multidict import CIMultiDict

from bot.adapters.ban_file import BanFile
from bot.adapters.rate_budget import RateBudget
from bot.adapters.rate_limits import RateLimits, WindowLimit
from bot.adapters.request_fates import Withheld
from bot.adapters.request_gate import GatePatience, RequestGate
from bot.adapters.request_weights import RequestCost, Urgency
from bot.adapters.venue_clock import VenueClock
from tests.market_time import run

MINUTE = 1_700_000_040_000
SMALL = RateLimits(WindowLimit(10, 60_000))
ANY = RequestCost(10, urgency=Urgency.URGENT)


class House:
    """A gate whose times are the loop's; `opened` again it is the next process."""

    def __init__(self, path: Path | None = None, speed: float = 1.0, patience_ms: int = 3_000) -> None:
        self._path = path
        self._speed = speed
        self._patience = GatePatience(patience_ms)
        self.loop = asyncio.get_running_loop()

    def opened(self) -> RequestGate:
        self.clock = VenueClock(self._speed, monotonic_s=self.loop.time, wall_s=lambda: self.wall_ms() / 1_000)
        return RequestGate(
            RateBudget(SMALL, 0),
            self.clock,
            BanFile(self._path) if self._path else None,
            patience=self._patience,
            wall_ms=self.wall_ms,
        )

    def wall_ms(self) -> int:
        return MINUTE + round(self.loop.time() * 1_000)


async def banned(gate: RequestGate, seconds: int) -> None:
    gate.heard(await gate.enter(ANY), 418, CIMultiDict({"Retry-After": str(seconds)}), b"")


def test_a_short_wait_is_waited_out() -> None:
    async def story() -> None:
        house = House()
        gate = house.opened()
        await asyncio.sleep(58.0)
        gate.lost(await gate.enter(ANY))
        await gate.enter(ANY)
        assert house.loop.time() == pytest.approx(60.0, abs=0.01)

    run(story())


def test_a_long_wait_is_refused_at_once_and_says_until_when() -> None:
    async def story() -> None:
        house = House()
        gate = house.opened()
        gate.lost(await gate.enter(ANY))
        with pytest.raises(Withheld, match="are used up") as refused:
            await gate.enter(ANY)
        assert refused.value.retry_at_ms == MINUTE + 60_000
        assert house.loop.time() == 0.0

    run(story())


def test_waits_are_of_the_venue_s_time_and_patience_is_of_ours() -> None:
    async def story() -> None:
        house = House(speed=100.0)
        gate = house.opened()
        gate.lost(await gate.enter(ANY))
        await gate.enter(ANY)
        assert house.loop.time() == pytest.approx(0.6, abs=0.01)

    run(story())


def test_a_ban_is_heeded_by_the_next_process(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path / "ban")
        await banned(house.opened(), 120)
        await asyncio.sleep(100.0)
        gate = house.opened()
        assert gate.silent_until_ms == MINUTE + 120_000
        with pytest.raises(Withheld, match="before this process began"):
            await gate.enter(ANY)
        await asyncio.sleep(20.0)
        await house.opened().enter(ANY)

    run(story())


def test_the_end_of_a_ban_is_kept_in_the_machine_s_time_however_fast_the_market_is(tmp_path: Path) -> None:
    async def story() -> None:
        house = House(tmp_path / "ban", speed=10.0)
        await banned(house.opened(), 120)
        assert BanFile(tmp_path / "ban").read() == MINUTE + 12_000
        await asyncio.sleep(11.0)
        gate = house.opened()
        await gate.enter(ANY)
        assert house.loop.time() == pytest.approx(12.0, abs=0.01)

    run(story())


def test_a_silence_that_the_stream_was_asked_for_holds_for_all(tmp_path: Path) -> None:
    async def story() -> None:
        gate = House(tmp_path / "ban").opened()
        gate.be_silent(MINUTE + 30_000, "retryAfter")
        with pytest.raises(Withheld, match="retryAfter"):
            await gate.enter(ANY)
        assert BanFile(tmp_path / "ban").read() == MINUTE + 30_000

    run(story())


def test_what_was_not_sent_leaves_room_for_another(tmp_path: Path) -> None:
    async def story() -> None:
        gate = House().opened()
        gate.give_back(await gate.enter(ANY))
        await gate.enter(ANY)
        gate.learn(RateLimits(WindowLimit(20, 60_000)))
        await gate.enter(ANY)

    run(story())


def test_its_patience_can_be_scaled() -> None:
    assert GatePatience().scaled(0.001) == GatePatience(3)
