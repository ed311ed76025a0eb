"""
A broker inside the process: orders meet candles by `bot.core.matching`, against the trader.

It sees each candle twice before the engine does. At the *open*, for all markets of the instant, waiting
orders execute; then inside the *range* stops and limits do, the stops first. It keeps its own exact books,
so that ours can be compared with them.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import inf

from msgspec.structs import replace

from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    CandleClosed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from bot.core.market import Instrument
from bot.core.matching import Span, affordable, candle_spans, execute, reference_price
from bot.core.orders import ACCEPTED, BUY, LIMIT, MARKET, SELL, STOP, Fill, Intent, Order
from bot.core.portfolio import Portfolio, Position


class PaperBroker:
    """
    Executes approved orders against closed candles.

    Args:
        instruments: By symbol.
        budget: Quote currency in the account.
        participation_frac: The share of a candle's volume that our orders may take.
    """

    moves_money = False

    def __init__(self, instruments: Mapping[str, Instrument], budget: Decimal, participation_frac: Decimal) -> None:
        self._instruments = instruments
        self._participation_frac = participation_frac
        self._account = Portfolio(budget)
        self._working: dict[str, dict[str, Order]] = {symbol: {} for symbol in instruments}
        # The price at or below which something happens to a market's orders; the usual candle stays above its stop.
        self._reach: dict[str, float] = {}

    def is_met(self, closed: Sequence[CandleClosed]) -> bool:
        """Whether any working order can react to these candles: cheap, and asked for every one of them."""
        reach = self._reach
        if not reach:
            return False
        for event in closed:  # noqa: SIM110 - asked for every candle, and a generator costs more than the answer
            if event.candle.low <= reach.get(event.symbol, 0.0):
                return True
        return False

    def submit(self, command: SubmitOrder, at_ms: int) -> list[AnyEvent]:
        """Take an order, or reject what an exchange would reject."""
        intent = command.approved.intent
        problem = self._problem(intent)
        if problem:
            return [OrderRejected(at_ms, intent.client_order_id, problem)]
        self._work(intent.client_order_id, intent.symbol, Order(intent, ACCEPTED))
        return [OrderAccepted(at_ms, intent.client_order_id, f"paper-{intent.client_order_id}")]

    def cancel(self, command: CancelOrder, at_ms: int) -> list[AnyEvent]:
        """Take an order back; nothing happens to one that is gone."""
        if command.client_order_id not in self._working[command.symbol]:
            return []
        self._work(command.client_order_id, command.symbol, None)
        return [OrderCancelled(at_ms, command.client_order_id, "cancelled")]

    def reconcile(self, command: Reconcile, at_ms: int) -> list[AnyEvent]:
        """
        Take up the books of a run: the journal is this broker's memory.

        Raises:
            JournalError: An order is known that these books contradict.
        """
        holdings = {symbol: Position(quantity) for symbol, quantity in command.holdings.items()}
        self._account = Portfolio(command.cash, holdings)
        self._working, self._reach = {symbol: {} for symbol in self._instruments}, {}
        for order in command.orders:
            self._work(order.intent.client_order_id, order.intent.symbol, order)
        answers: list[AnyEvent] = []
        for deed in command.unanswered:
            answers += self.cancel(deed, at_ms) if isinstance(deed, CancelOrder) else self.submit(deed, at_ms)
        empty = [order.intent.client_order_id for order in command.orders if order.remaining <= 0]
        if empty:
            raise JournalError(f"the journal holds working orders without a quantity: {', '.join(empty)}")
        return [*answers, AccountReconciled(at_ms)]

    def trade(self, closed: Sequence[CandleClosed]) -> Iterator[AnyEvent]:
        """
        What happens to working orders within the candles of one instant, in the order in which it happens.

        Each event must be handled, and what follows from it submitted, before the next one is asked for: the
        stop of a fill at the open works in the same candle.
        """
        reach = self._reach
        paths: list[tuple[CandleClosed, Span, Span]] = []
        left: dict[str, Decimal] = {}
        for event in closed:
            if event.candle.low <= reach.get(event.symbol, 0.0):
                paths.append((event, *candle_spans(event.candle)))
                left[event.symbol] = self._liquidity(event)
        for event, opened, _ in paths:
            open_ms = event.candle.open_time_ms
            for order in self._waiting(event.symbol, open_ms):
                filled = self._meet(order, opened, open_ms, left)
                if filled is not None:
                    yield filled
        for event, _, inside in paths:
            # Mostly the open has filled what waited for it, and the range stays above the stop.
            if event.candle.low <= reach.get(event.symbol, 0.0):
                yield from self._walk(event, inside, left)

    def _walk(self, event: CandleClosed, inside: Span, left: dict[str, Decimal]) -> Iterator[AnyEvent]:
        symbol, open_ms = event.symbol, event.candle.open_time_ms
        # What is decided at the close was not there while the range was walked, and a market order that was there at
        # the open has had its turn.
        for order in self._waiting(symbol, event.at_ms - 1):
            if order.intent.type is not MARKET or order.intent.decided_ms > open_ms:
                filled = self._meet(order, inside, event.at_ms, left)
                if filled is not None:
                    yield filled
        # A market order takes what there is; the rest of it does not wait for the next candle.
        for order in self._waiting(symbol, event.at_ms - 1):
            if order.intent.type is MARKET:
                order_id = order.intent.client_order_id
                self._work(order_id, symbol, None)
                yield OrderCancelled(event.at_ms, order_id, "the candle's liquidity or our cash was used up")

    def _work(self, order_id: str, symbol: str, order: Order | None) -> None:
        """Put an order to work, or take it out of it."""
        working = self._working[symbol]
        if order is None:
            del working[order_id]
        else:
            working[order_id] = order
        reach = 0.0
        for one in working.values():
            # Anything but a resting sell stop may react to any price.
            intent = one.intent
            rests = intent.type is STOP and intent.side is SELL and not one.filled
            reach = max(reach, float(intent.stop_price)) if rests and intent.stop_price is not None else inf
        if working:
            self._reach[symbol] = reach
        else:
            self._reach.pop(symbol, None)

    def _waiting(self, symbol: str, decided_by_ms: int) -> list[Order]:
        waiting = [order for order in self._working[symbol].values() if order.intent.decided_ms <= decided_by_ms]
        if len(waiting) > 1:
            # Stop and target in one candle means the stop.
            waiting.sort(key=lambda order: order.intent.type is LIMIT)
        return waiting

    def _liquidity(self, event: CandleClosed) -> Decimal:
        volume = Decimal(repr(event.candle.volume)) * self._participation_frac
        return self._instruments[event.symbol].quantize_quantity(volume)

    def _meet(self, order: Order, span: Span, at_ms: int, left: dict[str, Decimal]) -> OrderFilled | None:
        intent = order.intent
        order_id, symbol = intent.client_order_id, intent.symbol
        if order_id not in self._working[symbol]:
            return None  # what followed from a fill before it has taken it back
        if intent.type is STOP and order.filled > 0:
            # Triggered, but there was not enough to trade against: it is a market order by now.
            intent = replace(intent, type=MARKET)
        reference = reference_price(intent, span)
        if reference is None:
            return None
        instrument, account = self._instruments[symbol], self._account
        quantity = min(order.remaining, left[symbol])
        done = execute(instrument, intent, reference, quantity)
        if intent.side is BUY and done.price * quantity + done.fee > account.cash:
            quantity = affordable(instrument, intent, reference, account.cash)
            done = execute(instrument, intent, reference, quantity)
        if quantity <= 0:
            return None
        left[symbol] -= quantity
        fill = Fill(
            order_id,
            f"{order_id}-{order.filled}",
            symbol,
            intent.side,
            quantity,
            done.price,
            done.fee,
            instrument.quote,
            reference,
            done.spread_cost,
            done.slippage_cost,
        )
        account.apply(fill, instrument)
        after = order.with_fill(quantity)
        self._work(order_id, symbol, None if after.status.is_final else after)
        return OrderFilled(at_ms, fill)

    def _problem(self, intent: Intent) -> str:
        instrument = self._instruments[intent.symbol]
        if intent.client_order_id in self._working[intent.symbol]:
            return "an order with this id is already working"
        if intent.quantity < instrument.min_quantity or intent.quantity % instrument.lot_step:
            return f"the quantity {intent.quantity} is not on the lot grid"
        for price in (intent.limit_price, intent.stop_price):
            if price is not None and (price <= 0 or price % instrument.tick_size):
                return f"the price {price} is not on the tick grid"
        if intent.side is SELL and intent.quantity > self._account.position(intent.symbol).quantity:
            return f"the account holds less than {intent.quantity} {instrument.base}"
        return ""
