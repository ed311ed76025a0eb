import numpy as np
import pytest

from bot.core.errors import ConfigError
from strategies.forecasting.labels import LabelRule, label

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


def test_a_longer_horizon_sums_its_returns_and_spreads_as_a_random_walk() -> None:
    close, filled = np.array([100.0, 110.0, 99.0, 120.0]), np.array([False, True, False, False])
    rows = np.full((4, 2), np.log(0.01), dtype=np.float32)

    labels = label(close, filled, rows, NAMES, LabelRule(2))

    np.testing.assert_allclose(labels.next_return[:2], np.log([0.99, 120.0 / 110.0]))
    np.testing.assert_allclose(labels.sigma, 0.01 * np.sqrt(2.0), rtol=1e-6)
    # A filled candle on the way is no harm, as the decision's own it is.
    assert labels.usable.tolist() == [True, False, False, False]


def test_a_label_ends_at_the_first_close_beyond_a_barrier() -> None:
    close = 100.0 * np.exp(np.array([0.0, 0.01, 0.06, -0.09, 0.0, 0.0, 0.0]))
    rows = np.full((7, 2), np.log(0.01), dtype=np.float32)

    labels = label(close, np.zeros(7, dtype=bool), rows, NAMES, LabelRule(4, barrier=2.0))

    # The barriers lie 4 % away: crossed by the second candle, then twice by the first.
    np.testing.assert_allclose(labels.next_return[:3], [0.06, 0.05, -0.15], atol=1e-9)
    assert labels.usable.tolist() == [True] * 3 + [False] * 4
    assert labels.lasted[:3].tolist() == [2, 1, 1]


def test_a_label_that_crosses_its_barrier_last_has_the_whole_horizon() -> None:
    close = 100.0 * np.exp(np.array([0.0, 0.01, 0.06, 0.0]))
    rows = np.full((4, 2), np.log(0.01), dtype=np.float32)

    labels = label(close, np.zeros(4, dtype=bool), rows, NAMES, LabelRule(2, barrier=3.0))

    assert labels.next_return[0] == pytest.approx(0.06)
    assert labels.lasted[:2].tolist() == [2, 1]


def test_a_series_shorter_than_the_horizon_has_no_labels() -> None:
    labels = label(np.ones(3), np.zeros(3, dtype=bool), np.zeros((3, 2), dtype=np.float32), NAMES, LabelRule(5, 1.0))

    assert not labels.usable.any()


@pytest.mark.parametrize(("horizon", "barrier"), [(0, None), (25, None), (1, 0.0), (1, float("inf"))])
def test_what_cannot_be_foretold_is_refused(horizon: int, barrier: float | None) -> None:
    with pytest.raises(ConfigError):
        LabelRule(horizon, barrier)
