"""
What became of each order: from deeds, answers, reports and the time to events for the engine and requests to the venue.

Deterministic and without effects: the same inputs give the same outputs. No clock, no socket, no task. Each order has
its `OrderFate`; here is who is told what, and what concerns them all. Every order is sent once: a timeout is asked
for, never sent again, over restarts as well.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import assert_never

from bot.adapters.account_looks import AccountLooks
from bot.adapters.account_shortage import AccountShortage
from bot.adapters.foreign_orders import ForeignOrders
from bot.adapters.known_orders import KnownOrders
from bot.adapters.order_grids import OrderGrids
from bot.adapters.order_messages import (
    AccountLookedUp,
    AnyOrderInput,
    Asked,
    CancelAnswered,
    MarketPrice,
    OrderHeard,
    OrderLookedUp,
    OrderReport,
    Placed,
    RulesHeard,
    StreamChanged,
    TimePassed,
    TradesLookedUp,
)
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.adapters.reconciliation import Reconciliation
from bot.adapters.stray_orders import StrayOrders
from bot.adapters.venue_epoch import EpochWatch, Verdict
from bot.adapters.venue_standing import VenueStanding
from bot.adapters.watched_stops import is_touched
from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.events import EpochBegan
from bot.core.market import Instrument
from bot.core.orders import STOP, Intent

AnyAnswer = Placed | CancelAnswered | OrderLookedUp | TradesLookedUp
"""What concerns one order that was asked about."""


class OrderTracker:
    """
    The orders of one run at one venue.

    Args:
        instruments: Our markets.
        id_prefix: How the client order ids of the run begin.
        budget: Quote currency that is ours where the venue begins anew.
        patience: Durations.
        watched: Markets whose venue offers no resting stop.
        may_reset: Whether the venue begins anew from time to time, as practice venues do.

    `counts` tells what has happened, by name. In what `take` returns, events are in the order in which they are to
    reach the engine.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        id_prefix: str,
        budget: Decimal,
        *,
        patience: OrderPatience = OrderPatience(),  # noqa: B008 - frozen
        watched: Iterable[str] = (),
        may_reset: bool = False,
    ) -> None:
        by_symbol = {instrument.symbol: instrument for instrument in instruments}
        self.counts: Counter[str] = Counter()
        self._budget = budget
        self._watched = frozenset(watched)
        self._orders = KnownOrders(patience)
        self._standing = VenueStanding(by_symbol, patience)
        self._grids = OrderGrids(by_symbol)
        self._foreign = ForeignOrders(id_prefix, self.counts)
        self._strays = StrayOrders(patience)
        self._reconciliation = Reconciliation(by_symbol, patience)
        self._looks = AccountLooks(by_symbol, patience)
        self._shortage = AccountShortage(by_symbol, patience)
        self._epoch = EpochWatch(by_symbol, may_reset=may_reset)
        self._last: dict[str, Decimal] = {}
        self._now = 0
        self._has_books = False
        self._next_look_ms: int | None = None

    @property
    def next_look_ms(self) -> int | None:
        """When `TimePassed` is due, if nothing else comes before; None where nothing is waited for."""
        return self._next_look_ms

    def take(self, given: AnyOrderInput) -> list[OrderOutput]:
        """Learn one thing, and say what follows from it."""
        now = self._now = max(self._now, given.at_ms)
        out: list[OrderOutput] = []
        match given:
            case MarketPrice():
                self._price(given, now, out)
            case OrderHeard():
                self._heard(given.report, now, out)
            case Asked():
                self._asked(given.command, now, out)
            case Placed() | CancelAnswered() | OrderLookedUp() | TradesLookedUp():
                self._answered(given, now, out)
            case AccountLookedUp():
                self._account(given, now, out)
            case StreamChanged():
                self._stream(given, now)
            case RulesHeard():
                self._standing.fit(given, is_watched=given.symbol in self._watched, now=now, out=out)
                self._grids.hear(given, now, out)
            case TimePassed():
                pass
            case _:
                assert_never(given)
        self._look(now, out)
        return out

    def _asked(self, command: SubmitOrder | CancelOrder | Reconcile, now: int, out: list[OrderOutput]) -> None:
        match command:
            case SubmitOrder():
                self._submit(command.approved.intent, now, out)
            case CancelOrder():
                self._cancel(command, now, out)
            case Reconcile():
                self._reconcile(command, now, out)
            case _:
                assert_never(command)

    def _submit(self, intent: Intent, now: int, out: list[OrderOutput]) -> None:
        if self._orders.get(intent.client_order_id):
            self.counts["orders asked for twice"] += 1
            return
        fate = self._orders.begin(intent)
        no_entry = "" if fate.protects else self._standing.no_entry(intent.symbol, now)
        if no_entry:
            fate.deny(f"not sent: {no_entry}", now, out)
        elif intent.type is STOP and intent.symbol in self._watched:
            fate.watch(now, out)
        else:
            fate.await_sending(now)

    def _cancel(self, command: CancelOrder, now: int, out: list[OrderOutput]) -> None:
        fate = self._orders.get(command.client_order_id)
        if fate:
            fate.take_back(now, out)
        else:
            self.counts["cancels of no order of ours"] += 1

    def _reconcile(self, asked: Reconcile, now: int, out: list[OrderOutput]) -> None:
        self._has_books = True
        for order in asked.orders:
            if not self._orders.get(order.intent.client_order_id):
                self._orders.begin(order.intent, order.filled).take_up(order.venue_order_id, now)
        for deed in asked.unanswered:
            if isinstance(deed, CancelOrder):
                self._cancel(deed, now, out)
            elif not self._orders.get(deed.approved.intent.client_order_id):
                self._orders.begin(deed.approved.intent).lose(now, out)
        self._orders.confirm(now)
        self._looks.hurry(now)
        self._reconciliation.begin(asked, self._orders.everything, now)
        self._epoch.expect(self._reconciliation.own({}), asked.foreign)

    def _answered(self, given: AnyAnswer, now: int, out: list[OrderOutput]) -> None:
        """Take the answer to a question about one order."""
        fate = self._orders.get(given.client_order_id)
        if not fate:
            if isinstance(given, CancelAnswered) and self._strays.taken_back(given.client_order_id, given.outcome, now):
                self._standing.learn(given.outcome, "", now, out)
            else:
                self.counts["answers about no order of ours"] += 1
            return
        symbol = fate.intent.symbol
        if isinstance(given, TradesLookedUp):
            self._standing.learn(given.refused, symbol, now, out)
            fate.trades_told(given.trades, now, out)
            return
        outcome = fate.record.checked(given.outcome)
        self._standing.learn(outcome, symbol, now, out, was_order=isinstance(given, Placed))
        if isinstance(given, Placed):
            fate.placed(outcome, now, out)
            if fate.lacks_coins:
                self._looks.hurry(now)
        elif isinstance(given, CancelAnswered):
            fate.taken_back(outcome, now, out)
        else:
            fate.looked_up(outcome, now, out)

    def _heard(self, report: OrderReport, now: int, out: list[OrderOutput]) -> None:
        fate = self._orders.of(report)
        if fate:
            fate.heard(report, now, out)
        elif self._has_books or not self._foreign.is_named_like_ours(report):
            # Before the books are known, what has our name may be ours: it is asked for with them.
            self._see_stranger(report, now, out)

    def _see_stranger(self, report: OrderReport, now: int, out: list[OrderOutput]) -> None:
        """Leave an order alone that is not in the books, unless its name is of this run: nobody else takes it back."""
        out += self._foreign.see(report)
        if self._foreign.is_named_like_ours(report):
            self._strays.see(report, now)

    def _account(self, given: AccountLookedUp, now: int, out: list[OrderOutput]) -> None:
        self._standing.learn(given.refused, "", now, out)
        if given.balances is None or given.open_orders is None:
            self._looks.failed(now, given.refused)
            return
        self._looks.answered(now)
        self._standing.spoke(now, out)
        shown: dict[str, OrderReport] = {}
        for report in given.open_orders:
            fate = self._orders.of(report)
            if fate:
                shown[fate.intent.client_order_id] = report
            elif self._has_books:
                self._see_stranger(report, now, out)
        for order_id, fate in self._orders.working.items():
            fate.account_seen(shown.get(order_id), given.asked_at_ms, now, out)
        self._epoch.see(given.balances, self._orders.working.values(), shown)
        everything = self._orders.everything
        self._shortage.see(given, self._reconciliation.own(everything), everything.values(), now, out)
        if self._reconciliation.compare(given, self._orders.everything, now, out):
            self._orders.confirm(now)

    def _stream(self, given: StreamChanged, now: int) -> None:
        self.counts["private streams begun" if given.is_live else "private streams lost"] += 1
        self._looks.stream_changed(now, is_live=given.is_live)
        self._orders.confirm(now)

    def _price(self, given: MarketPrice, now: int, out: list[OrderOutput]) -> None:
        self._last[given.symbol] = given.last
        for fate in self._orders.working.values():
            if fate.intent.symbol == given.symbol and is_touched(fate.intent, given.last):
                fate.touched(now, out)

    def _look(self, now: int, out: list[OrderOutput]) -> None:
        """Do what is due, see what is settled by now, and set the time of the next look."""
        standing, looks, orders = self._standing, self._looks, self._orders
        standing.look(now, out)
        self._judge_vanished(now, out)
        may_speak, may_order = now >= standing.silent_until_ms, now >= standing.orders_from_ms
        for fate in orders.working.values():
            if may_order:
                symbol = fate.intent.symbol
                fate.hand_over(self._last.get(symbol), self._grids.of(symbol), now, out)
            else:
                fate.hold_back(standing.no_order(now), now, out)
            if may_speak:
                fate.ask(now, out, may_order=may_order)
        orders.settle()
        self._reconciliation.look(now)
        others_ms = self._reconciliation.due_ms, self._shortage.due_ms
        looks.plan(orders.working.values(), others_ms, now, is_down=standing.is_down)
        if may_speak:
            looks.ask(now, out)
            self._strays.ask(now, out)
        dues = [standing.due_ms, standing.heard_from(looks.due_ms), standing.heard_from(self._strays.due_ms)]
        dues += [fate.due_ms(standing.silent_until_ms, standing.orders_from_ms) for fate in orders.working.values()]
        self._next_look_ms = min((due for due in dues if due is not None), default=None)

    def _judge_vanished(self, now: int, out: list[OrderOutput]) -> None:
        verdict = self._epoch.judge(self._orders.working.values())
        if verdict is Verdict.GONE:
            for fate in self._orders.working.values():
                if fate.is_vanished:
                    fate.vanish(now, out)
        elif verdict is Verdict.NEW_EPOCH:
            out.append(EpochBegan(now, "none of our orders exists there any more, and the balances are others"))
            self._epoch.forget()
            self._orders.begin_epoch(now, out)
            self._reconciliation.begin_epoch(self._budget, now)
            self._shortage.begin_epoch()
