"""
Candles, fills, instruments and whole small worlds for tests of the decision core.

Time is counted in bars of one hour: bar `n` opens `n` hours after `T0`, midnight UTC.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import AnyCommand, Backfill, CancelOrder, Deed, Notify, Observation, RequestForecast, SubmitOrder
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastFailed,
    ForecastReady,
    ModelReady,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    SessionStarted,
)
from bot.core.forecast import Forecast
from bot.core.market import DAY_MS, Candle, Costs, Instrument, Timeframe
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side
from bot.core.ports import Broker
from bot.core.window import FeatureSet
from bot.engine.engine import Engine
from bot.engine.state import EngineSettings
from bot.pump import Pump, play_instant
from bot.replay import begin_session, fire_timers
from risk.breakers import TradingState
from risk.gate import AccountView, review
from risk.limits import RiskLimits, SizingMethod, StopKind
from strategies.strategy import MarketView, Signal, Strategy

HOUR = 3_600_000
T0 = 19_700 * DAY_MS
BTC, ETH, SOL = "BTC/USDT", "ETH/USDT", "SOL/USDT"
BUDGET = Decimal(10_000)
FREE = Costs(Decimal(0), Decimal(0), Decimal(0), Decimal(0))
AMPLE = 1e15
"""A volume that no order of these tests can use up."""

_T = TypeVar("_T")


def opens(bar: int) -> int:
    """When a bar opens."""
    return T0 + bar * HOUR


def closes(bar: int) -> int:
    """When a bar closes."""
    return opens(bar + 1)


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


def bar(number: int, *prices: float, volume: float = AMPLE, filled: bool = False) -> Candle:
    """A candle of open, high, low and close, or a flat one at a single price."""
    opened, high, low, close = prices * 4 if len(prices) == 1 else prices
    return Candle(opens(number), opened, high, low, close, volume, filled)


def closed(candle: Candle, symbol: str = BTC) -> CandleClosed:
    """A candle as the event that tells of it."""
    return CandleClosed(candle.open_time_ms + HOUR, symbol, candle)


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


class Scripted(Struct, frozen=True):
    """Wants what `plan` says for each market and bar; the last level goes on. Needs no forecast."""

    plan: Mapping[str, Sequence[float]]

    @property
    def needs_forecast(self) -> bool:
        return False

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        levels = self.plan[view.symbol]
        number = (view.close_time_ms - T0) // HOUR - 1
        return Signal(levels[min(number, len(levels) - 1)], "scripted")


class FollowsForecast(Struct, frozen=True):
    """Wants the forecast's probability of a rise as its exposure."""

    @property
    def needs_forecast(self) -> bool:
        return True

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        assert forecast is not None
        return Signal(forecast.p_up, "as foreseen", forecast.expected_return * 1e4, 0.0)


def always(level: float, *symbols: str) -> Scripted:
    """Want one level, from the first bar on."""
    return Scripted(dict.fromkeys(symbols or (BTC,), (level,)))


def foreseen(symbol: str, p_up: float) -> Forecast:
    """A forecast of which only the probability matters."""
    return Forecast(symbol, p_up, 0.01, -0.01, 0.03, 0.0)


