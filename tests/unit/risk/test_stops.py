"""Where a long's protective stop stands."""

from decimal import Decimal

import pytest

from risk.limits import RiskLimits, SizingMethod, StopKind
from risk.stops import stop_price, tighter


def limits(stop: StopKind) -> RiskLimits:
    return RiskLimits(
        sizing=SizingMethod.FIXED_FRACTION,
        fraction=0.4,
        target_volatility=0.4,
        max_position_frac=0.5,
        max_exposure_frac=1.0,
        rebalance_band_frac=0.1,
        stop=stop,
        stop_distance_frac=0.05,
        atr_multiple=2.0,
        cooldown_candles=0,
        daily_loss_frac=0.03,
        drawdown_frac=0.2,
        price_collar_frac=0.02,
        max_orders_per_day=50,
    )


def test_a_fixed_stop_stands_a_fraction_below_the_entry_whatever_the_range() -> None:
    assert stop_price(limits(StopKind.FIXED), 200.0, 1.0) == pytest.approx(190.0)
    assert stop_price(limits(StopKind.FIXED), 200.0, float("nan")) == pytest.approx(190.0)


def test_a_stop_by_atr_stands_multiples_of_the_range_below_the_entry() -> None:
    assert stop_price(limits(StopKind.ATR), 200.0, 3.0) == 194.0


@pytest.mark.parametrize("atr", [5.1, 99.0, 1e9, float("inf")])
def test_a_stop_by_atr_is_never_lower_than_the_fixed_distance(atr: float) -> None:
    assert stop_price(limits(StopKind.ATR), 200.0, atr) == pytest.approx(190.0)


@pytest.mark.parametrize("atr", [0.0, -1.0, float("nan")])
def test_a_range_that_cannot_be_told_gives_the_fixed_distance(atr: float) -> None:
    assert stop_price(limits(StopKind.ATR), 200.0, atr) == pytest.approx(190.0)


def test_a_range_below_the_resolution_of_the_price_still_leaves_the_stop_below_the_entry() -> None:
    assert stop_price(limits(StopKind.ATR), 200.0, 1e-30) < 200.0


@pytest.mark.parametrize(
    ("old", "new", "kept"), [(None, "90", "90"), ("95", "90", "95"), ("90", "95", "95"), ("90", "90", "90")]
)
def test_the_tighter_stop_of_a_long_is_the_higher_one(old: str | None, new: str, kept: str) -> None:
    assert tighter(None if old is None else Decimal(old), Decimal(new)) == Decimal(kept)
