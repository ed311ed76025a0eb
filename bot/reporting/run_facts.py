"""
What can be compared of a run: its records as facts, each of a stage, a market and an instant.

An instant is the close time of the candle that a fact belongs to. Knows nothing of journals, and nothing of what a
difference between two facts means.
"""

from collections.abc import Iterator
from enum import IntEnum
from hashlib import sha256
from typing import Final

import numpy as np
from msgspec import Struct

from bot.core.commands import CancelOrder, Decided, Deed, Observation, RequestForecast, SubmitOrder
from bot.core.events import (
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastFailed,
    ForecastReady,
    MarketRestored,
    MarketSuspended,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)

ACCOUNT: Final = ""
"""The market of what belongs to no single one."""

_DIGITS: Final = 12
"""Of a sha256, as much as a person compares."""


class Stage(IntEnum):
    """The way of a decision: each stage follows from those before it."""

    CANDLE = 0
    FEATURE = 1
    FORECAST = 2
    SIGNAL = 3
    ORDER = 4
    FILL = 5

    @property
    def label(self) -> str:
        """Its name in words."""
        return self.name.lower()


class Fact(Struct, frozen=True):
    """One value of a run; several of one stage, market and instant are told apart by their order."""

    stage: Stage
    symbol: str
    instant_ms: int
    value: Struct


class Standing(Struct, frozen=True):
    """Whether a market's data can be trusted; `suspended` is why not, empty where it can."""

    suspended: str


class NoForecast(Struct, frozen=True):
    """The model could not answer."""

    reason: str


class Fate(Struct, frozen=True):
    """What became of an order, fills apart."""

    client_order_id: str
    fate: str
    reason: str


class FeatureRow(Struct, frozen=True):
    """
    What a model was shown of one market: the newest row as bytes of float32, and the sha256 of all rows.

    `names` are the columns.
    """

    names: tuple[str, ...]
    newest: bytes
    rows_sha256: str

    def values(self) -> dict[str, str]:
        """Each column of the newest row, and what stands for the rows before it."""
        row = np.frombuffer(self.newest, dtype=np.float32)
        return {
            **{name: str(value) for name, value in zip(self.names, row, strict=True)},
            "window": self.rows_sha256[:_DIGITS],
        }


class FactReader:
    """
    Reads one account of a run, record by record, in order.

    Args:
        timeframe_ms: Length of a candle.
        feature_names: The columns of the windows that a model is shown.
    """

    def __init__(self, timeframe_ms: int, feature_names: tuple[str, ...]) -> None:
        self._timeframe_ms = timeframe_ms
        self._feature_names = feature_names
        self._instant_ms = -1
        self._closed_ms: dict[str, int] = {}
        self._markets: dict[str, str] = {}

    def take(  # noqa: C901, PLR0912  (one case a record)
        self, record: AnyEvent | Deed | Observation | RequestForecast
    ) -> Iterator[Fact]:
        """The facts that a record states; most state none or one."""
        match record:
            case CandleClosed():
                self._closed_ms[record.symbol] = self._now(record.at_ms)
                yield Fact(Stage.CANDLE, record.symbol, record.at_ms, record.candle)
            case Backfilled():
                # Given to both accounts alike: only the time goes on.
                for candle in record.candles[-1:]:
                    closed_ms = candle.open_time_ms + self._timeframe_ms
                    self._closed_ms[record.symbol] = max(closed_ms, self._closed_ms.get(record.symbol, -1))
            case MarketSuspended():
                yield Fact(Stage.CANDLE, record.symbol, record.at_ms, Standing(record.reason))
            case MarketRestored():
                yield Fact(Stage.CANDLE, record.symbol, record.at_ms, Standing(""))
            case RequestForecast():
                yield from self._shown(record)
            case ForecastReady():
                for forecast in record.forecasts:
                    yield Fact(Stage.FORECAST, forecast.symbol, record.close_time_ms, forecast)
            case ForecastFailed():
                yield Fact(Stage.FORECAST, ACCOUNT, record.close_time_ms, NoForecast(record.reason))
            case Decided():
                yield Fact(Stage.SIGNAL, record.symbol, record.close_time_ms, record)
            case OrderFilled():
                yield self._filled(record)
            case SubmitOrder():
                intent = record.approved.intent
                self._markets[intent.client_order_id] = intent.symbol
                yield Fact(Stage.ORDER, intent.symbol, self._instant_ms, intent)
            case CancelOrder():
                yield Fact(Stage.ORDER, record.symbol, self._instant_ms, record)
            case OrderAccepted():
                yield self._fate(record.client_order_id, "accepted", "")
            case OrderRejected():
                yield self._fate(record.client_order_id, "rejected", record.reason)
            case OrderUnknown():
                yield self._fate(record.client_order_id, "unknown", record.reason)
            case OrderCancelled():
                yield self._fate(record.client_order_id, "cancelled", record.reason)
            case _:
                # Of the process, of the clock or of the account as a whole: nothing that a market's data decides alone.
                pass

    def _now(self, instant_ms: int) -> int:
        self._instant_ms = max(self._instant_ms, instant_ms)
        return instant_ms

    def _shown(self, request: RequestForecast) -> Iterator[Fact]:
        if not request.windows.size:
            return
        for symbol, window in zip(request.symbols, request.windows, strict=True):
            row = FeatureRow(self._feature_names, window[-1].tobytes(), sha256(window.tobytes()).hexdigest())
            yield Fact(Stage.FEATURE, symbol, request.close_time_ms, row)

    def _filled(self, event: OrderFilled) -> Fact:
        symbol = event.fill.symbol
        # A fill at the open has the time of the close before it, and belongs to the candle that opens there.
        opens = event.at_ms <= self._closed_ms.get(symbol, -1)
        instant_ms = self._now(event.at_ms + self._timeframe_ms if opens else event.at_ms)
        return Fact(Stage.FILL, symbol, instant_ms, event.fill)

    def _fate(self, order_id: str, fate: str, reason: str) -> Fact:
        symbol = self._markets.get(order_id, ACCOUNT)
        return Fact(Stage.ORDER, symbol, self._instant_ms, Fate(order_id, fate, reason))
