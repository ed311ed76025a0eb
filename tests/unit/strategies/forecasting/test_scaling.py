import numpy as np
import pytest

from bot.core.errors import DataError
from strategies.forecasting.scaling import fit_scaler


def test_the_middle_of_a_column_becomes_zero_and_its_robust_deviation_one() -> None:
    rows = np.random.default_rng(1).normal(5.0, 3.0, (20_000, 1)).astype(np.float32)

    scaled = fit_scaler(rows).function()(rows)

    assert abs(float(np.median(scaled))) < 1e-6
    assert float(scaled.std()) == pytest.approx(1.0, abs=0.02)


def test_one_crash_changes_neither_centre_nor_spread_and_is_cut() -> None:
    rows = np.linspace(-1.0, 1.0, 1_001, dtype=np.float32)[:, None]
    crashed = rows.copy()
    crashed[0] = -1e6

    scaler = fit_scaler(crashed)

    assert scaler.center == fit_scaler(rows).center
    assert scaler.function()(crashed)[0, 0] == -6.0


@pytest.mark.parametrize(("column", "spread"), [(np.zeros(100), 1.0), (np.repeat([0.0, 1.0], [90, 10]), 0.3)])
def test_a_column_without_a_median_deviation_can_still_be_divided(column: np.ndarray, spread: float) -> None:
    assert fit_scaler(column[:, None].astype(np.float32)).spread[0] == pytest.approx(spread)


def test_a_row_has_the_same_bits_alone_and_in_a_history() -> None:
    rows = np.random.default_rng(2).normal(0.1, 7.0, (500, 25)).astype(np.float32)
    scale = fit_scaler(rows).function()

    together = scale(rows)

    assert all(scale(rows[at : at + 1]).tobytes() == together[at : at + 1].tobytes() for at in range(500))


def test_a_broken_value_stays_visible() -> None:
    scale = fit_scaler(np.ones((3, 1), dtype=np.float32)).function()

    assert np.isnan(scale(np.array([[np.nan]], dtype=np.float32))).all()


def test_rows_that_are_not_finite_are_named() -> None:
    rows = np.zeros((4, 2), dtype=np.float32)
    rows[3, 1] = np.inf

    with pytest.raises(DataError, match="column 1 is not finite in training row 3"):
        fit_scaler(rows)


def test_no_rows_cannot_be_scaled() -> None:
    with pytest.raises(DataError, match="none"):
        fit_scaler(np.empty((0, 2), dtype=np.float32))