class ScriptedModel:
    """Answers from a function of market and close time, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, p_up: Callable[[str, int], float]) -> None:
        self._p_up = p_up
        self.asked: list[RequestForecast] = []

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        self.asked.append(request)
        close_ms = request.close_time_ms
        return ForecastReady(close_ms, close_ms, tuple(foreseen(s, self._p_up(s, close_ms)) for s in request.symbols))


def no_model(symbol: str, close_ms: int) -> float:
    """For strategies that never ask."""
    raise AssertionError(f"a forecast for {symbol} at {close_ms} was asked for")


def _step(state: Any, opened: float, high: float, low: float, close: float, volume: float, at: int, row: Any) -> None:
    row[0] = close / state[0] - 1.0 if state[0] else 0.0
    row[1] = volume
    state[0] = close


def two_features(warm_up: int = 2) -> FeatureSet:
    """The return since the last close, and the volume."""
    return FeatureSet("two", "0", ("return", "volume"), warm_up, _step, lambda: [0.0], lambda: [0.0, 0.0])


def engine(
    strategy: Strategy,
    *,
    markets: Sequence[Instrument] | None = None,
    risk: RiskLimits | None = None,
    features: FeatureSet | None = None,
    window: int = 1,
    budget: Decimal = BUDGET,
    unprotected_ms: int = 0,
    reconcile_ms: int = 0,
) -> Engine:
    """An engine of hourly candles that has seen nothing yet."""
    settings = EngineSettings(
        timeframe=Timeframe.H1,
        limits=risk or limits(),
        window_length=window,
        forecast_deadline_ms=5_000,
        batch_deadline_ms=10_000,
        id_prefix="run00000",
        unprotected_ms=unprotected_ms,
        reconcile_ms=reconcile_ms,
    )
    return Engine(markets or [instrument()], settings, strategy, features, budget)


class MemoryJournal:
    """
    Keeps every record: one step for each event with what followed from it at once.

    `rests` are the numbers of steps after which nothing more followed, where a real journal may close a block.
    """

    def __init__(self) -> None:
        self.steps: list[list[AnyEvent | Deed | Observation]] = []
        self.rests: list[int] = [0]
        self.snapshots: list[bytes] = []
        self.commits = 0

    def append(self, event: AnyEvent) -> None:
        self.steps.append([event])

    def record(self, deed: Deed) -> None:
        self.steps[-1].append(deed)

    def observe(self, observation: Observation) -> None:
        self.steps[-1].append(observation)

    def step_done(self) -> None:
        self.rests.append(len(self.steps))

    def keep(self) -> None:
        pass

    def commit(self) -> None:
        self.commits += 1

    def snapshot(self, state: bytes) -> None:
        self.snapshots.append(state)

    @property
    def event_count(self) -> int:
        return len(self.steps)

    @property
    def records(self) -> list[AnyEvent | Deed | Observation]:
        return [record for step in self.steps for record in step]

    def of(self, kind: type[_T]) -> list[_T]:
        return [record for record in self.records if isinstance(record, kind)]


class World:
    """
    An engine with a paper broker, a scripted model and candles that history knows.

    `history` are the candles of each market by opening time; what is played is added to it.
    """

    def __init__(
        self,
        core: Engine,
        *,
        markets: Sequence[Instrument] | None = None,
        p_up: Callable[[str, int], float] = no_model,
        budget: Decimal = BUDGET,
        participation: str = "1",
        broker: Broker | None = None,
    ) -> None:
        self.engine = core
        self.markets = markets or [instrument()]
        by_symbol = {one.symbol: one for one in self.markets}
        self.paper = PaperBroker(by_symbol, budget, Decimal(participation))
        self.journal = MemoryJournal()
        self.model = ScriptedModel(p_up)
        self.history: dict[str, dict[int, Candle]] = {symbol: {} for symbol in by_symbol}
        self.pump = Pump(
            core,
            self.journal,
            broker or self.paper,
            self.model,
            backfill=self._backfill,
            measures_latency=False,
        )

    def play(self, *instants: Candle | Mapping[str, Candle]) -> "World":
        """Play one instant after the other; a bare candle is the first market's."""
        for instant in instants:
            candles = {self.markets[0].symbol: instant} if isinstance(instant, Candle) else instant
            events = [closed(candles[one.symbol], one.symbol) for one in self.markets if one.symbol in candles]
            self.meet(events)
        return self

    def meet(self, events: Sequence[CandleClosed]) -> None:
        """Play these candles of one instant, in this order."""
        fire_timers(self.pump, events[0].at_ms)
        for event in events:
            self.history[event.symbol][event.candle.open_time_ms] = event.candle
        play_instant(self.pump, self.paper, events)

    def feed(self, *events: AnyEvent) -> "World":
        """Feed events past the broker."""
        for event in events:
            self.pump.feed(event)
        return self

    def fills(self, symbol: str = BTC) -> list[Fill]:
        """Executions in a market, in order."""
        return [event.fill for event in self.journal.of(OrderFilled) if event.fill.symbol == symbol]

    def submitted(self, symbol: str = BTC) -> list[Intent]:
        """Orders that left for the broker, in order."""
        intents = [command.approved.intent for command in self.journal.of(SubmitOrder)]
        return [one for one in intents if one.symbol == symbol]

    def held(self, symbol: str = BTC) -> Decimal:
        """What is held of a market."""
        return self.engine.state.portfolio.position(symbol).quantity

    def resting_stop(self, symbol: str = BTC) -> Intent | None:
        """The stop that the venue holds."""
        stop_id = self.engine.state.markets[symbol].stop_id
        return self.engine.state.orders[stop_id].intent if stop_id else None

    def codes(self) -> list[str]:
        """What the operator was told, as codes."""
        return [told.code for told in self.journal.of(Notify)]

    def _backfill(self, request: Backfill) -> list[Backfilled]:
        known = self.history[request.symbol]
        span = range(request.from_ms, request.to_ms, HOUR)
        candles = tuple(known[at_ms] for at_ms in span if at_ms in known)
        return [Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, candles)]


