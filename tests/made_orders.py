"""Markets, limits, wishes, approvals and fills for tests of the decision core."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.core.market import Costs, Instrument
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side
from risk.account_view import AccountView
from risk.breakers import TradingState
from risk.gate import review
from risk.limits import RiskLimits, SizingMethod, StopKind
from tests.hourly_bars import BTC, T0

BUDGET = Decimal(10_000)
FREE = Costs(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def instrument(symbol: str = BTC, **changes: Any) -> Instrument:
    """A market that costs nothing to trade in, unless told otherwise."""
    plain = Instrument(
        symbol=symbol,
        tick_size=Decimal("0.01"),
        lot_step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(5),
        costs=FREE,
        signal_venue="here",
        execution_venue="here",
    )
    return replace(plain, **changes)


def limits(**changes: Any) -> RiskLimits:
    """Half of the equity, a stop 10 % below, no cool-down; breakers far away."""
    plain = RiskLimits(
        sizing=SizingMethod.FIXED_FRACTION,
        fraction=0.5,
        target_volatility=0.4,
        max_position_frac=1.0,
        max_exposure_frac=1.0,
        rebalance_band_frac=1e6,
        stop=StopKind.FIXED,
        stop_distance_frac=0.1,
        atr_multiple=2.0,
        cooldown_candles=0,
        daily_loss_frac=1.0,
        drawdown_frac=1.0,
        price_collar_frac=0.02,
        max_orders_per_day=10_000,
    )
    return replace(plain, **changes)


def intent(
    side: Side = Side.BUY,
    kind: OrderType = OrderType.MARKET,
    quantity: str = "1",
    *,
    order_id: str = "run00000a",
    symbol: str = BTC,
    limit: str | None = None,
    stop: str | None = None,
    decided_ms: int = T0,
) -> Intent:
    """A wish, with prices where the type has them."""
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.STOP if kind is OrderType.STOP else Purpose.EXIT
    return Intent(
        order_id,
        symbol,
        side,
        kind,
        Decimal(quantity),
        purpose,
        decided_ms,
        None if limit is None else Decimal(limit),
        None if stop is None else Decimal(stop),
    )


def approve(wish: Intent, market: Instrument | None = None) -> Approved:
    """Have the gate approve a wish, for an account that can afford it."""
    account = AccountView(
        state=TradingState.ACTIVE,
        state_reason="",
        equity=1e12,
        available_cash=Decimal(10**12),
        position=wish.quantity,
        sellable=wish.quantity,
        position_notional=0.0,
        exposure_notional=0.0,
        price=float(wish.limit_price or (2 * wish.stop_price if wish.stop_price else Decimal(100))),
        market_problem=None,
        candles_since_stop=None,
        orders_today=0,
    )
    answer = review(wish, market or instrument(wish.symbol), account, limits())
    assert isinstance(answer, Approved), answer.reason
    return answer


def fill(
    side: Side,
    quantity: str,
    price: str,
    *,
    fee: str = "0",
    fee_asset: str = "USDT",
    order_id: str = "run00000a",
    trade_id: str = "t1",
    symbol: str = BTC,
) -> Fill:
    """An execution at its reference price."""
    paid = Decimal(price)
    return Fill(order_id, trade_id, symbol, side, Decimal(quantity), paid, Decimal(fee), fee_asset, paid)
