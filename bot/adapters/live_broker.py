"""
A place of execution that is not in this process: the engine's deeds go out, and what became of them comes back.

What is true of an order is decided by `OrderTracker`; this file only carries. Deeds are durable before they get here,
and no answer is waited for: each comes back through the session's inbox, as an event.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol, assert_never

from bot.adapters.market_standings import MarketStandings
from bot.adapters.order_messages import (
    AccountLookedUp,
    AnyOrderInput,
    AnyOrderRequest,
    AskAccount,
    Asked,
    AskOrder,
    AskTrades,
    Balance,
    CancelAnswered,
    MarketPrice,
    NotSent,
    OrderLookedUp,
    OrderReport,
    Outcome,
    Placed,
    PlaceOrder,
    Refused,
    RenewRules,
    TakeBack,
    TimePassed,
    TradeReport,
    TradesLookedUp,
)
from bot.adapters.order_outputs import Foreign
from bot.adapters.order_tracker import OrderTracker
from bot.adapters.request_fates import RefusedToTell
from bot.adapters.request_weights import Urgency
from bot.adapters.venue_rules import VenueRules, heard
from bot.adapters.venue_session import asked_with
from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.errors import CandlewickError
from bot.core.events import AnyEvent
from bot.core.orders import Intent, Purpose
from bot.core.ports import Clock

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 8
"""Requests that are on their way at the same time; placing and cancelling never wait for them."""


class VenueOrders(Protocol):
    """An account at a venue, asked over the network. Nothing of it raises but looking things up does."""

    async def place(self, intent: Intent, *, until_ms: int | None) -> Outcome: ...

    async def cancel(self, symbol: str, client_order_id: str) -> Outcome: ...

    async def order(self, symbol: str, client_order_id: str) -> Outcome: ...

    async def trades(self, symbol: str, venue_order_id: str) -> tuple[TradeReport, ...]: ...

    async def account(self, symbols: Sequence[str]) -> tuple[dict[str, Balance], tuple[OrderReport, ...]]: ...

    async def renew_rules(self, symbol: str) -> VenueRules | None: ...


class LiveBroker:
    """
    Carries deeds to a venue and events back.

    Args:
        tracker: Knows what became of each order.
        venue: The account.
        standings: Told of prices, and of every look at the account.
        clock: The venue's time.

    What it hears before `post_to` is kept for then.
    """

    moves_money = True

    def __init__(self, tracker: OrderTracker, venue: VenueOrders, standings: MarketStandings, clock: Clock) -> None:
        self._tracker = tracker
        self._venue = venue
        self._standings = standings
        self._clock = clock
        self._early: list[AnyEvent] = []
        self._post: Callable[[AnyEvent], None] = self._early.append
        self._waiting: list[AnyOrderRequest] = []
        self._group: asyncio.TaskGroup | None = None
        self._commanding: set[asyncio.Task[None]] = set()
        self._looked = asyncio.Event()
        self._questions = asyncio.Semaphore(_AT_ONCE)

    def post_to(self, post: Callable[[AnyEvent], None]) -> None:
        """Hand every event to a session from now on, ahead of candles and prices."""
        self._post = post
        for event in self._early:
            post(event)
        self._early.clear()

    def submit(self, command: SubmitOrder, at_ms: int) -> Sequence[AnyEvent]:
        """Send an approved order; what becomes of it comes back as events."""
        return self._take_deed(command, at_ms)

    def cancel(self, command: CancelOrder, at_ms: int) -> Sequence[AnyEvent]:
        """Ask for an order back."""
        return self._take_deed(command, at_ms)

    def reconcile(self, command: Reconcile, at_ms: int) -> Sequence[AnyEvent]:
        """Compare the venue's books with ours; the answer comes back as events."""
        return self._take_deed(command, at_ms)

    def hear(self, given: AnyOrderInput) -> None:
        """Take what was heard of orders, by whatever way."""
        if type(given) is MarketPrice:
            self._standings.traded(given.symbol, given.last)
        for output in self._tracker.take(given):
            if isinstance(output, Foreign):
                _tell_foreign(output)
            elif isinstance(output, AnyEvent):
                self._post(output)
            elif self._group is None:
                self._waiting.append(output)
            else:
                self._start(output, self._group)
        self._looked.set()

    async def run(self) -> None:
        """Do what the tracker asks for, and tell it the time, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                waiting, self._waiting = self._waiting, []
                for request in waiting:
                    self._start(request, group)
                await self._tell_time()
        finally:
            # What is asked for from now on is not sent: the next process finds it unanswered, and looks it up.
            self._group = None

    async def _tell_time(self) -> None:
        while True:
            self._looked.clear()
            due_ms = self._tracker.next_look_ms
            try:
                async with asyncio.timeout(None if due_ms is None else self._clock.seconds_until(due_ms)):
                    await self._looked.wait()
            except TimeoutError:
                self.hear(TimePassed(self._clock.now_ms()))

    async def settle(self, within_s: float) -> bool:
        """
        Wait until the orders and cancels that are on their way have been answered, but no longer than that.

        Returns:
            Whether all of them have been, and there were any: what follows from the answers may be on its way now.
        """
        if not self._commanding:
            return False
        _, unanswered = await asyncio.wait(tuple(self._commanding), timeout=within_s)
        return not unanswered

    def _take_deed(self, command: SubmitOrder | CancelOrder | Reconcile, at_ms: int) -> Sequence[AnyEvent]:
        del at_ms  # the engine's time is that of the last event, and the tracker waits in the venue's
        self.hear(Asked(self._clock.now_ms(), command))
        return ()

    def _start(self, request: AnyOrderRequest, group: asyncio.TaskGroup) -> None:
        match request:
            case PlaceOrder():
                self._command(self._place(request), group)
            case TakeBack():
                self._command(self._take_back(request), group)
            case AskOrder():
                group.create_task(self._ask_order(request))
            case AskTrades():
                group.create_task(self._ask_trades(request))
            case AskAccount():
                group.create_task(self._ask_account(request))
            case RenewRules():
                group.create_task(self._renew_rules(request))
            case _:
                assert_never(request)

    def _command(self, deed: Coroutine[Any, Any, None], group: asyncio.TaskGroup) -> None:
        task = group.create_task(deed)
        self._commanding.add(task)
        task.add_done_callback(self._commanding.discard)

    async def _place(self, request: PlaceOrder) -> None:
        order_id = request.intent.client_order_id
        if request.until_ms is not None and self._clock.now_ms() > request.until_ms:
            outcome: Outcome = NotSent("it waited too long to be sent")
        else:
            with asked_with(Urgency.NORMAL if request.intent.purpose is Purpose.ENTRY else Urgency.URGENT):
                outcome = await self._venue.place(request.intent, until_ms=request.until_ms)
        self.hear(Placed(self._clock.now_ms(), order_id, outcome))

    async def _take_back(self, request: TakeBack) -> None:
        outcome = await self._venue.cancel(request.symbol, request.client_order_id)
        self.hear(CancelAnswered(self._clock.now_ms(), request.client_order_id, outcome))

    async def _ask_order(self, request: AskOrder) -> None:
        async with self._questions:
            outcome = await self._venue.order(request.symbol, request.client_order_id)
        self.hear(OrderLookedUp(self._clock.now_ms(), request.client_order_id, outcome))

    async def _ask_trades(self, request: AskTrades) -> None:
        try:
            async with self._questions:
                found = await self._venue.trades(request.symbol, request.venue_order_id)
        except CandlewickError as error:
            self.hear(TradesLookedUp(self._clock.now_ms(), request.client_order_id, None, str(error), _no(error)))
        else:
            self.hear(TradesLookedUp(self._clock.now_ms(), request.client_order_id, found))

    async def _ask_account(self, request: AskAccount) -> None:
        asked_ms = self._clock.now_ms()
        try:
            async with self._questions:
                balances, orders = await self._venue.account(request.symbols)
            self._standings.looked(balances, orders)
        except CandlewickError as error:
            self.hear(AccountLookedUp(self._clock.now_ms(), asked_ms, None, None, str(error), _no(error)))
        else:
            self.hear(AccountLookedUp(self._clock.now_ms(), asked_ms, balances, orders))

    async def _renew_rules(self, request: RenewRules) -> None:
        async with self._questions:
            rules = await self._venue.renew_rules(request.symbol)
        if rules:
            self.hear(heard(rules, self._clock.now_ms()))


def _tell_foreign(order: Foreign) -> None:
    if order.has_our_name:
        text = "%s: order %s is of this run and in none of its books: it is taken back if it is open"
        _log.error(text, order.symbol, order.client_order_id)
    else:
        _log.warning("%s: order %s is not ours: it is left alone", order.symbol, order.client_order_id)


def _no(error: CandlewickError) -> Refused | None:
    """The venue's own no to a question, where that is why it was not answered."""
    return error.refused if isinstance(error, RefusedToTell) else None
