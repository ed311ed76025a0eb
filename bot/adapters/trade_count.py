"""
The trades of one order, each counted once and in the order in which they happened.

Trades come from answers, from the private stream and from lists, in any order and more than once; their ids tell them
apart. Quantities are theirs: what a venue says of an order only tells how much is still missing. Because nothing is
counted before what came first, the quantity that books have of an order says which of its trades they have.
"""

from collections.abc import Iterable
from decimal import Decimal
from itertools import accumulate

from bot.adapters.order_messages import TradeReport
from bot.core.orders import ZERO


class TradeCount:
    """
    What is known to have been executed of an order.

    A journal remembers how much an earlier process has counted, and the engine which trades that were. As long as the
    venue has not executed more than that, there is nothing to count. Once it has, the whole list is asked for and all
    of it told: the engine knows the trades that it has booked of an open order, and books none of them twice.

    Args:
        before: What an earlier process has counted.

    `executed` is the most that the venue has said.
    """

    def __init__(self, before: Decimal = ZERO) -> None:
        self.executed = before
        self._before = before
        self._needs_list = before > 0
        self._known: dict[str, TradeReport] = {}
        self._total = ZERO

    @property
    def total(self) -> Decimal:
        """What has been counted, by this process or before."""
        return max(self._total, self._before)

    @property
    def is_complete(self) -> bool:
        """Whether everything has been counted that the venue says was executed."""
        return self.total >= self.executed

    def hear(self, executed: Decimal, trades: Iterable[TradeReport]) -> list[TradeReport]:
        """
        Take what a report says.

        Args:
            executed: The cumulative quantity then; an older report has less, and takes nothing back.
            trades: Some of the trades, the newest among them.

        Returns:
            Those that have not been counted yet; none where others are missing that came before.
        """
        self.executed = max(self.executed, executed)
        news = self._news(trades)
        if self._needs_list or self._total + _sum(news) < executed:
            return []
        return self._count(news)

    def hear_list(self, trades: Iterable[TradeReport]) -> list[TradeReport]:
        """
        Take all trades that the venue shows; return those that have not been counted yet, if none is missing.

        What the venue has said was executed stood after one of the trades: where it is none of the sums on the way,
        the list has holes. It may go further than what was said.
        """
        in_order = sorted({trade.trade_id: trade for trade in trades}.values(), key=_age)
        if self.executed not in accumulate((trade.quantity for trade in in_order), initial=ZERO):
            return []
        self._needs_list = False
        return self._count(self._news(in_order))

    def beyond(self, booked: Decimal) -> list[TradeReport]:
        """The trades that books do not have yet which have `booked` of the order."""
        rest: list[TradeReport] = []
        for trade in self._known.values():
            booked -= trade.quantity
            if booked < 0:
                rest.append(trade)
        return rest

    def _news(self, trades: Iterable[TradeReport]) -> list[TradeReport]:
        return list({trade.trade_id: trade for trade in trades if trade.trade_id not in self._known}.values())

    def _count(self, news: list[TradeReport]) -> list[TradeReport]:
        self._known |= {trade.trade_id: trade for trade in news}
        self._total += _sum(news)
        self.executed = max(self.executed, self._total)
        return news


def _sum(trades: Iterable[TradeReport]) -> Decimal:
    return sum((trade.quantity for trade in trades), ZERO)


def _age(trade: TradeReport) -> tuple[int, int, str]:
    # Ids that count up are ordered by their length, then by their digits.
    return trade.at_ms, len(trade.trade_id), trade.trade_id
