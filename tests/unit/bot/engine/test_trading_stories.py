"""Whole stories on the paper market: a table of candles in, orders and fills out."""

from decimal import Decimal

import pytest

from bot.core.commands import BreakerTripped, CancelOrder, Decided, Marked, Verdict
from bot.core.events import OrderCancelled, OrderFilled
from bot.core.orders import OrderType, Purpose, Side
from risk.breakers import TradingState
from tests.engine_driver import state_of
from tests.engine_world import World, started
from tests.hourly_bars import BTC, ETH, bar, closes, opens
from tests.made_orders import instrument, limits
from tests.scripted_strategies import Scripted, always


def trades(world: World, symbol: str = BTC) -> list[tuple[str, float, float]]:
    """Side, quantity and price of every fill."""
    return [(f.side.value, float(f.quantity), float(f.price)) for f in world.fills(symbol)]


def verdicts(world: World) -> list[str]:
    return [f"{row.verdict} {row.reason}" for row in world.journal.of(Decided)]


def test_an_entry_fills_at_the_next_open_and_is_protected_at_once() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 101.0, 103.0, 99.0, 102.0))
    assert trades(world) == [("buy", 50.0, 101.0)]
    stop = world.resting_stop()
    assert stop is not None
    assert (stop.side, stop.type, stop.quantity, stop.stop_price) == (
        Side.SELL,
        OrderType.STOP,
        Decimal(50),
        Decimal("90.90"),
    )


def test_a_stop_out_is_followed_by_a_cool_down_and_then_by_a_new_entry() -> None:
    """Invariant 10: a level, not an edge: after a stop the engine enters again while it is still wanted."""
    world = started(always(1.0), risk=limits(cooldown_candles=2))
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0, 100.0, 80.0, 85.0))
    assert trades(world) == [("buy", 50.0, 100.0), ("sell", 50.0, 90.0)]
    world.play(bar(3, 85.0), bar(4, 85.0), bar(5, 86.0))
    assert [row.verdict for row in world.journal.of(Decided)][2:5] == [
        Verdict.DENIED,
        Verdict.DENIED,
        Verdict.SUBMITTED,
    ]
    assert "stopped out" in world.journal.of(Decided)[2].reason
    assert trades(world)[2:] == [("buy", 55.882, 86.0)]
    stop = world.resting_stop()
    assert stop is not None
    assert stop.stop_price == Decimal("77.40")


def test_a_stop_that_is_gapped_past_sells_at_the_open() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0), bar(2, 70.0, 95.0, 60.0, 90.0))
    assert trades(world)[1] == ("sell", 50.0, 70.0)


def test_the_stop_of_a_fresh_fill_works_in_the_same_candle() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0, 100.0, 85.0, 95.0))
    assert trades(world) == [("buy", 50.0, 100.0), ("sell", 50.0, 90.0)]
    assert world.held() == 0
    assert world.resting_stop() is None


def test_an_exit_takes_the_stop_back_before_it_sells() -> None:
    world = started(Scripted({BTC: (1.0, 1.0, 0.0)}))
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 110.0), bar(3, 111.0))
    assert trades(world)[1] == ("sell", 50.0, 111.0)
    records = world.journal.records
    exit_order = world.submitted()[-1]
    order = [
        next(i for i, one in enumerate(records) if isinstance(one, CancelOrder)),
        next(i for i, one in enumerate(records) if isinstance(one, OrderCancelled)),
        next(
            i for i, one in enumerate(records) if getattr(getattr(one, "approved", None), "intent", None) == exit_order
        ),
    ]
    assert order == sorted(order)
    assert exit_order.purpose is Purpose.EXIT
    assert world.engine.state.orders == {}


