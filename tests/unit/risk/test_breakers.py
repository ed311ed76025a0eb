"""When the circuit breakers trip, what they say, and what lifts them."""

import msgspec
import pytest

from bot.core.market import DAY_MS
from risk.breakers import BreakerState, TradingState, Trip, observe, rearm
from risk.limits import RiskLimits, SizingMethod, StopKind

HOUR_MS = 3_600_000
DAY = 20_000 * DAY_MS


def limits(daily: float = 0.02, drawdown: float = 0.10) -> RiskLimits:
    return RiskLimits(
        sizing=SizingMethod.FIXED_FRACTION,
        fraction=0.4,
        target_volatility=0.4,
        max_position_frac=0.5,
        max_exposure_frac=1.0,
        rebalance_band_frac=0.1,
        stop=StopKind.FIXED,
        stop_distance_frac=0.05,
        atr_multiple=2.0,
        cooldown_candles=0,
        daily_loss_frac=daily,
        drawdown_frac=drawdown,
        price_collar_frac=0.02,
        max_orders_per_day=50,
    )


def begun(equity: float = 1000.0) -> BreakerState:
    state = BreakerState()
    assert observe(state, limits(), DAY, equity) is None
    return state


def test_the_first_mark_is_the_start_of_the_day_and_the_highest_equity() -> None:
    assert begun() == BreakerState(day=20_000, day_start_equity=1000.0, peak_equity=1000.0)


def test_a_loss_smaller_than_the_limit_trips_nothing() -> None:
    state = begun()
    assert observe(state, limits(), DAY + HOUR_MS, 980.01) is None
    assert not state.daily_tripped


def test_a_loss_of_the_limit_trips_once_and_says_so_in_figures() -> None:
    state = begun()
    trip = observe(state, limits(), DAY + HOUR_MS, 980.0)
    assert trip == Trip(
        "daily_loss",
        "equity 980.00 is 2.00% or more below the 1000.00 at the start of the UTC day: "
        "only what cuts exposure is traded until the next UTC day",
    )
    assert state.daily_tripped
    assert observe(state, limits(), DAY + 2 * HOUR_MS, 970.0) is None


def test_a_recovery_within_the_day_does_not_lift_the_daily_breaker() -> None:
    state = begun()
    observe(state, limits(), DAY + HOUR_MS, 980.0)
    observe(state, limits(), DAY + 2 * HOUR_MS, 1500.0)
    assert state.daily_tripped


def test_the_next_utc_day_lifts_the_daily_breaker_and_counts_from_its_first_mark() -> None:
    state = begun()
    observe(state, limits(), DAY + HOUR_MS, 980.0)
    assert observe(state, limits(), DAY + DAY_MS - 1, 979.0) is None
    assert state.daily_tripped
    assert observe(state, limits(), DAY + DAY_MS, 978.0) is None
    assert (state.daily_tripped, state.day_start_equity) == (False, 978.0)
    trip = observe(state, limits(), DAY + DAY_MS + 1, 958.0)
    assert trip is not None
    assert trip.breaker == "daily_loss"


def test_the_daily_loss_counts_from_the_start_of_the_day_not_from_its_peak() -> None:
    state = begun()
    observe(state, limits(), DAY + 1, 1050.0)
    assert observe(state, limits(), DAY + 2, 1000.0) is None


def test_a_mark_of_an_earlier_day_does_not_begin_a_day() -> None:
    state = begun()
    observe(state, limits(), DAY + HOUR_MS, 980.0)
    observe(state, limits(), DAY - 1, 980.0)
    assert (state.day, state.daily_tripped) == (20_000, True)


def test_a_drawdown_is_counted_from_the_highest_mark_across_days() -> None:
    state = begun()
    for day, equity in enumerate((1200.0, 1180.0, 1160.0, 1140.0, 1120.0, 1100.0), start=1):
        assert observe(state, limits(daily=0.5), DAY + day * DAY_MS, equity) is None
    assert observe(state, limits(daily=0.5), DAY + 7 * DAY_MS, 1080.0) == Trip(
        "drawdown",
        "equity 1080.00 is 10.00% or more below its highest mark of 1200.00: "
        "everything is sold and trading is halted until it is resumed by hand",
    )
    assert state.drawdown_tripped
    assert not state.daily_tripped


def test_a_drawdown_is_not_lifted_by_time_or_recovery() -> None:
    state = begun()
    observe(state, limits(), DAY + 1, 800.0)
    assert observe(state, limits(), DAY + 5 * DAY_MS, 5000.0) is None
    assert observe(state, limits(), DAY + 6 * DAY_MS, 4990.0) is None
    assert state.drawdown_tripped


def test_a_rearmed_drawdown_counts_from_the_equity_of_that_moment() -> None:
    state = begun()
    observe(state, limits(), DAY + 1, 800.0)
    rearm(state, 800.0)
    assert observe(state, limits(daily=0.5), DAY + DAY_MS, 721.0) is None
    trip = observe(state, limits(daily=0.5), DAY + 2 * DAY_MS, 720.0)
    assert trip is not None
    assert trip.breaker == "drawdown"


def test_rearming_does_not_lift_the_daily_breaker() -> None:
    state = begun()
    observe(state, limits(), DAY + 1, 800.0)
    rearm(state, 800.0)
    assert (state.drawdown_tripped, state.daily_tripped) == (False, True)


def test_a_mark_that_trips_both_is_told_as_a_drawdown_that_names_the_other() -> None:
    state = begun()
    trip = observe(state, limits(), DAY + 1, 800.0)
    assert trip is not None
    assert trip.breaker == "drawdown"
    assert trip.reason.endswith("; the daily loss limit is reached as well")
    assert observe(state, limits(), DAY + 2, 790.0) is None


@pytest.mark.parametrize("equity", [float("nan"), 0.0, -5.0])
def test_an_equity_that_cannot_be_traded_with_trips_even_as_the_first_mark(equity: float) -> None:
    state = BreakerState()
    trip = observe(state, limits(), DAY, equity)
    assert trip is not None
    assert trip.breaker == "drawdown"
    assert state.daily_tripped


def test_limits_of_one_trip_only_when_nothing_is_left() -> None:
    state = BreakerState()
    whole = limits(daily=1.0, drawdown=1.0)
    assert observe(state, whole, DAY, 1000.0) is None
    assert observe(state, whole, DAY + 1, 0.01) is None
    assert observe(state, whole, DAY + 2, 0.0) is not None


def test_the_state_survives_being_written_and_read_back() -> None:
    state = begun()
    observe(state, limits(), DAY + 1, 800.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BreakerState) == state


def test_the_trading_states_are_words_for_a_journal() -> None:
    assert [str(state) for state in TradingState] == ["halted", "reducing", "active"]
