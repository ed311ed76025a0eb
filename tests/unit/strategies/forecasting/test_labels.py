import numpy as np
import pytest

from strategies.forecasting.labels import label

NAMES = ("other", "log_sigma")


def test_a_label_is_the_log_return_to_the_next_close_and_the_last_candle_has_none() -> None:
    labels = label(np.array([100.0, 110.0, 99.0]), np.zeros(3, dtype=bool), np.zeros((3, 2), dtype=np.float32), NAMES)

    np.testing.assert_allclose(labels.next_return[:2], np.log([1.1, 0.9]))
    assert labels.usable.tolist() == [True, True, False]


def test_the_volatility_is_that_of_the_candle_that_is_known() -> None:
    rows = np.log(np.array([[1.0, 0.01], [1.0, 0.02]])).astype(np.float32)

    sigma = label(np.array([1.0, 2.0]), np.zeros(2, dtype=bool), rows, NAMES).sigma

    assert sigma.tolist() == pytest.approx([0.01, 0.02])


def test_a_filled_candle_spoils_its_own_label_and_the_one_before() -> None:
    filled = np.array([False, False, True, False, False])

    labels = label(np.ones(5), filled, np.zeros((5, 2), dtype=np.float32), NAMES)

    assert labels.usable.tolist() == [True, False, False, True, False]
