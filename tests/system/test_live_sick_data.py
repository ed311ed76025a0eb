"""Data that cannot be true, or does not come, in a whole live session: what is held is seen to, the rest trades on."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest

from bot.adapters.history import CcxtHistory
from bot.adapters.journal_reader import read_run
from bot.core.commands import Backfill, Decided
from bot.core.errors import VenueError
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    CandleClosed,
    Event,
    OrderAccepted,
    OrderFilled,
    SessionStarted,
)
from bot.exchange.edits import Edit
from bot.exchange.faults import Rewrite, Silence, SpoilRows
from bot.exchange.occasions import Where
from tests.exchange_hand import Hand
from tests.live_invariants import check_all
from tests.live_world import FROM_MS, MINUTE, Bot, running_exchange
from tests.market_time import run

BTC, ETH = "BTC/USDT", "ETH/USDT"
YEAR_MS = 365 * 86_400_000


def events(bot: Bot) -> list[AnyEvent]:
    return [one for one in read_run(bot.run_folder).records() if isinstance(one, Event)]


def of_last_session(bot: Bot) -> Sequence[AnyEvent]:
    told = events(bot)
    begun = max(number for number, one in enumerate(told) if isinstance(one, SessionStarted))
    return told[begun:]


@pytest.mark.parametrize("path", ["E", "early close"])
def test_a_frame_from_next_year_is_nobody_s_time(tmp_path: Path, path: str) -> None:
    """One would be enough: the engine's time never goes back, and its timers, ages and decisions go by it."""
    where = Where(symbol="BTCUSDT", from_ms=FROM_MS + 2 * MINUTE + 20_000, times=1)
    news = {"k.c": 1.01, "k.h": 1.02}
    edit = Edit(add={"E": YEAR_MS}, scale=news) if path == "E" else Edit(add={"E": MINUTE}, set={"k.x": True})

    async def story() -> None:
        async with running_exchange(tmp_path, Rewrite(edit, where=where)) as exchange:
            bot = Bot(tmp_path / "bot", exchange)
            bot.start()
            await bot.for_candles(24)
            await bot.stop()
            end_ms = exchange.now_ms
            checked = check_all(bot, exchange)
        assert checked.struck == 1
        assert checked.fills >= 4
        assert max(one.at_ms for one in events(bot)) <= end_ms
        late = {one.reason for one in read_run(bot.run_folder).records() if isinstance(one, Decided)}
        assert "the decision came too late" not in late

    run(story())


def test_a_market_whose_history_never_answers_holds_up_neither_the_account_nor_the_others(tmp_path: Path) -> None:
    real = CcxtHistory.backfill

    async def sick(self: CcxtHistory, request: Backfill) -> Backfilled:
        if request.symbol == BTC:
            raise VenueError("history of BTC/USDT: refused")
        return await real(self, request)

    async def story() -> None:
        async with running_exchange(tmp_path) as exchange:
            bot, hand = Bot(tmp_path / "bot", exchange, on=6, off=6), Hand(exchange)
            bot.start()
            await hand.a_stop("BTCUSDT")
            await bot.stop()
            await asyncio.sleep(150.0)
            with patch.object(CcxtHistory, "backfill", sick):
                bot.start()
                await bot.for_candles(30)
                await bot.stop()
        later = of_last_session(bot)
        kinds = [type(one) for one in later]
        assert kinds.index(AccountReconciled) < kinds.index(CandleClosed)
        assert {one.symbol for one in later if isinstance(one, Backfilled)} == {ETH}
        assert ETH in {one.fill.symbol for one in later if isinstance(one, OrderFilled)}
        assert any(isinstance(one, OrderAccepted) for one in later)

    run(story())


def test_a_bar_that_history_tells_impossibly_is_filled_in_and_trading_goes_on(tmp_path: Path) -> None:
    bar_ms = FROM_MS + 4 * MINUTE
    end_ms = bar_ms + MINUTE
    faults = (
        Silence(where=Where(symbol="BTCUSDT", from_ms=bar_ms, until_ms=end_ms + 1_000)),
        SpoilRows("impossible", (bar_ms,)),
    )

    async def story() -> None:
        async with running_exchange(tmp_path, *faults) as exchange:
            bot = Bot(tmp_path / "bot", exchange)
            bot.start()
            await bot.for_candles(30)
            await bot.stop()
        told = [one for one in events(bot) if isinstance(one, CandleClosed | Backfilled) and one.symbol == BTC]
        (answer,) = [one for one in told if isinstance(one, Backfilled) and one.from_ms == bar_ms]
        assert answer.candles == ()
        after = [one.fill for one in events(bot) if isinstance(one, OrderFilled) and one.at_ms > end_ms + MINUTE]
        assert {fill.symbol for fill in after} == {BTC, ETH}

    run(story())
