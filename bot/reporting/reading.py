"""
One pass over the records of a run, and nothing is read twice.

Turns events into columns, counts and short tables. It does not know how a journal is stored.
"""

from array import array
from bisect import bisect_right
from typing import Final, assert_never

import numpy as np
from msgspec.structs import replace

from bot.core.commands import (
    BreakerTripped,
    CancelOrder,
    Decided,
    Deed,
    Marked,
    Notify,
    Observation,
    SubmitOrder,
    Verdict,
)
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    AnyEvent,
    Backfilled,
    BoundsChanged,
    CandleClosed,
    EpochBegan,
    Flatten,
    ForecastFailed,
    ForecastReady,
    Halt,
    HoldingShort,
    MarketBarred,
    MarketRestored,
    MarketSuspended,
    ModelDoubted,
    ModelReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PriceUpdated,
    Resume,
    RunStarted,
    SessionStarted,
    SettingsChanged,
    TimerFired,
)
from bot.core.market import Candle, Timeframe
from bot.core.run_record import RunRecord
from bot.reporting.columns import (
    Account,
    Candles,
    Decisions,
    Floats,
    Forecasts,
    Happening,
    Market,
    RunColumns,
)
from bot.reporting.own_fills import FilledOrder, OwnFills
from bot.reporting.wording import without_figures

_TOLD_BY_EVENTS: Final = frozenset({"order_rejected", "order_unknown", "halted"})
"""Notices that only repeat an event which is told anyway."""


def read_columns(record: RunRecord) -> RunColumns:
    """Read a run once, in order."""
    reading = _Reading()
    for entry in record.records():
        reading.take(entry)
    header = record.header
    timeframe = Timeframe(header.timeframe)
    return RunColumns(
        header=header,
        events_sha256=record.events_sha256,
        finished=record.finished,
        timeframe=timeframe,
        markets=tuple(reading.market(instrument.symbol) for instrument in header.instruments),
        account=_account(reading.marks),
        fills=tuple(reading.fills),
        fills_marked=reading.fills_before_last_mark(),
        orders=len(reading.own.orders),
        sessions=reading.sessions,
        decisions=Decisions(reading.signals, reading.reasons, reading.best_move, reading.needed_move),
        happenings=tuple(reading.happenings.values()),
    )


