"""Whatever has happened to an engine, it can say how it stands, and what it says is so."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from io import StringIO

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bot.core.commands import Decided
from bot.core.errors import DataError
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    AnyEvent,
    Backfilled,
    EpochBegan,
    Flatten,
    ForecastFailed,
    ForecastReady,
    Halt,
    MarketBarred,
    MarketRestored,
    MarketSuspended,
    ModelReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PriceUpdated,
    Resume,
    SessionStarted,
    TimerFired,
)
from bot.core.status import EngineStatus
from bot.engine.engine import Engine
from bot.reporting.status_text import print_status
from tests.engine_driver import Driver
from tests.engine_world import engine
from tests.hourly_bars import BTC, ETH, bar, closed
from tests.made_orders import fill, instrument, limits
from tests.scripted_strategies import FollowsForecast, foreseen, two_features

MARKETS = [instrument(BTC), instrument(ETH)]
RISK = limits(fraction=0.4, stop_distance_frac=0.05, cooldown_candles=1, daily_loss_frac=0.2, drawdown_frac=0.3)
SYMBOLS = (BTC, ETH)
PRICES = st.floats(80.0, 120.0).map(lambda price: round(price, 2))
LOT = Decimal("0.001")

Happening = Callable[["Life"], Iterable[AnyEvent]]


class Life:
    """An engine, what it decided last, and the orders that somebody may still answer."""

    def __init__(self) -> None:
        self.engine = new_engine()
        self.driver = Driver(self.engine, bundle="model")
        self.hour = -1
        self.trades = 0

    @property
    def now_ms(self) -> int:
        return self.engine.time_ms

    @property
    def decisions(self) -> dict[str, Decided]:
        return {row.symbol: row for row in self.driver.commands if isinstance(row, Decided)}

    def an_order(self, place: int) -> str:
        """Some order that has not ended; one of nobody where there is none."""
        orders = list(self.engine.state.orders)
        return orders[place % len(orders)] if orders else "run00000zzz"

    def live(self, happening: Happening) -> bool:
        """Let something happen; whether the engine bore it."""
        try:
            for event in happening(self):
                self.driver.feed(event)
        except DataError:
            return False  # a venue that sells what was never there ends a session: another test's matter
        return True

    def look(self) -> EngineStatus:
        return self.engine.status(self.decisions)


def new_engine() -> Engine:
    return engine(FollowsForecast(), markets=MARKETS, risk=RISK, features=two_features(0), window=1)


@st.composite
def candles(draw: st.DrawFn) -> Happening:
    """One candle later, mostly for both markets and with forecasts; now and then with a hole before it."""
    prices, gap = draw(st.tuples(PRICES, PRICES)), draw(st.sampled_from([0] * 19 + [2, 9]))
    which = draw(st.sampled_from([SYMBOLS] * 8 + [SYMBOLS[:1], SYMBOLS[1:]]))
    p_up = draw(st.sampled_from([1.0, 1.0, 0.0, 0.5, float("nan"), None]))

    def close(life: Life) -> Iterator[AnyEvent]:
        life.hour += 1 + gap
        for symbol, price in zip(SYMBOLS, prices, strict=True):
            if symbol in which:
                yield closed(bar(life.hour, price), symbol)
        state = life.engine.state
        if p_up is not None and state.awaiting:
            found = tuple(foreseen(symbol, p_up) for symbol in state.awaiting)
            yield ForecastReady(state.time_ms, state.awaiting_ms, found)

    return close


@st.composite
def answers(draw: st.DrawFn) -> Happening:
    """Something that a venue says of an order."""
    place, part, price = draw(st.integers(0, 5)), draw(st.sampled_from([1, 1, 2, 3])), draw(PRICES)
    fates: list[Callable[[int, str, str], AnyEvent]] = [OrderAccepted, OrderAccepted, OrderCancelled, OrderRejected]
    fate = draw(st.sampled_from([*fates, OrderUnknown, None, None, None, None, None]))

    def answer(life: Life) -> Iterator[AnyEvent]:
        order_id = life.an_order(place)
        order = life.engine.state.orders.get(order_id)
        if fate is not None:
            yield fate(life.now_ms, order_id, "words")
        elif order is not None:
            life.trades += 1
            quantity = max((order.remaining / part).quantize(LOT), LOT)
            intent = order.intent
            yield OrderFilled(
                life.now_ms,
                fill(
                    intent.side,
                    str(quantity),
                    str(price),
                    order_id=order_id,
                    trade_id=f"t{life.trades}",
                    symbol=intent.symbol,
                ),
            )

    return answer


def history(life: Life) -> Iterator[AnyEvent]:
    """History has nothing for what it was asked."""
    for market in life.engine.state.markets.values():
        if market.asked is not None:
            yield Backfilled(life.now_ms, market.symbol, *market.asked, ())


def said(*kinds: Callable[[int], AnyEvent]) -> Happening:
    """Events that need nothing but a time."""
    return lambda life: [kind(life.now_ms) for kind in kinds]


def proven(at_ms: int) -> AnyEvent:
    return AccountReconciled(at_ms, {"BNB": Decimal(1)})


rare = st.sampled_from(
    [
        history,
        history,
        said(SessionStarted),
        said(SessionStarted, proven, lambda at: ModelReady(at, "model")),
        said(lambda at: AccountDrifted(at, "a fill is missing")),
        said(proven),
        said(lambda at: EpochBegan(at, "reset")),
        said(lambda at: Halt(at, "lunch")),
        said(lambda at: Resume(at, "back")),
        said(lambda at: Resume(at, "back")),
        said(lambda at: Flatten(at, "enough")),
        said(lambda at: MarketSuspended(at, BTC, "silent")),
        said(lambda at: MarketRestored(at, BTC)),
        said(lambda at: MarketBarred(at, ETH, "halted there")),
        said(lambda at: MarketBarred(at, ETH, "")),
        said(lambda at: PriceUpdated(at, BTC, 0.01, 0.02, 0.01)),
        said(lambda at: PriceUpdated(at, ETH, 1e9, 1e9, 1e9)),
        said(lambda at: TimerFired(at + 10_000, "instant")),
        lambda life: [ForecastFailed(life.now_ms, life.engine.state.awaiting_ms, "no answer")],
    ]
)
lives = st.lists(st.one_of(candles(), candles(), answers(), answers(), answers(), rare), min_size=5, max_size=40)


@settings(max_examples=100)
@given(lives)
def test_an_engine_can_always_say_how_it_stands(happenings: list[Happening]) -> None:
    life = Life()
    for happening in happenings:
        if not life.live(happening):
            break
        status, state = life.look(), life.engine.state
        assert msgspec.json.decode(msgspec.json.encode(status), type=EngineStatus) == status
        assert status.state == life.engine.trading_state
        assert all(market.why for market in status.markets)
        assert {market.symbol for market in status.markets if market.holding} == set(state.portfolio.positions)
        assert {order.client_order_id for market in status.markets for order in market.orders} == set(state.orders)
    print_status(life.look(), 0, 0, Console(file=StringIO(), width=80))


@settings(max_examples=50)
@given(lives)
def test_a_restart_from_a_snapshot_says_the_same(happenings: list[Happening]) -> None:
    life = Life()
    for happening in happenings:
        if not life.live(happening):
            return
    again = new_engine()
    again.load(life.engine.save())
    assert again.status(life.decisions) == life.look()
