"""
A world for the order tracker: an engine's books and desk, a venue, and a network that does what it likes.

When all is well again, the books and the venue must agree to the last unit.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.adapters.order_messages import (
    AnyOrderInput,
    Asked,
    MarketPrice,
    OrderHeard,
    OrderReport,
    PlaceOrder,
    RenewRules,
    StreamChanged,
    TimePassed,
)
from bot.adapters.order_outputs import Foreign, OrderOutput
from bot.adapters.order_stage import Stage
from bot.adapters.order_tracker import OrderTracker
from bot.core.commands import Deed
from bot.core.events import AccountReconciled, AnyEvent, OrderCancelled, OrderFilled, OrderRejected
from bot.core.orders import ZERO
from tests.hourly_bars import BTC
from tests.made_orders import BUDGET, instrument
from tests.order_choice import Chooser
from tests.order_engine import PREFIX, OrderEngine
from tests.order_network import OrderNetwork, Question
from tests.order_venue import OrderVenue

START = 1_000_000
PRICE = Decimal(100)


class OrderWorld:
    """
    Everything around a tracker.

    Args:
        choose: Decides what goes wrong.
        foreign: What else lies in the account.
        make: Makes the tracker.
        told: More for the tracker's maker.

    `happened` counts, by name.
    """

    def __init__(
        self,
        choose: Chooser,
        *,
        foreign: dict[str, str] | None = None,
        make: Callable[..., OrderTracker] = OrderTracker,
        **told: Any,
    ) -> None:
        self.choose = choose
        self.now = START
        self.foreign = {asset: Decimal(amount) for asset, amount in (foreign or {}).items()}
        self.instrument = instrument(min_notional=Decimal("0.01"))
        self.engine = OrderEngine(self.instrument)
        self.venue = OrderVenue([self.instrument], self.foreign | {"USDT": self._foreign("USDT") + BUDGET}, PRICE)
        self.network = OrderNetwork(self.venue, choose)
        self.stream: list[OrderReport] = []
        self.is_live = False
        self.is_reconciled = False
        self.events: list[AnyEvent] = []
        self.foreigners: list[Foreign] = []
        self.happened: Counter[str] = Counter()
        self._make = lambda: make([self.instrument], PREFIX, BUDGET, **told)
        self._begin()

    def _begin(self) -> None:
        self.tracker = self._make()
        self.trades_told: set[str] = set()
        self.reconcile()

    def reconcile(self) -> None:
        """The engine asks for the comparison of the books."""
        self.is_reconciled = False
        self.tell(Asked(self.now, self.engine.reconcile()))

    def restart(self, *, forgetful: bool = False) -> None:
        """The process is killed: what was not written is forgotten, what was sent may still arrive."""
        self.happened["restart"] += 1
        self.network.cut(self.now)
        self.network.silent_until_ms = 0  # who sends the requests remembers bans over restarts; the tracker does not
        self.stream.clear()
        self.is_live = False
        self.engine.restart(forgetful=forgetful)
        self._begin()

    def tell(self, given: AnyOrderInput) -> list[OrderOutput]:
        """Tell the tracker, do what it says, and then what the desk wants."""
        outputs = self.tracker.take(given)
        for output in outputs:
            self._take(output)
        deed = self.engine.next_deed(self.venue.prices[BTC], self.now)
        if deed is not None:
            self.do(deed)
        return outputs

    def do(self, deed: Deed) -> None:
        """Something leaves the engine."""
        self.happened[type(deed).__name__] += 1
        self.tell(Asked(self.now, deed))

    def enter(self, quantity: str = "3") -> None:
        """Buy, if the books agree and nothing is held or wanted."""
        deed = self.engine.enter(quantity, self.now) if self.is_reconciled else None
        if deed is not None:
            self.do(deed)

    def leave(self) -> None:
        """Sell what is held: its stop has to go first."""
        self.engine.want_out(self.now)
        self.tell(TimePassed(self.now))

    def _take(self, output: OrderOutput) -> None:
        if isinstance(output, Foreign):
            self.foreigners.append(output)
        elif isinstance(output, Question):
            assert self.now >= self.network.silent_until_ms, f"{output} although the venue wants silence"
            self.network.waiting.append((self.now, output))
        elif not isinstance(output, RenewRules):
            if isinstance(output, OrderRejected | OrderCancelled):
                self._check_end(output)
            elif isinstance(output, OrderFilled):
                assert output.fill.trade_id not in self.trades_told, f"{output} is told twice"
                self.trades_told.add(output.fill.trade_id)
            self.is_reconciled = self.is_reconciled or isinstance(output, AccountReconciled)
            self.events.append(output)
            self.happened[type(output).__name__] += 1
            self.engine.handle(output)

    def _check_end(self, event: OrderRejected | OrderCancelled) -> None:
        """What is called over is over: nothing of it is open or on its way, and all that it traded is counted."""
        order_id = event.client_order_id
        arriving = [request for _, request in self.network.on_the_way if request.intent.client_order_id == order_id]
        assert not arriving, f"{event} while it is on its way"
        assert self.venue.open_under(order_id) is None, f"{event} while it is open"
        order = self.engine.books.order(order_id)
        executed = sum((placed.executed for placed in self.venue.placed_under(order_id)), ZERO)
        assert order is not None, f"{event} of no order"
        assert order.filled == executed, f"{event} while {order.filled} of {executed} are counted"

    # Time, prices and the private stream.

    def pass_time(self, ms: int) -> None:
        """Let time pass, waking the tracker when it wants."""
        end = self.now + ms
        while True:
            due = [at_ms for at_ms, _ in self.network.on_the_way]
            if self.tracker.next_look_ms is not None:
                due.append(self.tracker.next_look_ms)
            self.now = max(self.now, min([*due, end]))
            self.network.arrive(self.now)
            self._collect()
            wanted_ms = self.tracker.next_look_ms
            if wanted_ms is not None and wanted_ms <= self.now:
                self.tell(TimePassed(self.now))
                again_ms = self.tracker.next_look_ms
                assert again_ms is None or again_ms > self.now, f"wants to be woken at {again_ms} again"
            if self.now == end:
                break

    def price(self, last: Decimal) -> None:
        """The market moves."""
        self.venue.tick(BTC, last, self.now)
        self._collect()
        self.tell(MarketPrice(self.now, BTC, last))

    def _collect(self) -> None:
        """What the venue says goes into the private stream, if that stands."""
        if self.is_live:
            self.stream += self.venue.heard
        self.venue.heard.clear()

    def connect(self, *, live: bool) -> None:
        """The private stream stands, or falls with everything in it."""
        self._collect()
        self.is_live = live
        self.stream.clear()
        self.tell(StreamChanged(self.now, is_live=live))

    def hear(self, index: int, fate: str = "deliver") -> None:
        """Something of the private stream arrives: in its turn or not, once, twice or never."""
        if self.stream:
            number = index % len(self.stream)
            report = self.stream[number] if fate == "repeat" else self.stream.pop(number)
            if fate != "lose":
                self.tell(OrderHeard(self.now, report))

    def serve(self, index: int = 0, fate: str = "deliver") -> None:
        """Something becomes of a request."""
        if self.network.waiting:
            _, request = self.network.waiting[index % len(self.network.waiting)]
            self.happened[f"{'placing' if isinstance(request, PlaceOrder) else 'asking'}: {fate}"] += 1
        given = self.network.serve(index, fate, self.now)
        self._collect()
        if given is not None:
            self.tell(given)

    # All is well again.

    def answer_all(self) -> None:
        """Everything that was asked or said arrives, truly and at once."""
        for _ in range(200):
            if self.stream:
                self.hear(0)
            elif self.network.waiting:
                self.serve()
            else:
                return
        raise AssertionError("the tracker asks without end")

    def calm_down(self, minutes: int = 12) -> None:
        """A fair venue, until every order is over or open in agreement."""
        self.network.is_fair = True
        self.venue.hidden.clear()
        self.venue.denied.clear()
        self.pass_time(max(0, self.network.silent_until_ms - self.now))
        self.connect(live=True)
        for _ in range(minutes * 60):
            self.answer_all()
            self.pass_time(1_000)
            if not (self.stream or self.network.waiting) and self.is_reconciled and not self.disagreements():
                return

    def disagreements(self) -> list[str]:
        """What the books and the venue say differently, and what is not as it should be."""
        return [*self._money(), *self._orders(), *self._protection()]

    def _money(self) -> list[str]:
        portfolio = self.engine.state.portfolio
        ours = {"USDT": portfolio.cash, "BTC": portfolio.position(BTC).quantity}
        there = {asset: self.venue.totals.get(asset, ZERO) - self._foreign(asset) for asset in ours}
        return [
            f"{own} {asset} in the books, {there[asset]} there" for asset, own in ours.items() if own != there[asset]
        ]

    def _orders(self) -> list[str]:
        found, open_here = [], self.engine.state.orders
        for order_id, order in open_here.items():
            open_there = self.venue.open_under(order_id)
            fate = self.tracker._orders.working.get(order_id)
            if open_there is None and not (fate is not None and fate.stage is Stage.WATCHED):
                found.append(f"{order_id} is open in the books alone: {order}")
            if open_there is not None and open_there.executed != order.filled:
                found.append(f"{order_id} has executed otherwise than {order}")
        for venue_order in self.venue.orders.values():
            order_id = venue_order.intent.client_order_id
            if venue_order.is_open and order_id.startswith(PREFIX) and order_id not in open_here:
                found.append(f"{order_id} is open at the venue alone")
        return found

    def _protection(self) -> list[str]:
        engine = self.engine
        if engine.market.pending_exit is not None:
            return ["an exit waits for a stop to go"]
        is_protected = engine.stop is not None and engine.stop.remaining == engine.held
        return [] if is_protected or engine.market.exit_id or not engine.held else ["what is held is not protected"]

    def _foreign(self, asset: str) -> Decimal:
        return self.foreign.get(asset, ZERO)