class _Reading:
    """The columns while they grow. Flat arrays of doubles: a run may hold half a million candles."""

    def __init__(self) -> None:
        self._candles: dict[str, array[float]] = {}
        self._history: dict[str, array[float]] = {}
        self._forecasts: dict[str, array[float]] = {}
        self.marks: array[float] = array("d")
        self.own = OwnFills()
        self.fills: list[FilledOrder] = []
        self._fills_by_close: list[tuple[int, int]] = [(-1, 0)]
        self.sessions = 0
        self.signals = 0
        self.reasons: dict[tuple[Verdict, str], int] = {}
        self.best_move: float | None = None
        self.needed_move: float | None = None
        self.happenings: dict[tuple[str, str], Happening] = {}

    def take(self, entry: AnyEvent | Deed | Observation) -> None:  # noqa: C901, PLR0912  (one case a record)
        match entry:
            case CandleClosed():
                _append_candle(self._candles, entry.symbol, entry.candle)
                if len(self.fills) != self._fills_by_close[-1][1]:
                    self._fills_by_close.append((entry.at_ms, len(self.fills)))
            case Decided():
                self._take_decision(entry)
            case Marked():
                self.marks.extend((entry.time_ms, entry.equity, entry.exposure_frac))
            case ForecastReady():
                for forecast in entry.forecasts:
                    self._forecasts.setdefault(forecast.symbol, array("d")).extend(
                        (
                            entry.close_time_ms,
                            forecast.p_up,
                            forecast.expected_return,
                            forecast.lower,
                            forecast.upper,
                        )
                    )
            case SubmitOrder():
                self.own.submitted(entry)
            case OrderFilled():
                filled = self.own.filled(entry)
                if filled is not None:
                    self.fills.append(filled)
            case Backfilled():
                for candle in entry.candles:
                    _append_candle(self._history, entry.symbol, candle)
            case SessionStarted():
                self.sessions += 1
            case BreakerTripped():
                self._breaker_tripped(entry)
            case OrderRejected() | OrderUnknown():
                intent = self.own.orders.get(entry.client_order_id)
                kind = "order rejected" if isinstance(entry, OrderRejected) else "order unknown"
                self._happened(entry.at_ms, kind, entry.reason, intent.symbol if intent else "")
            case ForecastFailed():
                self._happened(entry.at_ms, "forecast failed", entry.reason)
            case MarketSuspended():
                self._happened(entry.at_ms, "market suspended", entry.reason, entry.symbol)
            case Halt():
                self._happened(entry.at_ms, "halt", entry.reason)
            case Flatten():
                self._happened(entry.at_ms, "flatten", entry.reason)
            case Resume():
                self._happened(entry.at_ms, "resume", entry.reason)
            case SettingsChanged():
                self._happened(entry.at_ms, "settings changed", "the run went on under other settings")
            case EpochBegan():
                self.own.begin_epoch()
            case Notify() if entry.code not in _TOLD_BY_EVENTS:
                self._happened(entry.at_ms, f"notice: {entry.code}", entry.text)
            case (
                RunStarted()
                | ModelReady()
                | AccountReconciled()
                | AccountDrifted()
                | MarketBarred()
                | BoundsChanged()
                | HoldingShort()
                | ModelDoubted()
                | PriceUpdated()
                | MarketRestored()
                | OrderAccepted()
                | OrderCancelled()
                | TimerFired()
                | CancelOrder()
                | Notify()
            ):
                pass
            case _:
                assert_never(entry)

    def _take_decision(self, row: Decided) -> None:
        key = (row.verdict, row.reason)
        self.reasons[key] = self.reasons.get(key, 0) + 1
        if row.signal is not None:
            self.signals += 1
        move = row.expected_move_bps
        if move is not None and (self.best_move is None or move > self.best_move):
            self.best_move, self.needed_move = move, row.needed_move_bps
        if row.verdict is Verdict.DENIED:
            self._happened(row.close_time_ms, "denied", row.reason, row.symbol)

    def _breaker_tripped(self, entry: BreakerTripped) -> None:
        # Breakers are few and each one counts: one row each, told apart by its time.
        kind = f"breaker: {entry.breaker}"
        self.happenings[kind, str(entry.at_ms)] = Happening(
            kind, entry.reason, entry.at_ms, entry.at_ms, is_breaker=True
        )

    def _happened(self, at_ms: int, kind: str, text: str, symbol: str = "") -> None:
        key = (kind, without_figures(text))
        known = self.happenings.get(key)
        if known is None:
            self.happenings[key] = Happening(kind, text, at_ms, at_ms, symbols=(symbol,) if symbol else ())
            return
        new = symbol and symbol not in known.symbols
        self.happenings[key] = replace(
            known,
            last_ms=at_ms,
            count=known.count + 1,
            symbols=(*known.symbols, symbol) if new else known.symbols,
        )

    def fills_before_last_mark(self) -> int:
        """
        How many fills are inside the last mark: those before the close that it marks.

        Counted by the order of events, since a fill at the open has the very time of the close before it.
        """
        if not self.marks:
            return 0
        last_mark_ms = self.marks[-3]
        place = bisect_right(self._fills_by_close, last_mark_ms, key=lambda close: close[0])
        return self._fills_by_close[place - 1][1]

    def market(self, symbol: str) -> Market:
        closes_ms, p_up, expected, lower, upper = _columns(self._forecasts.get(symbol, array("d")), 5)
        return Market(
            symbol,
            _candles(self._candles.get(symbol, array("d")), self._history.get(symbol, array("d"))),
            Forecasts(closes_ms.astype(np.int64), p_up, expected, lower, upper),
        )


def _append_candle(columns: dict[str, "array[float]"], symbol: str, candle: Candle) -> None:
    column = columns.get(symbol)
    if column is None:
        column = columns[symbol] = array("d")
    column.extend((candle.open_time_ms, candle.open, candle.high, candle.low, candle.close, candle.filled))


def _candles(streamed: "array[float]", history: "array[float]") -> Candles:
    """
    Candles of the run: those that arrived, and those that history put into holes between them.

    History from before the first that arrived is warm-up, which the run did not trade.
    """
    columns = _columns(streamed, 6)
    past = _columns(history, 6)
    if columns.size and past.size:
        columns = np.concatenate([columns, past[:, past[0] > columns[0].min()]], axis=1)
    _, keep = np.unique(columns[0], return_index=True)
    open_ms, open_, high, low, close, filled = columns[:, keep]
    return Candles(open_ms.astype(np.int64), open_, high, low, close, filled != 0.0)


def _account(marks: "array[float]") -> Account:
    columns = _columns(marks, 3)
    times = columns[0]
    if len(times):
        last_of_instant = np.append(times[1:] != times[:-1], True)
        columns = columns[:, last_of_instant]
    return Account(columns[0].astype(np.int64), columns[1], columns[2])


def _columns(flat: "array[float]", width: int) -> Floats:
    """Rows of `width` doubles, one after the other, as `(width, n)`."""
    return np.array(flat, dtype=np.float64).reshape(-1, width).T.copy()
