"""When a forecast is worth acting on, held and flat, and what the rule says of it."""

import pytest

from bot.core.errors import ConfigError
from bot.core.forecast import Forecast
from strategies.signal import (
    FALL_CLEARS_COST,
    KEPT,
    MOVE_BELOW_COST,
    NO_LONGER_EXPECTED,
    RISE_CLEARS_COST,
    SignalRule,
    decide,
)
from strategies.strategy import MarketView, Signal

ROUND_TRIP = 20.0


def signal(expected_bps: float, held: float = 0.0, cost_multiple: float = 1.5, hysteresis_frac: float = 0.25) -> Signal:
    view = MarketView(
        symbol="ETH/USDT", close_time_ms=0, close=2000.0, held=held, sigma=0.01, round_trip_bps=ROUND_TRIP
    )
    forecast = Forecast(
        symbol="ETH/USDT",
        p_up=0.5,
        expected_return=expected_bps / 10_000.0,
        lower=-0.01,
        upper=0.01,
        break_even_bps=abs(expected_bps),
    )
    return decide(SignalRule(cost_multiple, hysteresis_frac), view, forecast)


@pytest.mark.parametrize(
    ("expected_bps", "exposure", "reason", "needed"),
    [
        (32.0, 1.0, RISE_CLEARS_COST, 30.0),
        (30.0, 0.0, MOVE_BELOW_COST, 30.0),
        (0.0, 0.0, MOVE_BELOW_COST, 30.0),
        (-30.0, 0.0, MOVE_BELOW_COST, 30.0),
        (-32.0, -1.0, FALL_CLEARS_COST, -30.0),
    ],
)
def test_a_flat_market_is_entered_only_beyond_its_cost(
    expected_bps: float, exposure: float, reason: str, needed: float
) -> None:
    told = signal(expected_bps)
    assert (told.exposure, told.reason, told.needed_move_bps) == (exposure, reason, needed)
    assert told.expected_move_bps == pytest.approx(expected_bps)


@pytest.mark.parametrize(
    ("expected_bps", "exposure", "reason"),
    [
        (50.0, 1.0, KEPT),
        (1.0, 1.0, KEPT),
        (-4.0, 1.0, KEPT),
        (-5.1, 0.0, NO_LONGER_EXPECTED),
        (-30.0, 0.0, NO_LONGER_EXPECTED),
        (-32.0, -1.0, NO_LONGER_EXPECTED),
    ],
)
def test_a_holding_is_kept_until_the_expected_move_falls_below_the_hysteresis(
    expected_bps: float, exposure: float, reason: str
) -> None:
    told = signal(expected_bps, held=0.3)
    assert (told.exposure, told.reason, told.needed_move_bps) == (exposure, reason, -5.0)
    assert told.expected_move_bps == pytest.approx(expected_bps)


def test_without_cost_and_hysteresis_the_sign_of_the_forecast_decides() -> None:
    def level(expected_bps: float, held: float) -> float:
        return signal(expected_bps, held, cost_multiple=0.0, hysteresis_frac=0.0).exposure

    assert [level(move, 0.0) for move in (0.1, 0.0, -0.1)] == [1.0, 0.0, -1.0]
    assert [level(move, 0.3) for move in (0.1, 0.0, -0.1)] == [1.0, 1.0, -1.0]


def test_a_forecast_that_is_not_a_number_neither_enters_nor_holds() -> None:
    nan = float("nan")
    assert signal(nan).exposure == 0.0
    assert signal(nan, held=0.3).exposure == 0.0


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_a_rule_that_means_nothing_is_refused_by_name(value: float) -> None:
    with pytest.raises(ConfigError, match=r"^cost_multiple is "):
        SignalRule(cost_multiple=value, hysteresis_frac=0.0)
    with pytest.raises(ConfigError, match=r"^hysteresis_frac is "):
        SignalRule(cost_multiple=0.0, hysteresis_frac=value)
