"""Limits are checked once, when they are made, and the sentence names the figure."""

from typing import Any

import pytest

from bot.core.errors import ConfigError
from risk.limits import RiskLimits, SizingMethod, StopKind

GOOD: dict[str, Any] = {
    "sizing": SizingMethod.FIXED_FRACTION,
    "fraction": 0.5,
    "target_volatility": 0.4,
    "max_position_frac": 0.5,
    "max_exposure_frac": 1.0,
    "rebalance_band_frac": 0.1,
    "stop": StopKind.ATR,
    "stop_distance_frac": 0.05,
    "atr_multiple": 3.0,
    "cooldown_candles": 3,
    "daily_loss_frac": 0.03,
    "drawdown_frac": 0.2,
    "price_collar_frac": 0.02,
    "max_orders_per_day": 50,
}

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sizing", SizingMethod.VOLATILITY_TARGET),
        ("stop", StopKind.FIXED),
        ("fraction", 1.0),
        ("max_position_frac", 1.0),
        ("rebalance_band_frac", 0.0),
        ("cooldown_candles", 0),
        ("daily_loss_frac", 1.0),
        ("drawdown_frac", 1.0),
        ("max_orders_per_day", 1),
    ],
)
def test_the_ends_of_a_range_belong_to_it(name: str, value: object) -> None:
    assert getattr(RiskLimits(**{**GOOD, name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sizing", "volatility_target"),
        ("stop", "atr"),
        *((name, value) for name in ("fraction", "max_exposure_frac") for value in (0.0, -0.1, 1.01, NAN, INF)),
        *((name, value) for name in ("daily_loss_frac", "drawdown_frac") for value in (0.0, 1.5, NAN)),
        *((name, value) for name in ("stop_distance_frac", "price_collar_frac") for value in (0.0, 1.0, NAN)),
        *((name, value) for name in ("target_volatility", "atr_multiple") for value in (0.0, -1.0, INF, NAN)),
        ("max_position_frac", 0.0),
        ("max_position_frac", NAN),
        ("rebalance_band_frac", -0.1),
        ("rebalance_band_frac", INF),
        ("rebalance_band_frac", NAN),
        ("cooldown_candles", -1),
        ("max_orders_per_day", 0),
    ],
)
def test_a_figure_outside_its_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is .* but must be "):
        RiskLimits(**{**GOOD, name: value})


def test_one_market_cannot_be_allowed_more_than_all_together() -> None:
    with pytest.raises(ConfigError, match=r"at most max_exposure_frac, which is 0\.4"):
        RiskLimits(**{**GOOD, "max_exposure_frac": 0.4})
