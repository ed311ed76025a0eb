"""Whatever the market does: the books balance, nothing is left bare, and arrival decides nothing."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.commands import Decided, Marked, SubmitOrder
from bot.core.events import OrderFilled, TimerFired
from bot.core.market import Candle, Costs
from bot.core.orders import OrderType, Side
from tests.engine_driver import Driver, submits
from tests.engine_world import World, engine, started
from tests.hourly_bars import BTC, ETH, SOL, bar, closed, closes
from tests.made_orders import BUDGET, instrument, limits
from tests.scripted_strategies import Scripted

SYMBOLS = (BTC, ETH, SOL)
COSTS = Costs(Decimal(10), Decimal(10), Decimal(1), Decimal(2))
MARKETS = [instrument(symbol, costs=COSTS) for symbol in SYMBOLS]
RISK = limits(
    fraction=0.6,
    rebalance_band_frac=0.1,
    stop_distance_frac=0.05,
    cooldown_candles=1,
    daily_loss_frac=0.2,
    drawdown_frac=0.3,
)

moves = st.floats(min_value=-0.12, max_value=0.12)
shapes = st.tuples(moves, moves, st.floats(0.0, 0.1), st.floats(0.0, 0.1), st.sampled_from([0.0, 3.0, 40.0, 1e6]))
levels = st.sampled_from([0.0, 0.0, 0.5, 1.0])
BARS = 12


@st.composite
def paths(draw: st.DrawFn) -> list[Candle]:
    price, candles = 100.0, []
    for number, (gap, move, up, down, volume) in enumerate(draw(st.lists(shapes, min_size=BARS, max_size=BARS))):
        opened = round(price * (1.0 + gap * 0.3), 2)
        close = round(opened * (1.0 + move), 2)
        high, low = round(max(opened, close) * (1.0 + up), 2), round(min(opened, close) * (1.0 - down), 2)
        candles.append(bar(number, opened, high, low, close, volume=volume))
        price = close
    return candles


plans = st.fixed_dictionaries({symbol: st.lists(levels, min_size=BARS, max_size=BARS) for symbol in SYMBOLS})
markets = st.fixed_dictionaries({symbol: paths() for symbol in SYMBOLS})


def played(plan: dict[str, list[float]], candles: dict[str, list[Candle]], bars: int = BARS) -> World:
    world = started(Scripted(plan), markets=MARKETS, risk=RISK)
    return world.play(*({symbol: candles[symbol][number] for symbol in SYMBOLS} for number in range(bars)))


@settings(max_examples=60)
@given(plans, markets)
def test_the_engines_books_are_the_brokers_books(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]]
) -> None:
    """Invariant 11: both add up the same fills, to the last unit."""
    world = played(plan, candles)
    ours, theirs = world.engine.state.portfolio, world.paper._account
    assert ours.cash == theirs.cash
    assert {s: p.quantity for s, p in ours.positions.items()} == {s: p.quantity for s, p in theirs.positions.items()}
    spent = sum(
        ((f.price * f.quantity if f.side is Side.BUY else -f.price * f.quantity) + f.fee)
        for f in (event.fill for event in world.journal.of(OrderFilled))
    )
    assert ours.cash == BUDGET - spent
    assert ours.cash >= 0


@settings(max_examples=60)
@given(plans, markets)
def test_marks_are_derived_from_the_books_and_never_fed_back(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]]
) -> None:
    """Invariant 11: equity is cash and holdings at the last closes."""
    world = played(plan, candles)
    mark = world.journal.of(Marked)[-1]
    portfolio = world.engine.state.portfolio
    assert isinstance(portfolio.cash, Decimal)
    worth = float(portfolio.cash) + sum(
        float(position.quantity) * candles[symbol][-1].close for symbol, position in portfolio.positions.items()
    )
    assert abs(mark.equity - worth) <= 1e-9 * worth
    assert mark.cash == float(portfolio.cash)


@settings(max_examples=60)
@given(plans, markets, st.integers(1, BARS))
def test_after_every_instant_what_is_held_is_protected_or_on_its_way_out(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]], bars: int
) -> None:
    world = played(plan, candles, bars)
    state = world.engine.state
    for symbol, position in state.portfolio.positions.items():
        market = state.markets[symbol]
        leaving = market.exit_id or market.pending_exit is not None
        dust = float(position.quantity) * market.mark < float(MARKETS[0].min_notional)
        if leaving or dust:
            continue
        stop = state.orders[market.stop_id]
        assert stop.intent.type is OrderType.STOP
        assert stop.remaining == position.quantity
        assert stop.intent.stop_price is not None


@settings(max_examples=60)
@given(plans, markets)
def test_no_order_is_forgotten_and_no_id_used_twice(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]]
) -> None:
    """Invariant 7."""
    world = played(plan, candles)
    state = world.engine.state
    known = {market.entry_id for market in state.markets.values()} | {m.exit_id for m in state.markets.values()}
    known |= {market.stop_id for market in state.markets.values()}
    assert set(state.orders) == known - {""}
    working = {order_id for orders in world.paper._working.values() for order_id in orders}
    assert working == set(state.orders)
    ids = [command.approved.intent.client_order_id for command in world.journal.of(SubmitOrder)]
    assert len(ids) == len(set(ids))
    assert state.unanswered == {}


@settings(max_examples=60)
@given(plans, markets, st.lists(st.permutations(SYMBOLS), min_size=BARS, max_size=BARS))
def test_arrival_within_an_instant_changes_no_order_and_no_decision(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]], arrivals: Sequence[Sequence[str]]
) -> None:
    """Invariant 5: arrival order never decides who gets the cash."""
    usual = played(plan, candles)
    other = started(Scripted(plan), markets=MARKETS, risk=RISK)
    for number, arrival in enumerate(arrivals):
        together = [closed(candles[symbol][number], symbol) for symbol in SYMBOLS]
        if other.paper.is_met(together):
            for event in other.paper.trade(together):
                other.pump.feed(event)
        for symbol in arrival:
            other.pump.feed(closed(candles[symbol][number], symbol))
    assert other.journal.of(SubmitOrder) == usual.journal.of(SubmitOrder)
    assert other.journal.of(Decided) == usual.journal.of(Decided)


@settings(max_examples=60)
@given(plans, markets, st.integers(0, BARS - 2), st.sampled_from(SYMBOLS))
def test_a_late_market_is_never_entered_in_the_instant_that_it_missed(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]], late: int, missing: str
) -> None:
    """Invariant 5."""
    driver = Driver(engine(Scripted(plan), markets=MARKETS, risk=RISK))
    for number in range(late + 1):
        for symbol in SYMBOLS:
            if (number, symbol) != (late, missing):
                driver.close(candles[symbol][number], symbol)
    driver.feed(TimerFired(closes(late) + 10_000, "instant"))
    assert submits(driver.close(candles[missing][late], missing)) == []


@settings(max_examples=40)
@given(plans, markets, st.integers(1, BARS - 1), st.floats(0.5, 2.0))
def test_what_comes_later_changes_nothing_of_what_was_decided(
    plan: dict[str, list[float]], candles: dict[str, list[Candle]], bars: int, factor: float
) -> None:
    """Causality: all candles after a close are changed, and not one record up to it."""
    other = {
        symbol: [
            one
            if number < bars
            else bar(number, *(price * factor for price in (one.open, one.high, one.low, one.close)), volume=9.0)
            for number, one in enumerate(path)
        ]
        for symbol, path in candles.items()
    }
    before = played(plan, candles, bars).journal.records
    assert played(plan, candles).journal.records[: len(before)] == before
    assert played(plan, other).journal.records[: len(before)] == before
