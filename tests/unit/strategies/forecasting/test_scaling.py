import numpy as np
import pytest

from bot.core.errors import ConfigError, DataError
from strategies.forecasting.scaling import Scaler, fit_scaler


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


def test_a_muted_column_comes_out_as_zero_whatever_it_holds_and_nan_stays_visible() -> None:
    scale = Scaler((0.0, 1.0, 0.0), (1.0, 2.0, 1.0), muted=(1,)).function()

    np.testing.assert_array_equal(scale(np.array([[2.0, 9.0, -1.0]], dtype=np.float32)), [[2.0, 0.0, -1.0]])
    assert np.isnan(scale(np.array([0.0, np.nan, 0.0], dtype=np.float32))[1])


def test_a_z_score_has_mean_zero_and_deviation_one() -> None:
    rows = np.random.default_rng(1).normal(5.0, 3.0, (500, 2)).astype(np.float32)
    scaled = fit_scaler(rows, "z-score").function()(rows)

    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-5)


def test_min_max_fills_its_range_with_training_rows_and_lets_later_ones_outside() -> None:
    scale = fit_scaler(np.array([[0.0], [4.0], [3.0]], dtype=np.float32), "min-max").function()

    np.testing.assert_allclose(scale(np.array([[0.0], [4.0], [6.0]], dtype=np.float32))[:, 0], [-1.0, 1.0, 2.0])


def test_an_unknown_scaler_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="choose of robust, z-score, min-max"):
        fit_scaler(np.ones((2, 1), dtype=np.float32), "quantile")
