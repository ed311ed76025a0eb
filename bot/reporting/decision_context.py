"""
One decision about a market and what was known when it was made, from a run's journal.

Observations may stand later in a journal than events that followed them, so times decide, not places.
"""

from collections import deque
from typing import Final

from msgspec import Struct

from bot.core.commands import Decided, Deed, Marked, Observation, SubmitOrder, Verdict
from bot.core.errors import ConfigError
from bot.core.events import AnyEvent, ForecastReady, ModelReady
from bot.core.forecast import Forecast
from bot.core.orders import Purpose
from bot.core.run_record import RunRecord
from bot.core.status import DecisionView
from bot.reporting.last_known import LastMark

BY_DECISION: Final = frozenset({Purpose.ENTRY, Purpose.EXIT})
"""Why an order exists that a candle's decision asked for."""

_BPS: Final = 1e4
_FORECASTS_KEPT: Final = 64


class ForecastView(Struct, frozen=True):
    """What the model foresaw for the candle after a close: a probability, and moves in basis points."""

    model: str
    p_up: float
    expected_bps: float
    lower_bps: float
    upper_bps: float


class DecisionStory(Struct, frozen=True):
    """
    One decision about a market.

    `account` is the last mark up to it, `order` the id of the order that it led to; empty is none.
    """

    symbol: str
    decision: DecisionView
    forecast: ForecastView | None
    account: LastMark | None
    order: str


class DecisionContext:
    """Follows records, and keeps what was known of one market up to `until_ms`."""

    def __init__(self, symbol: str, until_ms: int) -> None:
        self._symbol = symbol
        self._until_ms = until_ms
        self._model = ""
        self._forecasts: deque[tuple[int, str, Forecast]] = deque(maxlen=_FORECASTS_KEPT)
        self._marked: Marked | None = None

    def take(self, entry: AnyEvent | Deed | Observation) -> None:
        """Take the next record."""
        match entry:
            case ForecastReady() if entry.close_time_ms <= self._until_ms:
                for forecast in entry.forecasts:
                    if forecast.symbol == self._symbol:
                        self._forecasts.append((entry.close_time_ms, self._model, forecast))
            case Marked() if entry.time_ms <= self._until_ms:
                self._marked = entry
            case ModelReady():
                self._model = entry.bundle
            case _:
                pass

    def forecast(self, close_time_ms: int) -> ForecastView | None:
        """The forecast of the candle after that close."""
        for close_ms, model, found in self._forecasts:
            if close_ms == close_time_ms:
                moves = (found.expected_return, found.lower, found.upper)
                return ForecastView(model, found.p_up, *(move * _BPS for move in moves))
        return None

    @property
    def account(self) -> LastMark | None:
        """The last mark."""
        found = self._marked
        return None if found is None else LastMark(found.time_ms, found.equity, found.cash, found.exposure_frac)


def decision_story(record: RunRecord, symbol: str, at_ms: int | None) -> DecisionStory:
    """
    Tell of one decision.

    Args:
        record: The run.
        symbol: The market; may be empty where the run has one alone.
        at_ms: The decision is the last one at or before this time; the newest where None.

    Raises:
        ConfigError: The run does not trade that market, or has decided nothing about it by then.
    """
    symbols = [instrument.symbol for instrument in record.header.instruments]
    if not symbol and len(symbols) > 1:
        raise ConfigError(f"whose decision? Name the market before the @, one of {', '.join(symbols)}")
    symbol = symbol or symbols[0]
    if symbol not in symbols:
        raise ConfigError(f"the run does not trade {symbol}: its markets are {', '.join(symbols)}")
    row = _decision(record, symbol, at_ms)
    if row is None:
        raise ConfigError(f"the run had decided nothing about {symbol} by then: leave the time out for the newest")
    context = DecisionContext(symbol, row.close_time_ms)
    order = ""
    for entry in record.records():
        context.take(entry)
        if row.verdict is Verdict.SUBMITTED and not order and isinstance(entry, SubmitOrder):
            intent = entry.approved.intent
            if intent.symbol == symbol and intent.purpose in BY_DECISION and intent.decided_ms >= row.close_time_ms:
                order = intent.client_order_id
    return DecisionStory(symbol, DecisionView.of(row), context.forecast(row.close_time_ms), context.account, order)


def _decision(record: RunRecord, symbol: str, at_ms: int | None) -> Decided | None:
    found: Decided | None = None
    for entry in record.records():
        if isinstance(entry, Decided) and entry.symbol == symbol and (at_ms is None or entry.close_time_ms <= at_ms):
            found = entry
    return found
