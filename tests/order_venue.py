"""
A small venue for tests of the order tracker: it keeps orders, trades and balances, and remembers how they were.

It does what it is told, once, and says truly what it knows as of any moment: who loses, repeats or delays what it says
is the world around it.
"""

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bot.adapters.order_messages import Balance, OrderReport, Refusal, Refused, TradeReport, VenueStatus
from bot.core.market import Instrument
from bot.core.orders import BUY, MARKET, ZERO, Intent

FEE = Decimal("0.001")


class Version(Struct, frozen=True):
    """An order as it was from `at_ms` on."""

    at_ms: int
    status: VenueStatus
    executed: Decimal


class VenueOrder:
    """An order as the venue has it."""

    def __init__(self, intent: Intent, venue_order_id: str, now: int) -> None:
        self.intent = intent
        self.venue_order_id = venue_order_id
        self.created_ms = now
        self.versions = [Version(now, VenueStatus.NEW, ZERO)]
        self.trades: list[TradeReport] = []

    @property
    def is_open(self) -> bool:
        return not self.versions[-1].status.is_final

    @property
    def executed(self) -> Decimal:
        return self.versions[-1].executed

    def report(self, at_ms: int, *, trades: Iterable[TradeReport] = ()) -> OrderReport | None:
        """How it was then; None where it was not there yet."""
        versions = [version for version in self.versions if version.at_ms <= at_ms]
        if not versions:
            return None
        was = versions[-1]
        return OrderReport(
            self.intent.symbol,
            self.intent.client_order_id,
            self.venue_order_id,
            was.status,
            self.intent.quantity,
            was.executed,
            was.at_ms,
            trades=tuple(trades),
        )


