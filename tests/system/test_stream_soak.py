"""
Days of a bad venue: faults of every kind at random, all the time, and what that leaves behind.

Client and exchange share a process, whose memory is measured: what the exchange and the test remember is cleared
every hour.
"""

import asyncio
import gc
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field

import psutil
import pytest

from bot.exchange.fault_schedule import random_faults
from bot.exchange.faults import kind_of
from bot.exchange.truth import closed_candles
from tests.command_line import say
from tests.market_time import run
from tests.stream_scenarios import MINUTE, Session, minute, session

HOUR = 60
DAY_HOURS = 24
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
PUSH_MS = 10_000
MEAN_GAP_MS = 3 * MINUTE
MEGABYTE = 1 << 20

TRACED_FROM_DAY = 5
"""Tracing takes memory and time of its own: resident bytes are compared before it, and traced ones after it."""

PROVEN_WITHIN_S = 40
"""A market that can be traded has its candles by then: half a minute for the proof, and what latency hides."""

KINDS = frozenset(
    kind_of(fault) for fault in random_faults(0, ["BTCUSDT"], minute(0), minute(100 * HOUR), mean_gap_ms=MINUTE)
)
"""Everything that the schedule can do."""


@dataclass
class Soak:
    """A session that goes on for days, held against the truth as it goes."""

    run_: Session
    struck: Counter[str] = field(default_factory=Counter)
    emitted: Counter[str] = field(default_factory=Counter)
    suspended: Counter[str] = field(default_factory=Counter)
    most_tasks: int = 0
    _checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 0))

    async def hour(self, number: int, seed: int) -> None:
        """Live through an hour of faults."""
        begin, plan = number * HOUR, self.run_.server.plan
        names = [symbol.replace("/", "") for symbol in SYMBOLS]
        plan.clear()
        plan.add(random_faults(seed * 1_000 + number, names, minute(begin), minute(begin + HOUR), MEAN_GAP_MS))
        for now in range(begin + 1, begin + HOUR + 1):
            await self._reach(minute(now) + PROVEN_WITHIN_S * 1_000)
            self._assert_tradable_ones_are_proven(now)
        self._account()

    async def calm(self, bars: int) -> None:
        """Wait until everything is proven, now that nothing happens any more."""
        self.run_.server.plan.clear()
        await self.run_.until(lambda: not self.run_.suspended and all(self._bars(s) >= bars for s in SYMBOLS))
        self._account()

    def _bars(self, symbol: str) -> int:
        return self._checked[symbol] + len(self.run_.candles[symbol])

    async def _reach(self, at_ms: int) -> None:
        await asyncio.sleep((at_ms - self.run_.market_ms) / 1_000)
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))
        # Says what ended the streams, if something has.
        await self.run_.until(lambda: True)

    def _assert_tradable_ones_are_proven(self, bars: int) -> None:
        for symbol in SYMBOLS:
            if symbol in self.run_.suspended:
                self.suspended[symbol] += 1
            else:
                assert self._bars(symbol) >= bars, f"{symbol} is late, and nobody says so: {self.run_.picture()}"

    def _account(self) -> None:
        """Compare what was emitted since the last account, and forget it."""
        venue = self.run_.server.venue
        for symbol in SYMBOLS:
            candles, name = self.run_.candles.pop(symbol, []), symbol.replace("/", "")
            begin, end = minute(self._checked[symbol]), minute(self._checked[symbol] + len(candles))
            assert candles == closed_candles(venue, name, begin, min(end, self.run_.market_ms)), symbol
            self._checked[symbol] += len(candles)
            self.emitted[symbol] += len(candles)
        self.struck.update(struck.kind for struck in self.run_.log.struck)
        self.run_.log.struck.clear()
        self.run_.log.events.clear()
        self.run_.events.clear()

    def told(self) -> str:
        """What has happened."""
        return (
            f"{sum(self.emitted.values())} candles, {sum(self.suspended.values())} market minutes not tradable, "
            f"{self.struck.total()} faults struck: {dict(sorted(self.struck.items()))}, "
            f"at most {self.most_tasks} tasks, {len(self.run_.differences)} differences recorded, "
            f"feed {dict(self.run_.feed.counts)}"
        )


@dataclass
class Memory:
    """Resident and traced bytes, at the ends of days."""

    resident: list[int] = field(default_factory=list)
    traced: list[int] = field(default_factory=list)

    def measure(self) -> None:
        """Measure now."""
        gc.collect()
        self.resident.append(psutil.Process().memory_info().rss)
        if tracemalloc.is_tracing():
            self.traced.append(tracemalloc.get_traced_memory()[0])


async def soak(hours: int, seed: int, memory: Memory | None = None) -> Soak:
    """Live through so many hours, then see that nothing is missing and nobody is left."""
    async with session(symbols=SYMBOLS, seed=seed, push_ms=PUSH_MS) as run_:
        story = Soak(run_)
        for market in run_.server.venue.markets.values():
            # Made at once, so that the exchange's candles do not grow into what is measured.
            market.at(minute(hours * HOUR))
        for number in range(hours):
            await story.hour(number, seed)
            day, hour = divmod(number + 1, DAY_HOURS)
            if memory and not hour:
                memory.measure()
                if day == TRACED_FROM_DAY:
                    tracemalloc.start()
        await story.calm(hours * HOUR)
    # The exchange's own cancelled tasks get their last turn.
    await asyncio.sleep(1)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"left behind: {left}"
    say(story.told())
    return story


def test_six_hours_of_faults_lose_nothing_and_leave_nobody_behind() -> None:
    story = run(soak(6, seed=6))
    assert len(story.struck) >= len(KINDS) // 2


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_seven_days_of_faults_lose_nothing_and_leave_nothing_behind() -> None:
    memory = Memory()
    try:
        story = run(soak(7 * DAY_HOURS, seed=9, memory=memory))
    finally:
        tracemalloc.stop()
    say(f"at the ends of days: {memory.resident} bytes resident, {memory.traced} bytes traced of the last two days")
    assert set(story.struck) == KINDS
    untraced = memory.resident[:TRACED_FROM_DAY]
    assert untraced[-1] - untraced[0] < (len(untraced) - 1) * MEGABYTE
    before, after = memory.traced
    assert after - before < MEGABYTE