def test_only_the_difference_is_traded() -> None:
    """Invariant 10: the engine trades the difference between wanted and held."""
    plan = Scripted({BTC: (0.4, 0.4, 1.0, 1.0, 0.2, 0.2)})
    world = started(plan, risk=limits(rebalance_band_frac=0.1)).play(*(bar(n, 100.0) for n in range(6)))
    assert trades(world) == [
        ("buy", 20.0, 100.0),
        ("buy", 30.0, 100.0),
        ("sell", 40.0, 100.0),
    ]
    stop = world.resting_stop()
    assert stop is not None
    assert stop.quantity == world.held() == 10


def test_a_holding_inside_the_band_is_left_alone() -> None:
    """Invariant 10: what is held already is not bought again."""
    world = started(always(1.0), risk=limits(rebalance_band_frac=0.5)).play(*(bar(n, 100.0 + n) for n in range(9)))
    assert len(trades(world)) == 1
    assert [row.verdict for row in world.journal.of(Decided)][1:] == [Verdict.HOLD] * 8


def test_adding_to_a_holding_never_loosens_its_stop() -> None:
    plan = Scripted({BTC: (0.4, 0.4, 1.0, 1.0)})
    world = started(plan, risk=limits(rebalance_band_frac=0.1))
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 92.0), bar(3, 92.0))
    stop = world.resting_stop()
    assert stop is not None
    assert stop.stop_price == Decimal("90.00")
    assert stop.quantity == world.held()


def test_every_candle_of_every_market_has_its_row_and_every_instant_its_mark() -> None:
    markets = [instrument(BTC), instrument(ETH)]
    world = started(always(0.5, BTC, ETH), markets=markets)
    world.play(*({BTC: bar(n, 100.0), ETH: bar(n, 10.0)} for n in range(4)))
    rows = [(row.close_time_ms, row.symbol) for row in world.journal.of(Decided)]
    assert rows == [(closes(n), symbol) for n in range(4) for symbol in (BTC, ETH)]
    assert [mark.time_ms for mark in world.journal.of(Marked)] == [closes(n) for n in range(4)]


def test_the_daily_loss_stops_entries_until_the_next_utc_day() -> None:
    risk = limits(daily_loss_frac=0.04, stop_distance_frac=0.1)
    world = started(always(1.0), risk=risk)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0, 100.0, 80.0, 90.0), bar(3, 90.0))
    assert [trip.breaker for trip in world.journal.of(BreakerTripped)] == ["daily_loss"]
    assert state_of(world.engine) is TradingState.REDUCING
    assert "reducing" in verdicts(world)[-1]
    world.play(*(bar(n, 90.0) for n in range(4, 25)))
    assert state_of(world.engine) is TradingState.ACTIVE
    assert trades(world)[-1] == ("buy", 52.777, 90.0)


def test_the_drawdown_breaker_sells_everything_and_halts_until_resumed() -> None:
    risk = limits(drawdown_frac=0.04, stop_distance_frac=0.5)
    world = started(always(1.0), risk=risk)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 90.0), bar(3, 89.0), bar(4, 89.0))
    assert [trip.breaker for trip in world.journal.of(BreakerTripped)] == ["drawdown"]
    assert trades(world)[-1] == ("sell", 50.0, 89.0)
    assert world.submitted()[-1].purpose is Purpose.BREAKER
    assert state_of(world.engine) is TradingState.HALTED
    assert world.held() == 0
    assert world.resting_stop() is None


def test_the_drawdown_breaker_goes_on_selling_where_the_market_is_thin() -> None:
    risk = limits(drawdown_frac=0.04, stop_distance_frac=0.5)
    world = started(always(1.0), risk=risk)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 90.0), bar(3, 89.0, volume=20.0))
    world.play(*(bar(n, 89.0) for n in range(4, 8)))
    assert world.held() == 0, "everything is sold, not only what one candle could take"


def test_what_liquidity_does_not_give_expires_and_is_wanted_again() -> None:
    world = started(always(1.0), risk=limits(rebalance_band_frac=0.1), participation="0.1")
    world.play(bar(0, 100.0), bar(1, 100.0, volume=300.0))
    assert trades(world) == [("buy", 30.0, 100.0)]
    stop = world.resting_stop()
    assert stop is not None
    assert stop.quantity == 30
    world.play(bar(2, 100.0, volume=300.0))
    assert world.held() == 50


