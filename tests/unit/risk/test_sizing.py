"""What a signal is worth as a fraction of equity, and when the difference to what is held is traded."""

from math import sqrt

import pytest

from risk.limits import RiskLimits, SizingMethod, StopKind
from risk.sizing import needs_trade, target_exposure

HOURS = 8760.0


def limits(
    sizing: SizingMethod = SizingMethod.FIXED_FRACTION, fraction: float = 0.4, cap: float = 0.5, band: float = 0.1
) -> RiskLimits:
    return RiskLimits(
        sizing=sizing,
        fraction=fraction,
        target_volatility=0.4,
        max_position_frac=cap,
        max_exposure_frac=1.0,
        rebalance_band_frac=band,
        stop=StopKind.FIXED,
        stop_distance_frac=0.05,
        atr_multiple=3.0,
        cooldown_candles=0,
        daily_loss_frac=0.03,
        drawdown_frac=0.2,
        price_collar_frac=0.02,
        max_orders_per_day=50,
    )


TARGET = SizingMethod.VOLATILITY_TARGET


@pytest.mark.parametrize(("signal", "wanted"), [(1.0, 0.4), (0.5, 0.2), (0.0, 0.0), (-1.0, 0.0), (2.0, 0.4)])
def test_a_fixed_fraction_scales_with_the_signal_and_holds_nothing_below_zero(signal: float, wanted: float) -> None:
    assert target_exposure(limits(), signal, 0.01, HOURS) == wanted


def test_a_fixed_fraction_does_not_ask_for_the_volatility() -> None:
    assert target_exposure(limits(), 1.0, float("nan"), HOURS) == 0.4


def test_a_market_at_the_target_volatility_is_held_at_the_fraction() -> None:
    assert target_exposure(limits(TARGET), 1.0, 0.4 / sqrt(HOURS), HOURS) == pytest.approx(0.4)


def test_twice_the_volatility_is_half_the_exposure() -> None:
    assert target_exposure(limits(TARGET), 1.0, 0.8 / sqrt(HOURS), HOURS) == pytest.approx(0.2)


def test_a_quiet_market_is_held_at_the_cap() -> None:
    assert target_exposure(limits(TARGET), 1.0, 1e-300, HOURS) == 0.5


def test_a_fraction_above_the_cap_is_cut_to_it() -> None:
    assert target_exposure(limits(fraction=1.0), 1.0, 0.01, HOURS) == 0.5


@pytest.mark.parametrize("sigma", [0.0, -0.01, float("nan"), float("inf")])
def test_a_volatility_that_cannot_be_told_wants_nothing(sigma: float) -> None:
    assert target_exposure(limits(TARGET), 1.0, sigma, HOURS) == 0.0


def test_a_signal_that_is_not_a_number_wants_nothing() -> None:
    assert target_exposure(limits(), float("nan"), 0.01, HOURS) == 0.0


@pytest.mark.parametrize(
    ("wanted", "held", "trades"),
    [
        (0.0, 0.0, False),
        (0.0, 0.001, True),
        (0.001, 0.0, True),
        (0.4, 0.4, False),
        (0.4, 0.43, False),
        (0.4, 0.37, False),
        (0.4, 0.45, True),
        (0.4, 0.35, True),
    ],
)
def test_entering_and_leaving_always_trade_and_resizing_only_beyond_the_band(
    wanted: float, held: float, trades: bool
) -> None:
    assert needs_trade(limits(), wanted, held) is trades


def test_a_band_wider_than_the_wish_keeps_nobody_from_entering_or_leaving() -> None:
    assert needs_trade(limits(band=2.0), 0.4, 0.0)
    assert needs_trade(limits(band=2.0), 0.0, 0.4)


def test_without_a_band_every_difference_is_traded() -> None:
    assert needs_trade(limits(band=0.0), 0.4, 0.4000001)
    assert not needs_trade(limits(band=0.0), 0.4, 0.4)
