"""
What an account can ask: its orders, trades, balances and pairs, now or as they were a moment ago.

Every question has a time. An exchange that answers from a copy which is behind answers as of an earlier one. Pairs are
known as they are now.
"""

from collections.abc import Mapping
from typing import TypeVar

from bot.exchange.accounts import Balance
from bot.exchange.order_lists import OrderList, OrderLists
from bot.exchange.orders import Trade, VenueOrder
from bot.exchange.records import BalanceRecords, MarketRecords
from bot.exchange.refusals import bad_symbol, no_such_list, no_such_order, wrong_client_id
from bot.exchange.requests import HistoryQuery, ListRef, OrderRef

_T = TypeVar("_T")


class Inquiries:
    """
    Answers the questions of accounts; each raises `Refusal` where there is nothing to answer.

    Args:
        records: What each market remembers, by symbol on the wire.
        balances: What the ledger was.
        lists: The pairs of the exchange.
    """

    def __init__(self, records: Mapping[str, MarketRecords], balances: BalanceRecords, lists: OrderLists) -> None:
        self._records = records
        self._balances = balances
        self._lists = lists

    def order(self, account: str, ref: OrderRef, as_of_ms: int) -> VenueOrder:
        """An order, open or not; of several with one client id the newest."""
        found = self._of(ref.symbol).find(account, ref.order_id, ref.client_order_id, as_of_ms)
        if found is None:
            raise no_such_order()
        if ref.client_order_id is not None and found.client_order_id != ref.client_order_id:
            raise wrong_client_id()
        return found

    def open_orders(self, account: str, symbol: str | None, as_of_ms: int) -> list[VenueOrder]:
        """The open orders of an account, in one market or in all, oldest first."""
        asked = self._records.values() if symbol is None else [self._of(symbol)]
        known = (order for records in asked for order in records.orders(account, as_of_ms))
        return [order for order in known if order.is_open]

    def all_orders(self, account: str, query: HistoryQuery, as_of_ms: int) -> list[VenueOrder]:
        """Orders in one market, from a number on or the newest, oldest first."""
        known = self._of(query.symbol).orders(account, as_of_ms)
        fitting = [
            order
            for order in known
            if (query.order_id is None or order.order_id >= query.order_id) and _within(query, order.time_ms)
        ]
        return _page(fitting, query, forward=query.order_id is not None)

    def my_trades(self, account: str, query: HistoryQuery, as_of_ms: int) -> list[Trade]:
        """Trades in one market, of one order where asked, from a number on or the newest, oldest first."""
        fitting = [
            trade
            for trade in self._of(query.symbol).trades(account, as_of_ms)
            if (query.order_id is None or trade.order_id == query.order_id)
            and (query.from_id is None or trade.trade_id >= query.from_id)
            and _within(query, trade.time_ms)
        ]
        return _page(fitting, query, forward=query.from_id is not None)

    def balances(self, account: str, as_of_ms: int) -> tuple[int, dict[str, Balance]]:
        """The balances of an account by asset, and since when they are so."""
        return self._balances.at(account, as_of_ms)

    def order_list(self, account: str, ref: ListRef) -> OrderList:
        """A pair, open or not."""
        pair = self._lists.find(account, ref.list_id, ref.client_list_id)
        if pair is None:
            raise no_such_list()
        return pair

    def open_lists(self, account: str) -> list[OrderList]:
        """The open pairs of an account, oldest first."""
        return [pair for pair in self._lists.of(account) if pair.is_open]

    def _of(self, symbol: str) -> MarketRecords:
        try:
            return self._records[symbol]
        except KeyError:
            raise bad_symbol() from None


def _within(query: HistoryQuery, at_ms: int) -> bool:
    return (query.start_ms is None or at_ms >= query.start_ms) and (query.end_ms is None or at_ms <= query.end_ms)


def _page(rows: list[_T], query: HistoryQuery, *, forward: bool) -> list[_T]:
    """The first rows from where was asked for, or the last ones."""
    return (
        rows[: query.limit]
        if forward or query.start_ms is not None
        else rows[len(rows) - min(query.limit, len(rows)) :]
    )
