"""An account that has not got all that the books hold: what is there is protected and sold, the rest is said once."""

from decimal import Decimal

from bot.adapters.order_messages import (
    AccountLookedUp,
    Answered,
    AnyOrderInput,
    AskAccount,
    Asked,
    Balance,
    CancelAnswered,
    OrderReport,
    Placed,
    PlaceOrder,
    Refusal,
    Refused,
    TakeBack,
    TimePassed,
    TradeReport,
    VenueStatus,
)
from bot.adapters.order_tracker import OrderTracker
from bot.core.commands import AnyCommand, CancelOrder, CancelTimer, Notify, SubmitOrder, WakeAt
from bot.core.events import (
    AnyEvent,
    EpochBegan,
    Flatten,
    HoldingShort,
    OrderAccepted,
    OrderCancelled,
    SessionStarted,
    TimerFired,
)
from bot.core.orders import MARKET, SELL, STOP, Intent
from tests.engine_driver import Driver, cancels, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, bar, closes
from tests.made_orders import BUDGET, instrument
from tests.scripted_strategies import always

PATIENCE = 10_000
GONE = Decimal(5)


def holding() -> tuple[Driver, Intent]:
    """A driver that holds 50, protected by a stop that rests."""
    driver = Driver(engine(always(1.0), unprotected_ms=PATIENCE, reconcile_ms=60_000))
    (entry,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(entry, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v2"))
    return driver, stop


def codes(driver: Driver) -> list[str]:
    return [told.code for told in driver.commands if isinstance(told, Notify)]


def short(missing: str) -> HoldingShort:
    return HoldingShort(closes(0), BTC, Decimal(missing), "of 50 BTC that are ours the account has less")


def test_a_stop_that_found_too_few_coins_is_placed_for_those_that_are_there() -> None:
    driver, stop = holding()
    (again,) = submits(driver.cancelled(stop.client_order_id))
    driver.feed(short("5"))
    (placed,) = submits(driver.cancelled(again.client_order_id))
    assert (placed.type, placed.quantity, placed.stop_price) == (STOP, Decimal(45), stop.stop_price)
    driver.feed(OrderAccepted(closes(0), placed.client_order_id, "v3"))
    assert driver.engine.state.markets[BTC].bare_since_ms == -1
    assert codes(driver).count("holding_short") == 1
    assert driver.held() == Decimal(50)


def test_what_is_missing_is_not_asked_for_when_the_rest_is_sold() -> None:
    driver, stop = holding()
    driver.feed(short("5"))
    driver.feed(Flatten(closes(0), "home"))
    (sale,) = submits(driver.cancelled(stop.client_order_id))
    assert (sale.type, sale.quantity) == (MARKET, Decimal(45))
    before = len(driver.commands)
    driver.filled(sale, "100")
    for number in range(1, 20):
        driver.close(bar(number, 100.0))
    assert not submits(driver.commands[before:])
    assert driver.held() == GONE
    assert driver.engine.state.markets[BTC].bare_since_ms == -1


def test_coins_that_are_back_are_protected_at_once() -> None:
    driver, stop = holding()
    driver.feed(short("50"))
    driver.cancelled(stop.client_order_id)
    (placed,) = submits(driver.feed(HoldingShort(closes(0), BTC, Decimal(0), "")))
    assert placed.quantity == Decimal(50)
    assert codes(driver)[-1] == "holding_whole"


def test_a_stop_for_a_part_is_replaced_when_the_rest_is_back() -> None:
    driver, stop = holding()
    (again,) = submits(driver.cancelled(stop.client_order_id))
    driver.feed(short("5"))
    (placed,) = submits(driver.cancelled(again.client_order_id))
    driver.feed(OrderAccepted(closes(0), placed.client_order_id, "v3"))
    assert cancels(driver.feed(HoldingShort(closes(0), BTC, Decimal(0), ""))) == [placed.client_order_id]


def test_a_new_session_has_everything_until_it_is_told_otherwise() -> None:
    driver, _ = holding()
    driver.feed(short("5"), SessionStarted(closes(0)))
    assert driver.engine.state.markets[BTC].missing == 0


def test_nothing_is_missing_where_a_venue_has_begun_anew() -> None:
    driver, _ = holding()
    driver.feed(short("5"), EpochBegan(closes(0), "none of our orders exists there any more"))
    assert driver.engine.state.markets[BTC].missing == 0


def test_a_position_of_which_nothing_is_there_is_shown_as_one_that_cannot_be_sold() -> None:
    driver, _ = holding()
    driver.feed(short("50"))
    holding_shown = driver.engine.status({}).markets[0].holding
    assert holding_shown is not None
    assert holding_shown.is_dust
    assert holding_shown.quantity == Decimal(50)


class Joined:
    """An engine, the tracker and a venue that holds less than the books: everything is answered at once."""

    def __init__(self, driver: Driver, stop: Intent, there: Decimal) -> None:
        self.driver, self.there, self.now = driver, there, closes(0) + 1_000
        self.locked: dict[str, PlaceOrder] = {}
        self.sales: list[PlaceOrder] = []
        self.asked = 0
        self.timers: dict[str, int] = {}
        self.tracker = OrderTracker([instrument()], stop.client_order_id[:8], BUDGET)
        self.give(Asked(self.now, driver.engine._books.reconcile()))
        self.feed(OrderCancelled(self.now, stop.client_order_id, "the operator took it back"))

    def feed(self, event: AnyEvent) -> None:
        for command in self.driver.feed(event):
            self._do(command)

    def _do(self, command: AnyCommand) -> None:
        if isinstance(command, SubmitOrder | CancelOrder):
            self.give(Asked(self.now, command))
        elif isinstance(command, WakeAt):
            self.timers[command.timer] = command.at_ms
        elif isinstance(command, CancelTimer):
            self.timers.pop(command.timer, None)

    def give(self, given: AnyOrderInput) -> None:
        for said in self.tracker.take(given):
            if isinstance(said, AnyEvent):
                self.feed(said)
            elif isinstance(said, PlaceOrder):
                self.give(Placed(self.now, said.intent.client_order_id, self._placed(said)))
            elif isinstance(said, TakeBack):
                self.there += self.locked.pop(said.client_order_id).intent.quantity
                gone = self._report(said.client_order_id, Decimal(0), VenueStatus.CANCELLED)
                self.give(CancelAnswered(self.now, said.client_order_id, Answered(gone)))
            elif isinstance(said, AskAccount):
                held = sum((one.intent.quantity for one in self.locked.values()), Decimal(0))
                shown = tuple(self._report(one, Decimal(0), VenueStatus.NEW) for one in self.locked)
                self.give(AccountLookedUp(self.now, self.now, {"BTC": Balance(self.there, held)}, shown))

    def _placed(self, request: PlaceOrder) -> Answered | Refused:
        self.asked += 1
        intent = request.intent
        if intent.quantity > self.there:
            return Refused(Refusal.FUNDS, "Account has insufficient balance for requested action.")
        self.there -= intent.quantity
        if intent.type is STOP:
            self.locked[intent.client_order_id] = request
            return Answered(self._report(intent.client_order_id, Decimal(0), VenueStatus.NEW))
        self.sales.append(request)
        return Answered(self._report(intent.client_order_id, intent.quantity, VenueStatus.FILLED))

    def _report(self, order_id: str, executed: Decimal, status: VenueStatus) -> OrderReport:
        wanted = self.locked[order_id].intent.quantity if order_id in self.locked else executed
        trade = TradeReport(BTC, order_id, order_id, SELL, executed, Decimal(90), Decimal(0), "USDT", self.now)
        return OrderReport(
            BTC, order_id, order_id, status, wanted, executed, self.now, "", (trade,) if executed else ()
        )

    def later(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1_000
            for timer, at_ms in list(self.timers.items()):
                if at_ms <= self.now and timer != "reconcile":
                    del self.timers[timer]
                    self.feed(TimerFired(at_ms, timer))
            self.give(TimePassed(self.now))


def test_whoever_took_a_tenth_away_the_rest_is_protected_sold_and_then_left_in_peace() -> None:
    joined = Joined(*holding(), there=Decimal(45))
    joined.later(60)
    (resting,) = joined.locked.values()
    assert resting.intent.quantity == Decimal(45)
    assert joined.asked == 2
    joined.feed(Flatten(joined.now, "home"))
    joined.later(600)
    assert [sale.intent.quantity for sale in joined.sales] == [Decimal(45)]
    assert not joined.locked
    assert joined.asked == 3
    assert joined.driver.held() == GONE
    assert codes(joined.driver).count("holding_short") == 1
    assert "bare_position" not in codes(joined.driver)


def test_what_a_stranger_locks_and_gives_free_again_is_sold_after_all() -> None:
    joined = Joined(*holding(), there=Decimal(0))
    joined.feed(Flatten(joined.now, "home"))
    joined.later(300)
    assert not joined.sales
    assert joined.asked < 5
    joined.there = Decimal(50)
    joined.later(120)
    assert [sale.intent.quantity for sale in joined.sales] == [Decimal(50)]
    assert joined.driver.held() == 0
