"""Records for the tests of the journal: one of each kind that a run writes."""

from decimal import Decimal

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
from bot.core.forecast import Doubt, Forecast
from bot.core.market import Candle, Costs, Instrument
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side
from bot.core.ports import Record

HOUR_MS = 3_600_000
SYMBOL = "BTC/USDT"

BITCOIN = Instrument(
    symbol=SYMBOL,
    tick_size=Decimal("0.01"),
    lot_step=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    min_notional=Decimal(5),
    costs=Costs(),
    signal_venue="binance",
    execution_venue="paper",
)

HEADER = RunStarted(
    at_ms=0,
    run_id="a1b2c3",
    code_version="1.2.3",
    fingerprints={"settings": "5" * 64, "bundle": "6" * 64},
    settings={"timeframe": "1h"},
    instruments=(BITCOIN,),
    timeframe="1h",
    budget=Decimal(10_000),
)


def candle(hour: int) -> Candle:
    price = 100.0 + hour % 7
    return Candle(hour * HOUR_MS, price, price + 1.5, price - 1.25, price + 0.5, 12.75)


def closed(hour: int) -> CandleClosed:
    return CandleClosed((hour + 1) * HOUR_MS, SYMBOL, candle(hour))


def forecast(hour: int, latency_ms: float = 0.0) -> ForecastReady:
    close_ms = (hour + 1) * HOUR_MS
    return ForecastReady(close_ms, close_ms, (Forecast(SYMBOL, 0.51, 0.001, -0.02, 0.02, 10.0),), latency_ms)


def decided(hour: int) -> Decided:
    return Decided((hour + 1) * HOUR_MS, SYMBOL, 0.5, 0.25, 0.0, Verdict.HOLD, "nothing to do", 10.0, 24.0)


def marked(hour: int) -> Marked:
    return Marked((hour + 1) * HOUR_MS, 10_000.5, 9_000.25, 0.1)


def submitted(number: int) -> SubmitOrder:
    intent = Intent(
        client_order_id=f"a1b2c3{number}",
        symbol=SYMBOL,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal("0.125"),
        purpose=Purpose.ENTRY,
        decided_ms=number * HOUR_MS,
        limit_price=Decimal("100.25"),
    )
    return SubmitOrder(Approved(intent))


def filled(number: int) -> OrderFilled:
    fill = Fill(
        client_order_id=f"a1b2c3{number}",
        trade_id=f"t{number}",
        symbol=SYMBOL,
        side=Side.BUY,
        quantity=Decimal("0.125"),
        price=Decimal("100.25"),
        fee=Decimal("0.01253125"),
        fee_asset="USDT",
        reference_price=Decimal("100.20"),
        spread_cost=Decimal("0.00625"),
    )
    return OrderFilled(number * HOUR_MS, fill)


EVENTS: tuple[AnyEvent, ...] = (
    SessionStarted(1),
    ModelReady(2, "model@0123456789ab"),
    AccountReconciled(3, {"BNB": Decimal("0.25")}),
    AccountDrifted(3, "0.5 BTC are missing"),
    EpochBegan(3, "nothing of ours is known there"),
    SettingsChanged(4, {"settings": "7" * 64}, {"timeframe": "1h"}),
    Backfilled(5, SYMBOL, 0, 3 * HOUR_MS, (candle(0), candle(1), candle(2))),
    closed(3),
    forecast(3, latency_ms=0.75),
    ForecastFailed(6, 6, "no answer"),
    PriceUpdated(7, SYMBOL, 99.5, 100.5, 100.0),
    MarketSuspended(8, SYMBOL, "silent"),
    MarketRestored(9, SYMBOL),
    MarketBarred(9, SYMBOL, "the venue has halted it"),
    OrderAccepted(10, "a1b2c31", "v1"),
    OrderRejected(11, "a1b2c32", "too small"),
    OrderUnknown(12, "a1b2c33", "timed out"),
    filled(1),
    OrderCancelled(13, "a1b2c34", "expired"),
    TimerFired(14, "batch"),
    Halt(15, "lunch"),
    Resume(16, "after lunch"),
    Flatten(17, "enough"),
    ModelDoubted(17, SYMBOL, Doubt.CUT, "it was right too seldom"),
    BoundsChanged(18, SYMBOL, Decimal("0.1"), Decimal(120)),
    HoldingShort(18, SYMBOL, Decimal("0.5"), "the account has less to sell"),
)
DEEDS: tuple[Deed, ...] = (submitted(1), CancelOrder("a1b2c31", SYMBOL))
OBSERVATIONS: tuple[Observation, ...] = (
    decided(3),
    marked(3),
    BreakerTripped(17, "drawdown", "lost 20 %"),
    Notify(18, "stopped", "the run was stopped"),
)


def keep(journal: Record, command: Deed | Observation) -> None:
    if isinstance(command, SubmitOrder | CancelOrder):
        journal.record(command)
    else:
        journal.observe(command)
