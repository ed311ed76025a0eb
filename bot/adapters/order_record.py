"""
What the venue has said of one order, by whatever way and in whatever order: it only grows.

A report may be late, repeated or older than the one before; none takes anything back. Decides nothing.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from bot.adapters.order_messages import Answered, OrderReport, Outcome, TradeReport, Unresolved, VenueStatus
from bot.adapters.trade_count import TradeCount
from bot.core.orders import MARKET, STOP, ZERO, Intent

_WORDS: Final = {
    VenueStatus.FILLED: "filled",
    VenueStatus.CANCELLED: "cancelled",
    VenueStatus.EXPIRED: "the venue took back what it could not fill",
    VenueStatus.REJECTED: "the venue rejected it",
}


class OrderRecord:
    """
    The record of one order.

    Args:
        intent: The order as the books have it.
        before: What an earlier process has counted of it.

    `sent` is the quantity that this process has handed over, which can be less than what is wanted; 0 where it has not.
    `end` is the status in which it is over, None while it is not, and `end_reason` says why. `known_ms` is when this
    process first heard of it, and `heard_ms` when it did last; `confirmed_ms` when a question was asked that was
    answered with where the order stands, and `trades_shown_ms` one with its trades.
    """

    def __init__(self, intent: Intent, before: Decimal = ZERO) -> None:
        self.trades = TradeCount(before)
        self.sent = ZERO
        self.venue_order_id = ""
        self.end: VenueStatus | None = None
        self.end_reason = ""
        self.known_ms = -1
        self.heard_ms = -1
        self.confirmed_ms = -1
        self.trades_shown_ms = -1
        self._intent = intent

    @property
    def takes_liquidity(self) -> bool:
        """Whether it should be over in a moment: what rests may rest, but a stop that has begun to trade does not."""
        kind = self._intent.type
        return kind is MARKET or (kind is STOP and self.trades.executed > 0)

    def concerns(self, report: OrderReport) -> bool:
        """Whether a report is about this order."""
        if report.symbol != self._intent.symbol:
            return False
        if report.client_order_id:
            return report.client_order_id == self._intent.client_order_id
        return bool(self.venue_order_id) and report.venue_order_id == self.venue_order_id

    def is_alive_in(self, report: OrderReport) -> bool:
        """Whether a report shows it working, or more of it executed than has been counted."""
        return report.executed > self.trades.total or not report.status.is_final

    def checked(self, outcome: Outcome) -> Outcome:
        """The outcome of a question about this order; an answer that speaks of another one has resolved nothing."""
        if isinstance(outcome, Answered) and not self.concerns(outcome.report):
            return Unresolved("the answer speaks of another order")
        return outcome

    def hear(self, report: OrderReport, now: int, asked_ms: int | None) -> list[TradeReport]:
        """Take a report, and when it was asked for if it was; return the trades that are news."""
        self.known_ms = self.known_ms if self.known_ms >= 0 else now
        self.heard_ms = now
        self.venue_order_id = self.venue_order_id or report.venue_order_id
        if asked_ms is not None:
            self.confirmed_ms = max(self.confirmed_ms, asked_ms)
        news = self.trades.hear(report.executed, self._own(report.trades))
        # What is filled has executed all that was sent: to say the one without the other proves neither.
        is_torn = report.status is VenueStatus.FILLED and self.trades.executed < self._sent_as_in(report)
        if report.status.is_final and not is_torn:
            self.close(report.status, report.reason or _WORDS[report.status])
        return news

    def hear_trades(self, trades: Iterable[TradeReport], asked_ms: int) -> list[TradeReport]:
        """Take all trades that the venue shows of it; return those that are news."""
        self.trades_shown_ms = max(self.trades_shown_ms, asked_ms)
        return self.trades.hear_list(self._own(trades))

    def close(self, end: VenueStatus, reason: str) -> None:
        """It is over; what was said of that first, stands."""
        if self.end is None:
            self.end, self.end_reason = end, reason

    def _sent_as_in(self, report: OrderReport) -> Decimal:
        # An earlier process may have sent less than was wanted: then only the venue knows how much.
        wanted = self._intent.quantity
        return self.sent or min(report.quantity or wanted, wanted)

    def _own(self, trades: Iterable[TradeReport]) -> list[TradeReport]:
        intent = self._intent
        return [
            trade
            for trade in trades
            if (trade.symbol, trade.side) == (intent.symbol, intent.side)
            and trade.client_order_id in ("", intent.client_order_id)
            and trade.venue_order_id in ("", self.venue_order_id)
        ]