def test_a_stop_that_finds_little_liquidity_goes_on_at_the_next_open() -> None:
    world = started(always(1.0), risk=limits(cooldown_candles=99))
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0, 100.0, 80.0, 95.0, volume=20.0), bar(3, 96.0))
    assert trades(world)[1:] == [("sell", 20.0, 90.0), ("sell", 30.0, 96.0)]
    assert world.engine.state.orders == {}


def test_dust_is_neither_traded_nor_in_the_way_of_the_next_entry() -> None:
    # 49.99 of 50 are sold: what is left is worth less than the least order.
    plan = Scripted({BTC: (1.0, 1.0, 0.0, 0.0, 1.0, 1.0)})
    world = started(plan)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0), bar(3, 100.0, volume=49.99))
    assert world.held() == Decimal("0.01")
    world.play(bar(4, 100.0), bar(5, 100.0))
    assert verdicts(world)[3] == "hold scripted"
    assert world.held() == Decimal("50.01")
    stop = world.resting_stop()
    assert stop is not None
    assert stop.quantity == world.held()


def test_the_stop_of_a_position_that_became_dust_does_not_live_on_in_the_next_one() -> None:
    plan = Scripted({BTC: (1.0, 1.0, 0.0, 0.0, 1.0)})
    world = started(plan)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0), bar(3, 100.0, volume=49.99))
    assert world.held() == Decimal("0.01")
    world.play(bar(4, 50.0), bar(5, 50.0), bar(6, 50.0), bar(7, 50.0))
    stop = world.resting_stop()
    assert trades(world)[2:] == [("buy", 99.995, 50.0)]
    assert stop is not None
    # A tenth below what the new coins cost, not below what the old ones did.
    assert stop.stop_price == pytest.approx(Decimal(45), abs=Decimal("0.05"))


def test_a_market_without_volume_trades_nothing() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0, volume=0.0), bar(2, 100.0))
    assert [f.quantity for f in world.fills()] == [Decimal(50)]
    assert [event.at_ms for event in world.journal.of(OrderFilled)] == [opens(2)]


def test_orders_a_day_are_counted_and_begin_anew_at_midnight() -> None:
    plan = Scripted({BTC: (1.0, 0.0) * 40})
    world = started(plan, risk=limits(max_orders_per_day=3)).play(*(bar(n, 100.0) for n in range(30)))
    buys = [one.decided_ms for one in world.submitted() if one.side is Side.BUY]
    assert buys[:3] == [closes(0), closes(2), closes(4)]
    assert buys[3] == closes(24)


def test_equity_falls_to_nothing_without_an_error() -> None:
    risk = limits(fraction=1.0, stop_distance_frac=0.99)
    world = started(always(1.0), risk=risk, markets=[instrument(tick_size=Decimal("1e-12"))])
    world.play(bar(0, 100.0), bar(1, 100.0), *(bar(n, 100.0 * 0.1**n) for n in range(2, 11)))
    assert world.journal.of(Marked)[-1].equity >= 0.0


@pytest.mark.parametrize("price", [1e-9, 1.23456789e-7, 98_765.43])
def test_the_same_story_is_told_at_any_price(price: float) -> None:
    tick = Decimal(repr(price)).scaleb(-5)
    lot = Decimal(1) / Decimal(repr(price)) / 1000
    lot = Decimal(1).scaleb(lot.adjusted())
    market = instrument(tick_size=Decimal(1).scaleb(tick.adjusted()), lot_step=lot, min_quantity=lot)
    world = started(always(1.0), markets=[market], risk=limits(cooldown_candles=99))
    world.play(bar(0, price), bar(1, price), bar(2, price, price, price * 0.8, price * 0.85))
    bought, sold = world.fills()
    assert float(bought.price) == pytest.approx(price, rel=1e-4)
    assert float(sold.price) == pytest.approx(price * 0.9, rel=1e-3)
    assert world.held() == 0
