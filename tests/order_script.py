"""An order tracker whose venue and engine are played by the test, line by line."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from bot.adapters.order_messages import (
    AccountLookedUp,
    Answered,
    AnyOrderInput,
    AskAccount,
    Asked,
    AskOrder,
    AskTrades,
    Balance,
    CancelAnswered,
    MarketPrice,
    OrderHeard,
    OrderLookedUp,
    OrderReport,
    Outcome,
    Placed,
    Refusal,
    Refused,
    StreamChanged,
    TimePassed,
    TradeReport,
    TradesLookedUp,
    VenueStatus,
)
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_tracker import OrderTracker
from bot.core.commands import CancelOrder, Deed, Reconcile, SubmitOrder
from bot.core.orders import BUY, MARKET, SELL, STOP, ZERO, Intent, Order, OrderStatus, Purpose, Side
from tests.hourly_bars import BTC, ETH
from tests.made_orders import approve, instrument

T0 = 1_000_000
BUDGET = Decimal(10_000)
PREFIX = "run00000"
NOT_FOUND = Refused(Refusal.NOT_FOUND, "Order does not exist.")
RICH = {"USDT": "10000", "BTC": "100"}

_T = TypeVar("_T")


def entry(order_id: str = f"{PREFIX}a", quantity: str = "1", symbol: str = BTC) -> Intent:
    """Buy at the market."""
    return Intent(order_id, symbol, BUY, MARKET, Decimal(quantity), Purpose.ENTRY, T0)


def leaving(order_id: str = f"{PREFIX}x", quantity: str = "1") -> Intent:
    """Sell at the market."""
    return Intent(order_id, BTC, SELL, MARKET, Decimal(quantity), Purpose.EXIT, T0)


def stop(order_id: str = f"{PREFIX}s", price: str = "95", quantity: str = "1") -> Intent:
    """Sell where the price falls to."""
    return Intent(order_id, BTC, SELL, STOP, Decimal(quantity), Purpose.STOP, T0, stop_price=Decimal(price))


def trade(
    quantity: str,
    price: str = "100",
    *,
    number: str = "1",
    side: Side = BUY,
    fee: str = "0",
    fee_asset: str = "USDT",
    at_ms: int = T0,
    venue_order_id: str = "v1",
) -> TradeReport:
    """An execution."""
    return TradeReport(
        BTC, venue_order_id, number, side, Decimal(quantity), Decimal(price), Decimal(fee), fee_asset, at_ms
    )


def report(
    wish: Intent,
    status: VenueStatus = VenueStatus.NEW,
    executed: str = "0",
    *trades: TradeReport,
    venue_order_id: str = "v1",
    reason: str = "",
    **changes: Any,
) -> OrderReport:
    """What the venue says of an order."""
    order_id = changes.get("client_order_id", wish.client_order_id)
    return OrderReport(
        wish.symbol,
        order_id,
        venue_order_id,
        status,
        wish.quantity,
        Decimal(executed),
        T0,
        reason,
        trades,
    )


class OrderScript:
    """
    A tracker that has its books, in two markets, unless told otherwise.

    `asked` are questions that only `live` answers, with the time of each.
    """

    def __init__(self, *, reconciled: bool = True, **told: Any) -> None:
        markets = [instrument(BTC), instrument(ETH)]
        self.now = T0
        self.asked: list[tuple[int, AskOrder | AskTrades | AskAccount]] = []
        self.tracker = OrderTracker(markets, PREFIX, BUDGET, **told)
        if reconciled:
            self.reconcile()
            self.account()
            self.asked.clear()

    def tell(self, given: AnyOrderInput) -> list[OrderOutput]:
        """Tell the tracker something."""
        said = self.tracker.take(given)
        self.asked += [(self.now, each) for each in said if isinstance(each, AskOrder | AskTrades | AskAccount)]
        return said

    def do(self, deed: Deed | Reconcile) -> list[OrderOutput]:
        """The engine wants something."""
        return self.tell(Asked(self.now, deed))

    def submit(self, wish: Intent) -> list[OrderOutput]:
        """The engine hands an order over."""
        return self.do(SubmitOrder(approve(wish)))

    def cancel(self, wish: Intent) -> list[OrderOutput]:
        """The engine wants an order back."""
        return self.do(CancelOrder(wish.client_order_id, wish.symbol))

    def placed(self, wish: Intent, outcome: Outcome | OrderReport) -> list[OrderOutput]:
        """The answer to a new order."""
        return self.tell(Placed(self.now, wish.client_order_id, _outcome(outcome)))

    def taken_back(self, wish: Intent, outcome: Outcome | OrderReport) -> list[OrderOutput]:
        """The answer to a cancel."""
        return self.tell(CancelAnswered(self.now, wish.client_order_id, _outcome(outcome)))

    def looked_up(self, wish: Intent, outcome: Outcome | OrderReport) -> list[OrderOutput]:
        """The answer to a question for an order."""
        return self.tell(OrderLookedUp(self.now, wish.client_order_id, _outcome(outcome)))

    def trades(self, wish: Intent, *trades: TradeReport) -> list[OrderOutput]:
        """The answer to a question for an order's trades."""
        return self.tell(TradesLookedUp(self.now, wish.client_order_id, trades))

    def heard(self, said: OrderReport) -> list[OrderOutput]:
        """The private stream speaks."""
        return self.tell(OrderHeard(self.now, said))

    def account(
        self,
        *open_orders: OrderReport,
        balances: dict[str, str] | None = None,
        asked_ms: int | None = None,
    ) -> list[OrderOutput]:
        """The answer to a look at the account."""
        asked = self.now if asked_ms is None else asked_ms
        held = {asset: Balance(Decimal(amount)) for asset, amount in (balances or RICH).items()}
        return self.tell(AccountLookedUp(self.now, asked, held, open_orders))

    def price(self, last: str) -> list[OrderOutput]:
        """The market moves."""
        return self.tell(MarketPrice(self.now, BTC, Decimal(last)))

    def stream(self, *, live: bool) -> list[OrderOutput]:
        """The private stream stands or falls."""
        return self.tell(StreamChanged(self.now, is_live=live))

    def later(self, ms: int = 0) -> list[OrderOutput]:
        """It is later."""
        self.now += ms
        return self.tell(TimePassed(self.now))

    def reconcile(
        self,
        *orders: Order,
        unanswered: tuple[Deed, ...] = (),
        cash: Decimal = BUDGET,
        holdings: dict[str, str] | None = None,
        foreign: dict[str, str] | None = None,
        fills: int = 0,
    ) -> list[OrderOutput]:
        """The engine asks for the comparison of the books."""
        held = {symbol: Decimal(amount) for symbol, amount in (holdings or {}).items()}
        others = {asset: Decimal(amount) for asset, amount in (foreign or {}).items()}
        return self.do(Reconcile(orders, cash, held, unanswered, others, fills))

    def lost(self, wish: Intent) -> SubmitOrder:
        """The deed of an order, as a journal holds it."""
        return SubmitOrder(approve(wish))

    def live(
        self,
        ms: int,
        told: dict[str, OrderReport] | None = None,
        *,
        balances: dict[str, str] | None = None,
        trades: tuple[TradeReport, ...] = (),
    ) -> list[OrderOutput]:
        """
        Let time pass at a venue that answers at once, also what was asked before.

        Args:
            ms: How long.
            told: What it knows of each order; of others it has never heard.
            balances: What is in the account.
            trades: What it shows of any order that it is asked about.
        """
        told = told or {}
        said: list[OrderOutput] = []
        for _ in range(ms // 500):
            said += self.later(500)
            while self.asked:
                asked_ms, question = self.asked.pop(0)
                if isinstance(question, AskOrder):
                    outcome = _outcome(told.get(question.client_order_id, NOT_FOUND))
                    said += self.tell(OrderLookedUp(self.now, question.client_order_id, outcome))
                elif isinstance(question, AskTrades):
                    said += self.tell(TradesLookedUp(self.now, question.client_order_id, trades))
                else:
                    open_there = [each for each in told.values() if not each.status.is_final]
                    said += self.account(*open_there, balances=balances, asked_ms=asked_ms)
        return said


def known(
    wish: Intent,
    status: OrderStatus = OrderStatus.ACCEPTED,
    filled: Decimal = ZERO,
    venue_order_id: str = "v1",
) -> Order:
    """An order as the books hold it."""
    return Order(wish, status, filled, venue_order_id)


def of(kind: type[_T], outputs: Iterable[object]) -> list[_T]:
    """Those of a kind."""
    return [each for each in outputs if isinstance(each, kind)]


def names(outputs: Iterable[object]) -> list[str]:
    """What was said, by its kind."""
    return [type(each).__name__ for each in outputs]


def _outcome(outcome: Outcome | OrderReport) -> Outcome:
    return Answered(outcome) if isinstance(outcome, OrderReport) else outcome
