"""
The trading venue: what accounts can do and ask, in one object without sockets and clock.

Every command is given its time; the same commands at the same times give the same answers and events. A refusal is
raised in the venue's own code and words and leaves nothing behind. Knows nothing of HTTP, keys, signatures and JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Final, TypeVar

from msgspec.structs import replace

from bot.exchange.account_events import AccountEvent, BalancesEvent, DepositEvent, Execution, OrderEvent
from bot.exchange.accounts import Account, Ledger
from bot.exchange.clearing import Clearing
from bot.exchange.depth import Depth, Tick
from bot.exchange.floor import Floor
from bot.exchange.inquiries import Inquiries
from bot.exchange.listing import Listing
from bot.exchange.order_lists import NewOco, OrderList, OrderLists
from bot.exchange.order_rules import MarketRules, default_rules
from bot.exchange.orders import NewOrder, Status, VenueOrder
from bot.exchange.records import BalanceRecords
from bot.exchange.refusals import (
    bad_symbol,
    market_closed,
    not_cancelled,
    rejected,
    unknown_order,
)
from bot.exchange.requests import (
    Cancelled,
    CancelOrder,
    CancelReplace,
    ListRef,
    OrderRef,
    Placed,
    Replaced,
    ReplaceMode,
    Restriction,
)
from bot.exchange.traded_market import MarketStatus, TradedMarket, chosen_id
from bot.exchange.weights import Limits, OrderMeter
from bot.exchange.wire import Refusal

_RESTRICTED_TO = {
    Restriction.ONLY_NEW: Status.NEW,
    Restriction.ONLY_PARTIALLY_FILLED: Status.PARTIALLY_FILLED,
}
_BARRED: Final = "This account may not place or cancel orders."

_T = TypeVar("_T")


class TradingVenue:
    """
    Markets and accounts.

    Its methods are the commands of accounts, of the market and of whoever runs the venue; they raise `Refusal`.
    Questions are asked of `inquiries`.

    Args:
        listings: What is traded.
        accounts: Who trades.
        opened_ms: When the venue opens.
        depth: How the street quotes in every market, until told otherwise.
        limits: How many orders an account may place.
        rules: By symbol on the wire; markets without rules of their own have those of `default_rules`.
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        accounts: Sequence[Account],
        opened_ms: int,
        depth: Depth | None = None,
        limits: Limits | None = None,
        rules: Mapping[str, MarketRules] | None = None,
    ) -> None:
        self.events: list[AccountEvent] = []
        self.ledger = Ledger(accounts)
        self.lists = OrderLists()
        self.markets: dict[str, TradedMarket] = {}
        for listing in listings:
            clearing = Clearing(listing, self.ledger)
            floor = Floor(listing, depth or Depth(), clearing, self.lists, self.events)
            own = (rules or {}).get(listing.venue_symbol) or default_rules(listing)
            self.markets[listing.venue_symbol] = TradedMarket(floor, own, self.ledger)
        self._balances = BalanceRecords()
        records = {symbol: market.floor.records for symbol, market in self.markets.items()}
        self.inquiries = Inquiries(records, self._balances, self.lists)
        self._meters = {account.name: OrderMeter(limits or Limits()) for account in accounts}
        self._told = 0
        self._cancel_count = 0
        for account in accounts:
            self._balances.put(account.name, opened_ms, account.balances)

    def market(self, symbol: str) -> TradedMarket:
        """A market by its symbol on the wire. Raises `Refusal`."""
        try:
            return self.markets[symbol]
        except KeyError:
            raise bad_symbol() from None

    def meter(self, account: str) -> OrderMeter:
        """The counters of an account's unfilled orders."""
        return self._meters[account]

    def drain(self) -> list[AccountEvent]:
        """What has happened since the last call, in order."""
        happened = self.events[:]
        self.events.clear()
        self._told = 0
        return happened

    def move(self, symbol: str, tick: Tick) -> None:
        """Let the price of a market come to a tick."""
        self.market(symbol).move(tick)
        self._settle(tick.at_ms)

    def set_status(self, symbol: str, status: MarketStatus) -> None:
        """Open, close or halt a market."""
        self.market(symbol).status = status

    def deposit(self, account: str, asset: str, amount: Decimal, now_ms: int) -> None:
        """Bring money from outside into an account, or with a negative amount take it out."""
        self.ledger.deposit(account, asset, amount)
        self.events.append(DepositEvent(account, now_ms, asset, amount))
        self._settle(now_ms)

    def vet(self, account: str, order: NewOrder, now_ms: int) -> None:
        """See that an order could be placed now, without placing it."""
        self._may_trade(account)
        self.market(order.symbol).vet(account, order, now_ms)

    def place(self, account: str, order: NewOrder, now_ms: int) -> Placed:
        """Place an order; it may be filled, wholly or in part, or even be at its end, when this returns."""
        self._may_trade(account)
        self._meters[account].check(1, now_ms)
        placed = self._placed(account, order, now_ms)
        self._settle(now_ms)
        return placed

    def place_pair(self, account: str, oco: NewOco, now_ms: int) -> OrderList:
        """Place two orders of which one cancels the other."""
        self._may_trade(account)
        self._meters[account].check(2, now_ms)
        market = self.market(oco.symbol)
        if oco.client_list_id in {pair.client_list_id for pair in self.inquiries.open_lists(account)}:
            raise rejected("Duplicate order sent.")
        pair = market.place_pair(account, oco, self.lists.next_id, now_ms)
        self._meters[account].placed(2, now_ms)
        self._settle(now_ms)
        return pair

    def cancel(self, account: str, request: CancelOrder, now_ms: int) -> Cancelled:
        """End an open order, and with it the other one of its pair."""
        if not self.ledger.accounts[account].may_trade:
            raise not_cancelled(_BARRED)
        cancelled = self._cancelled(account, request, now_ms)
        self._settle(now_ms)
        return cancelled

    def cancel_pair(self, account: str, ref: ListRef, now_ms: int) -> tuple[OrderList, Cancelled]:
        """End both orders of a pair."""
        pair = self.lists.find(account, ref.list_id, ref.client_list_id)
        if pair is None or not pair.is_open or pair.symbol != ref.symbol:
            self.market(ref.symbol)
            raise unknown_order()
        market = self.market(pair.symbol)
        known = [market.floor.records.latest(number) for number in pair.order_ids]
        still_open = next(order for order in known if order.is_open)
        request = CancelOrder(OrderRef(pair.symbol, still_open.order_id), ref.cancel_id)
        cancelled = self.cancel(account, request, now_ms)
        ended = tuple(market.floor.records.latest(number) for number in pair.order_ids)
        return self.inquiries.order_list(account, ListRef(pair.list_id)), replace(cancelled, orders=ended)

    def cancel_all(self, account: str, symbol: str, now_ms: int) -> list[Cancelled]:
        """End every open order of an account in a market: one answer for each order or pair, of one id for all."""
        market = self.market(symbol)
        cancelled: list[Cancelled] = []
        while (order := next(market.floor.open_orders(account), None)) is not None:
            cancel_id = cancelled[0].cancel_id if cancelled else ""
            request = CancelOrder(OrderRef(symbol, order.order_id), cancel_id)
            cancelled.append(self.cancel(account, request, now_ms))
        if not cancelled:
            raise unknown_order()
        return cancelled

    def cancel_replace(self, account: str, request: CancelReplace, now_ms: int) -> Replaced:
        """
        End an order and place another; each may fail for itself, which is an answer and no exception.

        The rules are asked before anything is done, as Binance does. The new order counts even where it is not tried.
        """
        self._may_trade(account)
        self._meters[account].check(1, now_ms)
        self.market(request.order.symbol).check(account, request.order, now_ms)
        cancelled = _tried(lambda: self._cancelled(account, request.cancel, now_ms))
        if isinstance(cancelled, Refusal) and request.mode is ReplaceMode.STOP_ON_FAILURE:
            self._meters[account].placed(1, now_ms)
            return Replaced(cancelled, None)
        placed = _tried(lambda: self._placed(account, request.order, now_ms))
        self._settle(now_ms)
        return Replaced(cancelled, placed)

    def expire(self, account: str, ref: OrderRef, now_ms: int) -> None:
        """End an open order as an exchange does that needs no reason."""
        order = self.inquiries.order(account, ref, now_ms)
        if not order.is_open:
            raise unknown_order()
        self.market(ref.symbol).floor.expire(order, now_ms)
        self._settle(now_ms)

    def _may_trade(self, account: str) -> None:
        if not self.ledger.accounts[account].may_trade:
            raise rejected(_BARRED)

    def _placed(self, account: str, order: NewOrder, now_ms: int) -> Placed:
        market = self.market(order.symbol)
        draft = market.vet(account, order, now_ms)
        market.hold(draft)
        self._meters[account].placed(1, now_ms)
        entered = market.place(draft)
        made = market.floor.records.trades(account, now_ms)
        return Placed(entered, tuple(trade for trade in made if trade.order_id == entered.order_id))

    def _cancelled(self, account: str, request: CancelOrder, now_ms: int) -> Cancelled:
        market = self.market(request.ref.symbol)
        ref = request.ref
        if not market.status.may_cancel:
            raise market_closed()
        order = next((one for one in market.floor.open_orders(account) if _is_meant(one, ref)), None)
        if order is None:
            raise unknown_order()
        if request.restriction is not None and order.status is not _RESTRICTED_TO[request.restriction]:
            raise not_cancelled("Order was not canceled due to cancel restrictions.")
        self._cancel_count += 1
        cancel_id = request.cancel_id or chosen_id("cancel", ref.symbol, self._cancel_count)
        return Cancelled(tuple(market.floor.cancel(order, cancel_id, now_ms)), cancel_id, now_ms)

    def _settle(self, now_ms: int) -> None:
        """Count first fills, and tell and remember the balances of everybody to whom something happened."""
        touched: dict[str, set[str]] = {}
        for event in islice(self.events, self._told, None):
            if isinstance(event, OrderEvent):
                listing = self.markets[event.order.symbol].floor.listing
                assets = touched.setdefault(event.account, set())
                assets |= {listing.base, listing.quote}
                if event.trade is not None:
                    assets.add(event.trade.commission_asset)
                if event.execution is Execution.TRADE and event.trade and event.order.executed == event.trade.quantity:
                    self._meters[event.account].filled(now_ms)
            elif isinstance(event, DepositEvent):
                touched.setdefault(event.account, set()).add(event.asset)
        for account, assets in touched.items():
            holder = self.ledger.accounts[account]
            now = {asset: holder.balance(asset) for asset in sorted(assets)}
            self.events.append(BalancesEvent(account, now_ms, now))
            self._balances.put(account, now_ms, holder.balances)
        self._told = len(self.events)


def _tried(command: Callable[[], _T]) -> _T | Refusal:
    try:
        return command()
    except Refusal as refusal:
        return refusal


def _is_meant(order: VenueOrder, ref: OrderRef) -> bool:
    return (ref.order_id is None or order.order_id == ref.order_id) and (
        ref.client_order_id is None or order.client_order_id == ref.client_order_id
    )
