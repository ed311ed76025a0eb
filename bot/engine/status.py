"""
The engine as a person asks about it: one frozen picture, made of plain values.

Only reads. Knows no socket, screen or time of day: the time is the newest that the engine has heard of.
"""

from collections.abc import Mapping
from typing import Final

from bot.core.commands import CancelOrder, Decided, SubmitOrder
from bot.core.market import DAY_MS, Instrument
from bot.core.orders import ZERO, Order, OrderStatus
from bot.core.status import (
    BreakerStatus,
    DecisionView,
    EngineStatus,
    HoldingView,
    MarketStatus,
    OrderView,
    Protection,
)
from bot.core.window import Window
from bot.engine.entry import OrderEntry
from bot.engine.explanation import Reasons, explain
from bot.engine.state import EngineSettings, EngineState, MarketState

_PROTECTION: Final = {
    OrderStatus.SUBMITTED: Protection.SENT,
    OrderStatus.UNKNOWN: Protection.UNKNOWN,
    OrderStatus.ACCEPTED: Protection.RESTS,
    OrderStatus.PARTIALLY_FILLED: Protection.RESTS,
}


class StatusView:
    """
    Takes pictures of one engine.

    Args:
        state: What it knows.
        settings: What it was told once.
        instruments: Its markets, in its order.
        windows: How far each of them has come.
        entry: What may be traded, and why.
    """

    def __init__(
        self,
        state: EngineState,
        settings: EngineSettings,
        instruments: Mapping[str, Instrument],
        windows: Mapping[str, Window],
        entry: OrderEntry,
    ) -> None:
        self._state = state
        self._limits = settings.limits
        self._timeframe_ms = settings.timeframe.ms
        self._instruments = instruments
        self._windows = windows
        self._entry = entry

    def look(self, decisions: Mapping[str, Decided]) -> EngineStatus:
        """
        Say how the engine stands.

        Args:
            decisions: The last decision of each market that has one.
        """
        state = self._state
        asked_back = {one.client_order_id for one in state.unanswered.values() if isinstance(one, CancelOrder)}
        orders: dict[str, list[Order]] = {}
        for order in state.orders.values():
            orders.setdefault(order.intent.symbol, []).append(order)
        cash, equity = float(state.portfolio.cash), self._equity()
        return EngineStatus(
            time_ms=state.time_ms,
            state=str(self._entry.trading_state),
            reason=self._entry.state_reason,
            operator_halt=state.operator_halt,
            flattening=state.flattening,
            breakers=self._breakers(equity),
            equity=equity,
            cash=state.portfolio.cash,
            exposure_frac=(equity - cash) / equity if equity else 0.0,
            orders_today=state.orders_today if state.orders_day == state.time_ms // DAY_MS else 0,
            orders_allowed=self._limits.max_orders_per_day,
            unknown=tuple(i for i, order in state.orders.items() if order.status is OrderStatus.UNKNOWN),
            unanswered=tuple(_words_of(deed) for deed in state.unanswered.values()),
            forecasts_dropped=state.forecasts_dropped,
            foreign=dict(state.foreign),
            markets=tuple(
                self._market(market, decisions.get(symbol), orders.get(symbol, []), asked_back)
                for symbol, market in state.markets.items()
            ),
        )

    def _equity(self) -> float:
        state = self._state
        held = state.portfolio.positions.items()
        return float(state.portfolio.cash) + sum(float(one.quantity) * state.markets[s].mark for s, one in held)

    def _breakers(self, equity: float) -> tuple[BreakerStatus, ...]:
        breakers, limits = self._state.breakers, self._limits
        return (
            _breaker(
                "daily loss", breakers.day_start_equity, equity, limits.daily_loss_frac, tripped=breakers.daily_tripped
            ),
            _breaker("drawdown", breakers.peak_equity, equity, limits.drawdown_frac, tripped=breakers.drawdown_tripped),
        )

    def _market(
        self, market: MarketState, decided: Decided | None, orders: list[Order], asked_back: set[str]
    ) -> MarketStatus:
        symbol, last = market.symbol, market.last
        window = self._windows[symbol]
        holding = self._holding(market, asked_back)
        is_held = holding is not None and not holding.is_dust
        next_open_ms = window.next_open_ms
        return MarketStatus(
            symbol=symbol,
            why=explain(self._reasons(market, window, decided, orders, is_held=is_held)),
            last_close=None if last is None else last.close,
            last_close_ms=None if last is None else last.open_time_ms + self._timeframe_ms,
            next_close_ms=None if next_open_ms < 0 else next_open_ms + self._timeframe_ms,
            bars=window.bars,
            bars_needed=window.bars_needed,
            suspended=market.suspended,
            barred=market.barred,
            decision=None if decided is None else DecisionView.of(decided),
            holding=holding,
            orders=tuple(
                OrderView.of(order, asked_back=order.intent.client_order_id in asked_back) for order in orders
            ),
        )

    def _holding(self, market: MarketState, asked_back: set[str]) -> HoldingView | None:
        position = self._state.portfolio.positions.get(market.symbol)
        if position is None:
            return None
        value = float(position.quantity) * market.mark
        there = max(position.quantity - market.missing, ZERO)
        least = max(self._instruments[market.symbol].min_quantity, market.least)
        return HoldingView(
            quantity=position.quantity,
            average_price=position.average_price,
            price=market.mark,
            value=value,
            is_dust=float(there) * market.mark < float(self._instruments[market.symbol].min_notional) or there < least,
            stop_price=market.stop_price,
            protection=self._protection(market, asked_back),
            bare_since_ms=market.bare_since_ms if market.bare_since_ms >= 0 else None,
            unprotected=market.unprotected,
        )

    def _protection(self, market: MarketState, asked_back: set[str]) -> Protection:
        stop = self._state.orders.get(market.stop_id)
        if stop is None:
            return Protection.NONE
        return Protection.LEAVING if market.stop_id in asked_back else _PROTECTION[stop.status]

    def _reasons(
        self, market: MarketState, window: Window, decided: Decided | None, orders: list[Order], *, is_held: bool
    ) -> Reasons:
        state, symbol = self._state, market.symbol
        waits = market.reported_ms == state.instant_ms and state.decided_ms < state.instant_ms
        return Reasons(
            state=str(self._entry.trading_state),
            state_reason=self._entry.state_reason,
            is_held=is_held,
            has_stop=bool(market.stop_id),
            is_sold_off=bool(state.flattening) or state.breakers.drawdown_tripped,
            data_problem=market.suspended,
            place_problem=market.barred,
            asks_history=market.asked is not None,
            bars=window.bars,
            bars_needed=window.bars_needed,
            entry=next((one for one in orders if one.intent.client_order_id == market.entry_id), None),
            exit=next((one for one in orders if one.intent.client_order_id == market.exit_id), None),
            waits_for_stop=market.pending_exit is not None,
            waits_for_others=waits,
            waits_for_forecast=symbol in state.awaiting,
            decided=decided,
        )


def _breaker(name: str, reference: float, equity: float, limit_frac: float, *, tripped: bool) -> BreakerStatus:
    fall_frac = max(1.0 - equity / reference, 0.0) if reference > 0.0 else 0.0
    return BreakerStatus(name, tripped, reference, fall_frac, limit_frac, reference * (1.0 - limit_frac))


def _words_of(deed: SubmitOrder | CancelOrder) -> str:
    if isinstance(deed, CancelOrder):
        return f"cancel {deed.client_order_id}"
    return f"submit {deed.approved.intent.client_order_id}"
