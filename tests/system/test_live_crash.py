"""
A bot that dies at each step of an order's life, and is started again: nothing doubled, nothing lost, protected first.

Death is an error that nothing in the program catches, thrown at one exact call: the process says no goodbye, what was
not committed is gone, and what the venue has in hand it keeps. Deaths by `kill -9` are in `test_live_kill`.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.commands import SubmitOrder
from bot.core.events import AccountReconciled, SessionStarted
from bot.core.orders import Purpose
from tests.command_line import say
from tests.live_invariants import check_all
from tests.live_world import Bot, running_exchange
from tests.market_time import run

JOURNAL = ("append", "record", "keep", "commit")
CALLS = ("place", "cancel")
STEPS: list[tuple[type, str, str]] = [(Journal, name, moment) for name in JOURNAL for moment in ("before", "after")]
STEPS += [(CcxtOrders, name, moment) for name in CALLS for moment in ("before", "after")]


class Death(BaseException):
    """The process is gone."""


@contextmanager
def dying(owner: type, name: str, moment: str, nth: int) -> Iterator[list[int]]:
    """Die before or after the nth call of a method from now on; the list gets the number when it has happened."""
    real: Any = getattr(owner, name)
    calls = 0
    died: list[int] = []

    def due() -> bool:
        nonlocal calls
        calls += 1
        if calls == nth:
            died.append(calls)
        return calls == nth

    def sync(self: object, *given: object, **named: object) -> object:
        now = due()
        if now and moment == "before":
            raise Death
        done = real(self, *given, **named)
        if now:
            raise Death
        return done

    async def later(self: object, *given: object, **named: object) -> object:
        now = due()
        if now and moment == "before":
            raise Death
        done = await real(self, *given, **named)
        if now:
            raise Death
        return done

    with patch.object(owner, name, later if asyncio.iscoroutinefunction(real) else sync):
        yield died


def dies_once(folder: Path, owner: type, name: str, moment: str, nth: int) -> None:
    async def story() -> None:
        async with running_exchange(folder) as exchange:
            bot = Bot(folder / "bot", exchange)
            with dying(owner, name, moment, nth) as died:
                bot.start()
                with pytest.raises(BaseException, check=_is_death):  # noqa: B017 - it dies on its way
                    await bot.for_candles(40)
            assert died == [nth]
            await asyncio.sleep(1.0)
            bot.start()
            await bot.for_candles(12)
            await bot.stop()
            checked = check_all(bot, exchange)
            say(f"died {moment} {name} number {nth}: {checked}")
            assert checked.fills >= 4
            protected_before_anything_else(bot)

    run(story())


def _is_death(error: BaseException) -> bool:
    """Death itself, or the group that a task group makes of it."""
    return isinstance(error, Death) or (
        isinstance(error, BaseExceptionGroup) and error.subgroup(lambda one: isinstance(one, Death)) is not None
    )


def protected_before_anything_else(bot: Bot) -> None:
    """After a restart nothing is bought before the account is reconciled; what protects may come earlier."""
    ready = True
    for one in read_run(bot.run_folder).records():
        if isinstance(one, SessionStarted):
            ready = False
        elif isinstance(one, AccountReconciled):
            ready = True
        elif isinstance(one, SubmitOrder) and one.approved.intent.purpose is Purpose.ENTRY:
            assert ready


@pytest.mark.parametrize(("owner", "name", "moment"), STEPS)
def test_a_bot_that_dies_in_the_first_orders_goes_on_as_if_it_had_not(
    tmp_path: Path, owner: type, name: str, moment: str
) -> None:
    dies_once(tmp_path, owner, name, moment, 2 if owner is CcxtOrders else 3)


@pytest.mark.proof
@pytest.mark.timeout(120)
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize(("owner", "name", "moment"), STEPS)
def test_a_bot_that_dies_at_any_step_goes_on_as_if_it_had_not(
    tmp_path: Path, owner: type, name: str, moment: str, nth: int
) -> None:
    dies_once(tmp_path, owner, name, moment, nth)
