"""
Order entry: a wish is written down, shown to risk with the account as it stands, and handed over.

The one place that makes client order ids, and the one that submits.
"""

from decimal import Decimal
from typing import Final

from bot.core.commands import AnyCommand, CancelOrder, SubmitOrder
from bot.core.market import DAY_MS, Instrument
from bot.core.matching import BPS
from bot.core.orders import BUY, ZERO, Approved, Denied, Intent, Order, OrderType, Purpose, Side
from bot.core.portfolio import FLAT
from bot.engine.books import Books
from bot.engine.state import EngineSettings, EngineState, MarketState
from risk.account_view import AccountView
from risk.breakers import TradingState
from risk.gate import review
from risk.stops import stop_price

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class OrderEntry:
    """Makes intents, has them reviewed, and submits what is approved. `trading_state` is what may be traded now."""

    def __init__(
        self, state: EngineState, settings: EngineSettings, instruments: dict[str, Instrument], books: Books
    ) -> None:
        self._state = state
        self._limits = settings.limits
        self._id_prefix = settings.id_prefix
        self._instruments = instruments
        self._books = books
        self._timeframe_ms = settings.timeframe.ms
        self.trading_state = TradingState.HALTED
        self.state_reason = ""

    def intent(
        self,
        market: MarketState,
        side: Side,
        kind: OrderType,
        quantity: Decimal,
        purpose: Purpose,
        stop: Decimal | None = None,
    ) -> Intent:
        """Write a wish down, decided now, under an id that no other wish of the run has."""
        state = self._state
        state.sequence += 1
        order_id = self._id_prefix + _base36(state.sequence)
        return Intent(order_id, market.symbol, side, kind, quantity, purpose, state.time_ms, stop_price=stop)

    def review(self, market: MarketState, intent: Intent, released: str = "") -> Approved | Denied:
        """Show an intent to risk. `released` is the order that will be gone before it gets there."""
        state, books = self._state, self._books
        symbol = market.symbol
        position = state.portfolio.positions.get(symbol, FLAT).quantity
        selling = reserved_here = reserved = ZERO
        for order_id, order in state.orders.items():
            if order.intent.side is BUY:
                cash = self._cash_for(order)
                reserved += cash
                reserved_here += cash if order.intent.symbol == symbol else ZERO
            elif order.intent.symbol == symbol and order_id != released:
                selling += order.remaining
        stopped_ms = market.stopped_ms
        equity = books.equity()
        view = AccountView(
            state=self.trading_state,
            state_reason=self.state_reason,
            equity=equity,
            available_cash=state.portfolio.cash - reserved,
            position=position,
            sellable=position - selling,
            position_notional=books.held.get(symbol, 0.0) * market.mark + float(reserved_here),
            exposure_notional=equity - books.cash + float(reserved),
            price=market.mark,
            least=market.least,
            most=market.most,
            market_problem=market.against_entries or None,
            protective_stop=self._stop_of(market) if intent.side is BUY else None,
            candles_since_stop=None if stopped_ms < 0 else (state.instant_ms - stopped_ms) // self._timeframe_ms,
            orders_today=state.orders_today if state.orders_day == state.time_ms // DAY_MS else 0,
        )
        return review(intent, self._instruments[symbol], view, self._limits)

    def _stop_of(self, market: MarketState) -> Decimal:
        # Where the stop of what is bought now will rest, or is resting already.
        instrument = self._instruments[market.symbol]
        price = stop_price(self._limits, market.mark, market.atr)
        return market.stop_price or max(instrument.quantize_price(price, up=False), instrument.tick_size)

    def _cash_for(self, order: Order) -> Decimal:
        # What a working buy may still take, at the worse of its limit and the market, with all costs.
        costs = self._instruments[order.intent.symbol].costs
        mark = Decimal(repr(self._state.markets[order.intent.symbol].mark))
        price = max(order.intent.limit_price or ZERO, mark)
        extra = costs.taker_fee_bps + costs.half_spread_bps + costs.slippage_bps
        return order.remaining * price * (1 + extra / BPS)

    def submit(self, approved: Approved, out: list[AnyCommand]) -> None:
        """Hand an approved intent over."""
        command = SubmitOrder(approved)
        self._books.submitted(command)
        out.append(command)

    def cancel(self, order_id: str, symbol: str, out: list[AnyCommand]) -> None:
        """Ask for an order back, once."""
        command = CancelOrder(order_id, symbol)
        if self._books.cancel_asked(command):
            out.append(command)

    def count_entry(self) -> None:
        """Count an entry towards the day's limit."""
        day = self._state.time_ms // DAY_MS
        self._state.orders_today = self._state.orders_today + 1 if day == self._state.orders_day else 1
        self._state.orders_day = day


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits
