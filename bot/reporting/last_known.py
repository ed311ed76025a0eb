"""
How a run stood when its journal ends: for a bot that does not run and cannot be asked.

Read from the records alone; nothing is decided again, so a journal of any version of the code can be told.
"""

from decimal import Decimal

from msgspec import Struct

from bot.core.commands import BreakerTripped, Decided, Deed, Marked, Observation
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    AnyEvent,
    CandleClosed,
    EpochBegan,
    Flatten,
    Halt,
    MarketBarred,
    MarketRestored,
    MarketSuspended,
    Resume,
    RunStarted,
    SessionStarted,
)
from bot.core.market import DAY_MS
from bot.core.run_record import RunRecord
from bot.core.status import DecisionView, OrderView
from bot.reporting.ledger import Ledger


class LastMark(Struct, frozen=True):
    """The account at its last mark, in quote currency."""

    time_ms: int
    equity: float
    cash: float
    exposure_frac: float


class LastTrip(Struct, frozen=True):
    """A breaker that tripped and that nothing in the journal has lifted."""

    at_ms: int
    breaker: str
    reason: str


class LastHolding(Struct, frozen=True):
    """
    What was held of a market, bought at `average_price` without fees.

    `is_dust` says that the venue would not take it, at the price of the last candle.
    """

    quantity: Decimal
    average_price: Decimal
    is_dust: bool


class LastMarket(Struct, frozen=True):
    """One market at the end; `orders` are those that nothing has ended."""

    symbol: str
    holding: LastHolding | None
    suspended: str
    barred: str
    decision: DecisionView | None
    orders: tuple[OrderView, ...]


class LastKnown(Struct, frozen=True):
    """
    A run at the end of its journal, whose newest event is of `time_ms`.

    `halt` is why an operator had stopped it, `drift` why the venue's books could not be trusted; empty is not so.
    `account` is as of its mark; `fills_since` came after that, and `cash` is what is left of the budget at the end.
    """

    run_id: str
    code_version: str
    started_ms: int
    time_ms: int
    sessions: int
    finished: bool
    halt: str
    drift: str
    account: LastMark | None
    fills_since: int
    cash: Decimal
    trips: tuple[LastTrip, ...]
    markets: tuple[LastMarket, ...]


def last_known(record: RunRecord) -> LastKnown:
    """Read a run to its end."""
    reading = _Reading(record.header)
    for entry in record.records():
        reading.take(entry)
    return reading.result(finished=record.finished)


class _Reading:
    """What is known so far."""

    def __init__(self, header: RunStarted) -> None:
        self._header = header
        self._ledger = Ledger(header)
        self._sessions = 0
        self._halt = self._drift = ""
        self._account: Marked | None = None
        self._trips: dict[str, BreakerTripped] = {}
        self._lifted_ms = -1
        self._suspended: dict[str, str] = {}
        self._barred: dict[str, str] = {}
        self._decisions: dict[str, Decided] = {}
        self._closes: dict[str, float] = {}
        self._fills = 0
        self._fills_by_close: list[tuple[int, int]] = [(-1, 0)]

    def take(self, entry: AnyEvent | Deed | Observation) -> None:  # noqa: C901, PLR0912 - one case a record
        self._fills += self._ledger.take(entry) is not None
        match entry:
            case CandleClosed():
                self._closes[entry.symbol] = entry.candle.close
                if self._fills != self._fills_by_close[-1][1]:
                    self._fills_by_close.append((entry.at_ms, self._fills))
            case SessionStarted():
                self._sessions += 1
                self._barred.clear()
            case Halt() | Flatten():
                self._halt = entry.reason
            case Resume():
                self._halt, self._lifted_ms = "", entry.at_ms
            case AccountDrifted():
                self._drift = entry.reason
            case AccountReconciled():
                self._drift = ""
            case EpochBegan():
                self._lifted_ms = entry.at_ms
            case MarketSuspended():
                self._suspended[entry.symbol] = entry.reason
            case MarketRestored():
                self._suspended[entry.symbol] = ""
            case MarketBarred():
                self._barred[entry.symbol] = entry.reason
            case BreakerTripped():
                self._trips[entry.breaker] = entry
            case Marked():
                self._account = entry
            case Decided():
                self._decisions[entry.symbol] = entry
            case _:
                pass  # nothing that outlasts its moment

    def result(self, *, finished: bool) -> LastKnown:
        header, account, working = self._header, self._account, self._ledger.working()
        return LastKnown(
            run_id=header.run_id,
            code_version=header.code_version,
            started_ms=header.at_ms,
            time_ms=self._ledger.time_ms,
            sessions=self._sessions,
            finished=finished,
            halt=self._halt,
            drift=self._drift,
            account=None
            if account is None
            else LastMark(account.time_ms, account.equity, account.cash, account.exposure_frac),
            fills_since=0 if account is None else self._fills - self._fills_marked(account.time_ms),
            cash=self._ledger.portfolio.cash,
            trips=tuple(LastTrip(trip.at_ms, trip.breaker, trip.reason) for trip in self._standing_trips()),
            markets=tuple(
                self._market(instrument.symbol, working.get(instrument.symbol, ())) for instrument in header.instruments
            ),
        )

    def _fills_marked(self, mark_ms: int) -> int:
        # By the order of events: a fill at the open has the very time of the close before it.
        return next(fills for close_ms, fills in reversed(self._fills_by_close) if close_ms <= mark_ms)

    def _holding(self, symbol: str) -> LastHolding | None:
        position = self._ledger.portfolio.positions.get(symbol)
        if position is None:
            return None
        market = next(one for one in self._header.instruments if one.symbol == symbol)
        value = float(position.quantity) * self._closes.get(symbol, float(position.average_price))
        is_dust = position.quantity < market.min_quantity or value < float(market.min_notional)
        return LastHolding(position.quantity, position.average_price, is_dust)

    def _standing_trips(self) -> list[BreakerTripped]:
        # A person lifts the drawdown breaker, a new UTC day the daily one. A trip is written after the event that
        # caused it and perhaps after later ones, so its own time counts.
        today = self._ledger.time_ms // DAY_MS
        return [
            trip
            for trip in self._trips.values()
            if (trip.at_ms > self._lifted_ms if trip.breaker == "drawdown" else trip.at_ms // DAY_MS == today)
        ]

    def _market(self, symbol: str, orders: tuple[OrderView, ...]) -> LastMarket:
        decided = self._decisions.get(symbol)
        return LastMarket(
            symbol=symbol,
            holding=self._holding(symbol),
            suspended=self._suspended.get(symbol, ""),
            barred=self._barred.get(symbol, ""),
            decision=None if decided is None else DecisionView.of(decided),
            orders=orders,
        )