class OrderVenue:
    """
    Orders by the venue's own id.

    `heard` collects what the private stream says, `hidden` is until when an order is shown to nobody, and `denied`
    are those that only the list of open orders shows, while they are open.
    """

    def __init__(self, instruments: Iterable[Instrument], totals: dict[str, Decimal], price: Decimal) -> None:
        self.instruments = {one.symbol: one for one in instruments}
        self.orders: dict[str, VenueOrder] = {}
        self.totals = dict(totals)
        self.past_totals: list[tuple[int, dict[str, Decimal]]] = [(-1, dict(totals))]
        self.prices = dict.fromkeys(self.instruments, price)
        self.heard: list[OrderReport] = []
        self.fee_in_base = True
        self.fee_asset = ""
        self.hidden: dict[str, int] = {}
        self.denied: set[str] = set()
        self.numbers = 0

    def placed_under(self, client_order_id: str) -> list[VenueOrder]:
        """All orders that were ever placed under an id."""
        return [order for order in self.orders.values() if order.intent.client_order_id == client_order_id]

    def open_under(self, client_order_id: str) -> VenueOrder | None:
        """The open order of that id: Binance holds no two of them."""
        return next((order for order in self.placed_under(client_order_id) if order.is_open), None)

    def place(
        self, intent: Intent, now: int, pieces: tuple[int, ...] = (1,), *, hidden_ms: int = 0
    ) -> OrderReport | Refused:
        """
        Take an order. A market order fills in pieces of these weights; a weight of 0 stays open until `tick`, and a
        negative one expires. For `hidden_ms` whoever asks for it is told that there is no such order.
        """
        if self.open_under(intent.client_order_id):
            return Refused(Refusal.DUPLICATE, "Duplicate order sent.")
        price = self.prices[intent.symbol]
        if intent.stop_price is not None and price <= intent.stop_price:
            return Refused(Refusal.WOULD_TRIGGER, "Order would trigger immediately.")
        if not self._can_pay(intent, price):
            return Refused(Refusal.FUNDS, "Account has insufficient balance for requested action.")
        self.numbers += 1
        order = VenueOrder(intent, f"v{self.numbers}", now)
        self.orders[order.venue_order_id] = order
        self.hidden[order.venue_order_id] = now + hidden_ms
        self._say(order, now)
        if intent.type is MARKET:
            self._execute(order, now, pieces)
        return order.report(now, trades=order.trades) or Refused(Refusal.OTHER, "never")

    def cancel(self, client_order_id: str, now: int) -> OrderReport | Refused:
        """Take an order back."""
        order = self.open_under(client_order_id)
        if order is None:
            return Refused(Refusal.NOT_FOUND, "Unknown order sent.")
        self._turn(order, VenueStatus.CANCELLED, now)
        return order.report(now) or Refused(Refusal.OTHER, "never")

    def tick(self, symbol: str, price: Decimal, now: int) -> None:
        """Move the price: stops trigger, and what was left open by a market order goes on."""
        self.prices[symbol] = price
        for order in list(self.orders.values()):
            intent = order.intent
            if not order.is_open or intent.symbol != symbol:
                continue
            stop, limit = intent.stop_price, intent.limit_price
            is_met = intent.type is MARKET if stop is None else price <= stop
            if is_met or (limit is not None and price < limit):
                self._execute(order, now, (1,))

    def look_up(self, client_order_id: str, at_ms: int) -> OrderReport | Refused:
        """An order as it was at `at_ms`."""
        for order in reversed(self.placed_under(client_order_id)):
            report = order.report(at_ms)
            is_denied = order.is_open and order.venue_order_id in self.denied
            is_hidden = is_denied or at_ms < self.hidden.get(order.venue_order_id, 0)
            if report and not is_hidden:
                return report
        return Refused(Refusal.NOT_FOUND, "Order does not exist.")

    def trades_of(self, venue_order_id: str, at_ms: int) -> tuple[TradeReport, ...]:
        """The trades of an order up to then."""
        order = self.orders.get(venue_order_id)
        return tuple(trade for trade in order.trades if trade.at_ms <= at_ms) if order else ()

    def open_orders(self, at_ms: int) -> tuple[OrderReport, ...]:
        """What was open then."""
        shown = [order for number, order in self.orders.items() if at_ms >= self.hidden.get(number, 0)]
        reports = (order.report(at_ms) for order in shown)
        return tuple(report for report in reports if report and not report.status.is_final)

    def balances(self, at_ms: int) -> dict[str, Balance]:
        """What was in the account then."""
        totals = [totals for since, totals in self.past_totals if since <= at_ms][-1]
        return {asset: Balance(total) for asset, total in totals.items()}

    def vanish(self, venue_order_id: str) -> None:
        """Forget an order as if it had never been."""
        del self.orders[venue_order_id]

    def reset(self, totals: dict[str, Decimal], now: int) -> None:
        """Begin anew, as practice venues do."""
        self.orders.clear()
        self.totals = dict(totals)
        self.past_totals = [(-1, dict(totals)), (now, dict(totals))]

    def _can_pay(self, intent: Intent, price: Decimal) -> bool:
        instrument = self.instruments[intent.symbol]
        if intent.side is BUY:
            return self.totals.get(instrument.quote, ZERO) >= intent.quantity * price
        locked = sum(
            (
                order.intent.quantity - order.executed
                for order in self.orders.values()
                if order.is_open and order.intent.symbol == intent.symbol and order.intent.side is not BUY
            ),
            ZERO,
        )
        return self.totals.get(instrument.base, ZERO) - locked >= intent.quantity

    def _execute(self, order: VenueOrder, now: int, pieces: tuple[int, ...]) -> None:
        remaining = order.intent.quantity - order.executed
        step = self.instruments[order.intent.symbol].lot_step
        weights = sum(abs(piece) or 1 for piece in pieces)
        for number, piece in enumerate(pieces, 1):
            left = order.intent.quantity - order.executed
            quantity = left if number == len(pieces) else remaining * (abs(piece) or 1) / weights // step * step
            if piece == 0:
                return
            if piece < 0:
                self._turn(order, VenueStatus.EXPIRED, now)
                return
            if quantity:
                self._trade(order, quantity, now, number)

    def _trade(self, order: VenueOrder, quantity: Decimal, now: int, number: int) -> None:
        intent = order.intent
        instrument = self.instruments[intent.symbol]
        price = self.prices[intent.symbol] + number * instrument.tick_size
        self.numbers += 1
        base_fee = intent.side is BUY and self.fee_in_base
        amount = quantity if base_fee else quantity * price
        asset = self.fee_asset or (instrument.base if base_fee else instrument.quote)
        trade = TradeReport(
            intent.symbol,
            order.venue_order_id,
            str(self.numbers),
            intent.side,
            quantity,
            price,
            amount * FEE,
            asset,
            now,
            intent.client_order_id,
        )
        order.trades.append(trade)
        sign = 1 if intent.side is BUY else -1
        for each, change in (
            (instrument.base, sign * quantity),
            (instrument.quote, -sign * quantity * price),
            (asset, -trade.fee),
        ):
            self.totals[each] = self.totals.get(each, ZERO) + change
        self.past_totals.append((now, dict(self.totals)))
        executed = order.executed + quantity
        status = VenueStatus.FILLED if executed == intent.quantity else VenueStatus.PARTIALLY_FILLED
        order.versions.append(Version(now, status, executed))
        self._say(order, now, trade)

    def _turn(self, order: VenueOrder, status: VenueStatus, now: int) -> None:
        order.versions.append(Version(now, status, order.executed))
        self._say(order, now)

    def _say(self, order: VenueOrder, now: int, *trades: TradeReport) -> None:
        report = order.report(now, trades=trades)
        if report:
            self.heard.append(report)
