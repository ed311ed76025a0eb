"""
The trading floor of one market: orders come in, rest, trade with each other and with the street, and end.

The street quotes around the market's price in the same book as everybody else. When the price moves its quotes come
anew, as orders do, so that they trade with whatever rests in their way, at its price; what they offer is all there is,
so that large orders fill in parts. An order at the very price of the market is not touched: the price has to pass it.

Orders that come here were vetted; nothing here is refused. Knows nothing of requests and clients.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from bot.core.orders import BUY, SELL, Side
from bot.exchange.account_events import AccountEvent, Execution, ListEvent, OrderEvent
from bot.exchange.book import STREET, Book, Resting
from bot.exchange.clearing import Clearing
from bot.exchange.depth import Depth, Level, Prints, Tick, asks, bids
from bot.exchange.listing import Listing
from bot.exchange.order_lists import OrderList, OrderLists, shared_reserve
from bot.exchange.orders import ExpiryReason, SelfTrade, Status, TimeInForce, Trade, VenueOrder
from bot.exchange.records import MarketRecords

_ENDS_TAKER: Final = (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH)


class Floor:
    """
    Matches the orders of one market.

    Args:
        listing: What is traded.
        depth: How the street quotes; may be changed at any time, and counts from the next price on.
        clearing: What books the trades.
        lists: The pairs of the exchange.
        events: Where to tell what happened.
        average_minutes: The span of the average price.
    """

    def __init__(
        self,
        listing: Listing,
        depth: Depth,
        clearing: Clearing,
        lists: OrderLists,
        events: list[AccountEvent],
        average_minutes: int = 5,
    ) -> None:
        self.listing = listing
        self.depth = depth
        self.book = Book()
        self.clearing = clearing
        self.prints = Prints(average_minutes)
        self.records = MarketRecords()
        self._lists = lists
        self._events = events
        self._waiting: dict[int, VenueOrder] = {}
        self._open: dict[int, VenueOrder] = {}
        self._order_count = 0
        self._quote_count = 0
        self._prevented_count = 0

    def next_order_id(self) -> int:
        """A number for a new order, which nobody else gets."""
        self._order_count += 1
        return self._order_count

    def open_orders(self, account: str) -> Iterator[VenueOrder]:
        """The open orders of an account, oldest first."""
        return (order for order in self._open.values() if order.account == account)

    def submit(self, order: VenueOrder) -> VenueOrder:
        """Take a vetted order, whose reserve is set aside, as far as it goes at once."""
        now_ms = order.time_ms
        if order.kind.is_algo:
            self._waiting[order.order_id] = order
            return self._tell(Execution.NEW, order)
        self._work(self._tell(Execution.NEW, order.begun(now_ms)), now_ms)
        self._trigger(now_ms)
        return self.records.latest(order.order_id)

    def submit_pair(self, orders: tuple[VenueOrder, VenueOrder], pair: OrderList) -> None:
        """Take two vetted orders of which one cancels the other; what they share is set aside."""
        self._lists.add(pair)
        self._tell_of(pair, pair.time_ms, orders)
        for order in orders:
            self.submit(order)

    def cancel(self, order: VenueOrder, cancel_id: str, now_ms: int) -> list[VenueOrder]:
        """End an open order, and with it the other one of its pair; the one that was meant comes first."""
        ended = self._end(order)
        return [
            self._tell(Execution.CANCELED, leg.ended(Status.CANCELED, now_ms), cancel_id=cancel_id) for leg in ended
        ]

    def expire(self, order: VenueOrder, now_ms: int) -> list[VenueOrder]:
        """End an open order as the exchange does of its own accord, and with it the other one of its pair."""
        reason = ExpiryReason.EXCHANGE_CANCELED
        ended = self._end(order)
        return [self._tell(Execution.EXPIRED, leg.ended(Status.EXPIRED, now_ms, reason)) for leg in ended]

    def move(self, tick: Tick) -> None:
        """Let the price of the market come to a tick, with all that follows from it."""
        if not tick.gap:
            while (stop := self._next_stop(tick.price)) is not None:
                self._quote(Tick(tick.at_ms, stop))
        self._quote(tick)

    def withdraw(self) -> None:
        """Take the street out of the book: there is nobody to trade with but the other accounts."""
        for side in Side:
            for resting in list(self.book.queue(side)):
                if resting.owner == STREET:
                    self.book.remove(resting.order_id)

    def _next_stop(self, target: Decimal) -> Decimal | None:
        """The first stop price on the way from the last price to the target."""
        last = self.prints.last
        if last is None:
            return None
        low, high = min(last, target), max(last, target)
        stops = [order.stop_price for order in self._waiting.values() if low < order.stop_price < high]
        return (min(stops) if target > last else max(stops)) if stops else None

    def _quote(self, tick: Tick) -> None:
        self.withdraw()
        for level in asks(self.depth, self.listing, tick.price):
            self._lay(SELL, level, tick.at_ms)
        for level in bids(self.depth, self.listing, tick.price):
            self._lay(BUY, level, tick.at_ms)
        self.prints.record(tick.at_ms, tick.price, tick.volume)
        self._trigger(tick.at_ms)

    def _lay(self, side: Side, level: Level, now_ms: int) -> None:
        """Let a quote of the street trade with the orders in its way, and rest with what is left of it."""
        left = level.quantity
        while left > 0 and (best := self.book.best(_other(side))) is not None:
            if best.price < level.price if side is SELL else best.price > level.price:
                break
            quantity = min(left, best.quantity)
            self._trade(side, best, quantity, now_ms)
            left -= quantity
        if left > 0:
            self._quote_count += 1
            self.book.add(side, Resting(-self._quote_count, STREET, level.price, left))

    def _trigger(self, now_ms: int) -> None:
        """Set every order to work whose stop price the last price has reached, the oldest first."""
        while (last := self.prints.last) is not None:
            hit = next((order for order in self._waiting.values() if order.triggers_at(last)), None)
            if hit is None:
                return
            del self._waiting[hit.order_id]
            self._stand_alone(hit, now_ms)
            begun = hit.begun(now_ms)
            self.clearing.release(hit, hit.reserved - begun.reserved)
            self._work(self._tell(Execution.NEW, begun), now_ms)

    def _work(self, order: VenueOrder, now_ms: int) -> None:
        """Let an order take what it can, then rest or end."""
        if order.time_in_force is TimeInForce.FOK and not self._fills_whole(order):
            self._expire(order, ExpiryReason.UNFILLED_FOK, now_ms)
            return
        order = self._take(order, now_ms)
        if not order.is_open:
            return
        if not order.kind.has_limit:
            self._expire(order, ExpiryReason.NO_LIQUIDITY, now_ms)
        elif order.time_in_force is not TimeInForce.GTC:
            self._expire(order, ExpiryReason.UNFILLED_IOC, now_ms)
        else:
            self.book.add(order.side, Resting(order.order_id, order.account, order.price, order.remaining))

    def _fills_whole(self, order: VenueOrder) -> bool:
        """Whether it gets all that it wants at once: own orders give way to it, or end it, or count as any other."""
        without = order.account if order.self_trade is SelfTrade.EXPIRE_MAKER else None
        before = order.account if order.self_trade in _ENDS_TAKER else None
        return not self.book.sweep(order.side, order.remaining, order.limit, without, before).exhausted

    def _take(self, order: VenueOrder, now_ms: int) -> VenueOrder:
        """Trade with what rests, the best first, as long as the order accepts the price and can pay it."""
        while order.is_open and (best := self.book.best(_other(order.side))) is not None and order.accepts(best.price):
            if best.owner == order.account and order.self_trade is not SelfTrade.NONE:
                order = self._prevent(order, best, now_ms)
                continue
            quantity = min(order.remaining, best.quantity, self.clearing.affordable(order, best.price))
            if quantity <= 0:
                break
            self._trade(order, best, quantity, now_ms)
            order = self.records.latest(order.order_id)
        return order

    def _trade(self, taker: VenueOrder | Side, best: Resting, quantity: Decimal, now_ms: int) -> None:
        """Let a taker, an order or the street on a side, trade with who is served first."""
        taker_side = taker if isinstance(taker, Side) else taker.side
        maker = _other(taker_side) if best.owner == STREET else self._open[best.order_id]
        if not isinstance(maker, Side):
            self._stand_alone(maker, now_ms)
        self.book.take(best.order_id, quantity)
        self.prints.record(now_ms, best.price, quantity)
        trades = self.clearing.trade(taker, maker, best.price, quantity, now_ms)
        for party, trade in zip((taker, maker), trades, strict=True):
            if trade is not None and not isinstance(party, Side):
                self.records.add(trade)
                self._tell(Execution.TRADE, party.filled(quantity, best.price, now_ms), trade)

    def _prevent(self, taker: VenueOrder, best: Resting, now_ms: int) -> VenueOrder:
        """Let the taker, the maker or both give way, because they are of one account."""
        self._prevented_count += 1
        maker = self._open[best.order_id]
        if taker.self_trade is not SelfTrade.EXPIRE_TAKER:
            self._stand_alone(maker, now_ms)
            self._give_way(maker, now_ms)
        if taker.self_trade is not SelfTrade.EXPIRE_MAKER:
            return self._give_way(taker, now_ms)
        return taker

    def _give_way(self, order: VenueOrder, now_ms: int) -> VenueOrder:
        self.clearing.release(order, order.reserved)
        return self._tell(Execution.TRADE_PREVENTION, order.given_way(self._prevented_count, now_ms))

    def _expire(self, order: VenueOrder, reason: ExpiryReason, now_ms: int) -> None:
        self.clearing.release(order, order.reserved)
        self._tell(Execution.EXPIRED, order.ended(Status.EXPIRED, now_ms, reason))

    def _stand_alone(self, order: VenueOrder, now_ms: int) -> None:
        """Let the other order of a pair expire, because this one trades or was triggered."""
        other = self._partner(order)
        if other is not None:
            self.clearing.release(order, shared_reserve((order, other)) - order.reserved)
            self._tell(Execution.EXPIRED, other.ended(Status.EXPIRED, now_ms, ExpiryReason.OCO_TRIGGER))

    def _end(self, order: VenueOrder) -> list[VenueOrder]:
        """Make free what an order, or a pair, has set aside; returns those that have to end."""
        other = self._partner(order)
        if other is None:
            self.clearing.release(order, order.reserved)
            return [order]
        self.clearing.release(order, shared_reserve((order, other)))
        return [order, other]

    def _partner(self, order: VenueOrder) -> VenueOrder | None:
        """The other order of a pair, as long as it is open."""
        pair = self._lists.get(order.list_id)
        return None if pair is None else self._open.get(pair.other(order.order_id))

    def _tell(
        self, execution: Execution, order: VenueOrder, trade: Trade | None = None, cancel_id: str = ""
    ) -> VenueOrder:
        """Keep an order as it is now, and tell what happened to it."""
        self.records.put(order)
        if order.is_open:
            self._open[order.order_id] = order
        else:
            self._forget(order)
        rests = order.is_open and order.is_working and (trade is None or trade.is_maker)
        self._events.append(OrderEvent(order.account, order.update_ms, execution, order, trade, cancel_id, rests))
        if not order.is_open and self._lists.get(order.list_id) is not None and self._partner(order) is None:
            self._tell_of(self._lists.close(order.list_id), order.update_ms, (order,))
        return order

    def _tell_of(self, pair: OrderList, now_ms: int, orders: tuple[VenueOrder, ...]) -> None:
        ids = {order.order_id: order.client_order_id for order in orders}
        named = tuple(ids.get(number) or self.records.latest(number).client_order_id for number in pair.order_ids)
        self._events.append(ListEvent(pair.account, now_ms, pair, named))

    def _forget(self, order: VenueOrder) -> None:
        self._open.pop(order.order_id, None)
        self._waiting.pop(order.order_id, None)
        if order.order_id in self.book:
            self.book.remove(order.order_id)


def _other(side: Side) -> Side:
    return SELL if side is BUY else BUY
