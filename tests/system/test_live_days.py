"""
Days of live trading at a bad venue: faults of orders, of the account's stream and of candles, at random, all the time.

In the end the exchange's books are held against the journal, and what the days left behind is counted.
"""

import asyncio
import gc
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from msgspec import Struct

from bot.adapters.narrator import Filled
from bot.core.market import DAY_MS
from bot.exchange.depth import Depth
from tests.command_line import say
from tests.exchange_hand import MARKETS, Hand
from tests.live_invariants import Checked, check_all, notices
from tests.live_world import FROM_MS, MINUTE, Bot, Exchange, running_exchange
from tests.market_time import run
from tests.order_fault_schedule import bad_stretch
from tests.order_scenarios import struck_in_play

DAY = DAY_MS // MINUTE
TRADES_ON = {
    "breakers.daily_loss_frac": "0.9",
    "breakers.drawdown_frac": "0.95",
}
ORDER_GAP_MS = 3 * MINUTE
OTHER_GAP_MS = 20 * MINUTE
MEGABYTE = 1 << 20
FEW_LEVELS = Depth(levels=4, level_amount=Decimal(125_000))
"""As much as there is elsewhere in a fifth of the levels, which have to be laid out anew at every tick."""


class Left(Struct):
    """What there was after each stretch: bytes, objects of the bot's own, and tasks."""

    resident: list[int] = []
    objects: list[int] = []
    tasks: list[int] = []

    def measure(self) -> None:
        """Measure now."""
        gc.collect()
        self.resident.append(psutil.Process().memory_info().rss)
        self.objects.append(sum(map(_is_the_bots, gc.get_objects())))
        self.tasks.append(len(asyncio.all_tasks()))


def _is_the_bots(one: object) -> bool:
    # What the bot has told is kept by the test.
    module = type(one).__module__
    return module.startswith(("bot.adapters", "bot.engine")) and type(one) is not Filled


async def bad_days(folder: Path, stretches: int, minutes: int, seed: int) -> tuple[Checked, int, Left]:
    """Trade for so many stretches of so many minutes; how many different faults struck in play is told as well."""
    left, in_play = Left(), 0
    async with running_exchange(folder, seed=seed) as exchange:
        for market in MARKETS:
            Hand(exchange).quote(market, FEW_LEVELS)
        bot = Bot(folder / "bot", exchange, overrides=TRADES_ON)
        bot.start()
        plan = exchange.server.plan
        for number in range(stretches):
            begin_ms = exchange.now_ms
            until_ms = begin_ms + (minutes - 1) * MINUTE
            plan.clear()
            plan.add(bad_stretch(seed * 1_000 + number, MARKETS, begin_ms, until_ms, ORDER_GAP_MS, OTHER_GAP_MS))
            await bot.for_candles(2 * minutes, within_minutes=10.0 * minutes)
            left.measure()
        plan.clear()
        await bot.for_candles(20, within_minutes=60.0)
        await bot.stop()
        checked = check_all(bot, exchange)
        in_play = different_in_play(exchange)
        days = (exchange.now_ms - FROM_MS) / DAY_MS
        say(f"{days:.2f} days: {checked}, {in_play} different ones in play; {dict(notices(bot))}; {left}")
    return checked, in_play, left


def different_in_play(exchange: Exchange) -> int:
    """How many of the faults struck a request about an order, or at a time at which something of ours was open."""
    first = {one.name: one for one in exchange.server.plan.log.struck}
    return sum(struck_in_play([one], exchange) for one in first.values())


def test_a_bad_hour_leaves_the_books_equal(tmp_path: Path) -> None:
    checked, in_play, _ = run(bad_days(tmp_path, stretches=1, minutes=40, seed=2))
    assert checked.struck >= 10
    assert in_play >= 8
    assert checked.orders >= 30


@pytest.mark.proof
@pytest.mark.timeout(1_800)
def test_two_bad_days_leave_the_books_equal_and_nothing_behind(tmp_path: Path) -> None:
    checked, in_play, left = run(bad_days(tmp_path, stretches=8, minutes=DAY // 4, seed=2))
    assert checked.orders >= 1_000
    assert in_play >= 100
    # The exchange and the test keep every order, in the same process.
    assert left.resident[-1] - left.resident[1] < (len(left.resident) - 2) * 10 * MEGABYTE
    assert left.objects[-1] - left.objects[1] < 200
    assert left.tasks[-1] - left.tasks[1] < 10