def started(
    strategy: Strategy,
    *,
    markets: Sequence[Instrument] | None = None,
    risk: RiskLimits | None = None,
    features: FeatureSet | None = None,
    window: int = 1,
    participation: str = "1",
    budget: Decimal = BUDGET,
    p_up: Callable[[str, int], float] = no_model,
) -> World:
    """A world whose session has begun at `T0`, with everything proven."""
    core = engine(strategy, markets=markets, risk=risk, features=features, window=window, budget=budget)
    world = World(core, markets=markets, p_up=p_up, participation=participation, budget=budget)
    begin_session(world.pump, T0, "scripted" if strategy.needs_forecast else None)
    return world


def deeds(commands: Iterable[AnyCommand]) -> list[Deed]:
    """What leaves for the broker."""
    return [command for command in commands if isinstance(command, (SubmitOrder, CancelOrder))]


def random_walk(seed: int, bars: int, *, start: float = 100.0, swing: float = 0.03) -> Iterator[Candle]:
    """Candles that a market may have had, a function of `seed`."""
    rng = np.random.default_rng(seed)
    price = start
    for number in range(bars):
        opened = round(price * (1.0 + swing * 0.2 * rng.standard_normal()), 2)
        close = round(opened * (1.0 + swing * float(rng.standard_normal())), 2)
        close = max(close, 1.0)
        high = round(max(opened, close) * (1.0 + swing * abs(rng.standard_normal()) / 2), 2)
        low = round(min(opened, close) * (1.0 - swing * abs(rng.standard_normal()) / 2), 2)
        yield bar(number, opened, max(high, opened, close), max(min(low, opened, close), 0.01), close, volume=50.0)
        price = close


class Driver:
    """An engine whose venue is played by the test: every event is fed by hand, every command looked at."""

    def __init__(self, core: Engine, *, bundle: str = "") -> None:
        self.engine = core
        self.commands: list[AnyCommand] = []
        self.feed(SessionStarted(T0))
        for symbol in core.state.markets:
            self.feed(Backfilled(T0, symbol, 0, T0, ()))
        self.feed(AccountReconciled(T0))
        if bundle:
            self.feed(ModelReady(T0, bundle))

    def feed(self, *events: AnyEvent) -> list[AnyCommand]:
        """Feed events; return what the last one caused."""
        new: list[AnyCommand] = []
        for event in events:
            new = self.engine.process(event)
            self.commands += new
        return new

    def close(self, candle: Candle, symbol: str = BTC) -> list[AnyCommand]:
        """Close a candle."""
        return self.feed(closed(candle, symbol))

    def filled(
        self,
        wish: Intent,
        price: str,
        quantity: str | None = None,
        *,
        trade_id: str = "",
        fee: str = "0",
        fee_asset: str = "USDT",
    ) -> list[AnyCommand]:
        """Execute an order, wholly unless a quantity is given."""
        done = fill(
            wish.side,
            quantity or str(wish.quantity),
            price,
            fee=fee,
            fee_asset=fee_asset,
            order_id=wish.client_order_id,
            trade_id=trade_id or f"{wish.client_order_id}-{price}-{quantity}",
            symbol=wish.symbol,
        )
        return self.feed(OrderFilled(self.engine.time_ms, done))

    def cancelled(self, order_id: str) -> list[AnyCommand]:
        """Answer a cancel."""
        return self.feed(OrderCancelled(self.engine.time_ms, order_id, "cancelled"))

    def rejected(self, order_id: str) -> list[AnyCommand]:
        """Refuse an order."""
        return self.feed(OrderRejected(self.engine.time_ms, order_id, "no"))

    def held(self, symbol: str = BTC) -> Decimal:
        """What is held of a market."""
        return self.engine.state.portfolio.position(symbol).quantity


def state_of(core: Engine) -> TradingState:
    """What may be traded now."""
    return core.trading_state


def submits(commands: Iterable[AnyCommand]) -> list[Intent]:
    """Orders that leave for the broker."""
    return [command.approved.intent for command in commands if isinstance(command, SubmitOrder)]


def cancels(commands: Iterable[AnyCommand]) -> list[str]:
    """Orders that are asked back."""
    return [command.client_order_id for command in commands if isinstance(command, CancelOrder)]
