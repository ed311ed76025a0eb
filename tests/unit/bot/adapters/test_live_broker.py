"""What carries deeds to a venue says truly why a question has no answer."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from bot.adapters.live_broker import LiveBroker
from bot.adapters.market_standings import MarketStandings
from bot.adapters.order_messages import (
    Balance,
    NotSent,
    OrderHeard,
    OrderReport,
    Outcome,
    Refusal,
    Refused,
    TradeReport,
)
from bot.adapters.order_tracker import OrderTracker
from bot.adapters.request_fates import RefusedToTell
from bot.adapters.venue_clock import VenueClock
from bot.core.commands import Reconcile
from bot.core.events import AnyEvent, Halt
from bot.core.orders import Intent
from tests.made_orders import instrument
from tests.order_script import PREFIX, report, stop

BOOKS = Reconcile((), Decimal(100), {}, ())


class Closed:
    """An account of which nothing is told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def place(self, intent: Intent, *, until_ms: int | None) -> Outcome:
        return NotSent(f"{intent.client_order_id} is not sent here until {until_ms}")

    async def cancel(self, symbol: str, client_order_id: str) -> Outcome:
        return NotSent(f"{client_order_id} of {symbol} is not taken back here")

    async def order(self, symbol: str, client_order_id: str) -> Outcome:
        return NotSent(f"{client_order_id} of {symbol} is not asked for here")

    async def trades(self, symbol: str, venue_order_id: str) -> tuple[TradeReport, ...]:
        raise self._error

    async def account(self, symbols: Sequence[str]) -> tuple[dict[str, Balance], tuple[OrderReport, ...]]:
        raise self._error

    async def renew_rules(self, symbol: str) -> None:
        raise self._error


def test_a_key_that_is_refused_where_the_account_is_looked_at_halts_though_no_order_is_open() -> None:
    refused = Refused(Refusal.CREDENTIALS, "Invalid API-key.", -2015)
    told: list[AnyEvent] = []

    async def story() -> None:
        tracker = OrderTracker([instrument()], "run00000", Decimal(100))
        venue = Closed(RefusedToTell("the venue refused to tell the balances", refused))
        broker = LiveBroker(tracker, venue, MarketStandings(), VenueClock())
        was_told = asyncio.Event()

        def take(event: AnyEvent) -> None:
            told.append(event)
            was_told.set()

        broker.post_to(take)
        running = asyncio.create_task(broker.run())
        broker.reconcile(BOOKS, 0)
        await was_told.wait()
        running.cancel()

    asyncio.run(story())
    (halt,) = told
    assert isinstance(halt, Halt)
    assert "Invalid API-key." in halt.reason


def test_an_order_of_this_run_that_nobody_remembers_is_an_alarm_and_a_strangers_is_a_note(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracker = OrderTracker([instrument()], PREFIX, Decimal(100))
    broker = LiveBroker(tracker, Closed(OSError()), MarketStandings(), VenueClock())
    broker.post_to(lambda event: None)
    broker.reconcile(BOOKS, 0)
    at_ms = VenueClock().now_ms()
    broker.hear(OrderHeard(at_ms, report(stop(f"{PREFIX}z"))))
    broker.hear(OrderHeard(at_ms, report(stop("web_1"), venue_order_id="v2")))
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("ERROR", f"BTC/USDT: order {PREFIX}z is of this run and in none of its books: it is taken back if it is open"),
        ("WARNING", "BTC/USDT: order web_1 is not ours: it is left alone"),
    ]
