"""The strategies that are shipped, seen through the strategy port."""

import pytest

from bot.core.forecast import Forecast
from strategies.buy_and_hold import BuyAndHold
from strategies.forecast_following import ForecastFollowing
from strategies.signal import SignalRule, decide
from strategies.strategy import MarketView, Strategy

VIEW = MarketView(symbol="ETH/USDT", close_time_ms=0, close=2000.0, held=0.0, sigma=0.01, round_trip_bps=24.0)
FORECAST = Forecast(symbol="ETH/USDT", p_up=0.6, expected_return=0.01, lower=-0.01, upper=0.02, break_even_bps=100.0)
RULE = SignalRule(cost_multiple=1.0, hysteresis_frac=0.5)


def test_forecast_following_needs_a_forecast_and_applies_its_rule_to_it() -> None:
    strategy: Strategy = ForecastFollowing(RULE)
    assert strategy.needs_forecast
    assert strategy.wanted(VIEW, FORECAST) == decide(RULE, VIEW, FORECAST)
    assert strategy.wanted(VIEW, FORECAST).exposure == 1.0


def test_forecast_following_refuses_to_guess() -> None:
    with pytest.raises(ValueError, match="ETH/USDT was asked about without a forecast"):
        ForecastFollowing(RULE).wanted(VIEW, None)


@pytest.mark.parametrize("forecast", [None, FORECAST])
def test_buy_and_hold_wants_everything_and_reads_no_forecast(forecast: Forecast | None) -> None:
    strategy: Strategy = BuyAndHold()
    assert not strategy.needs_forecast
    signal = strategy.wanted(VIEW, forecast)
    assert (signal.exposure, signal.expected_move_bps, signal.needed_move_bps) == (1.0, None, None)
