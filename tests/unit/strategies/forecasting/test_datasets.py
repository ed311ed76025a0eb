from collections.abc import Callable

import numpy as np
import pytest

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.course import plan_course
from strategies.forecasting.datasets import Beside, build_dataset
from strategies.forecasting.folds import Lengths
from strategies.forecasting.labels import LabelRule

HOUR_MS = 3_600_000
WINDOW = 8


def noise(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, count)


def test_a_window_ends_at_its_candle_and_its_label_is_the_next_return(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    returns = noise(50)
    dataset = build_dataset([segment_of(returns)], features, WINDOW, HOUR_MS)
    first_bar = features.warm_up + WINDOW - 1

    assert len(dataset) == 50 - first_bar
    assert dataset.close_time_ms[0] == (first_bar + 1) * HOUR_MS
    np.testing.assert_allclose(dataset.next_return, returns[first_bar:], atol=1e-12)
    np.testing.assert_allclose(dataset.last_return, returns[first_bar - 1 : -1], atol=1e-12)
    np.testing.assert_allclose(dataset.sigma, 0.01, rtol=1e-6)
    np.testing.assert_allclose(dataset.moves, dataset.next_return / dataset.sigma)
    window = dataset.windows(dataset.rows, np.array([0]))[0]
    np.testing.assert_array_equal(window, dataset.rows[first_bar - WINDOW + 1 : first_bar + 1])


def test_changing_the_future_changes_no_window(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    returns = noise(60)
    other = returns.copy()
    other[40:] = noise(20, seed=9)
    one, two = (build_dataset([segment_of(path)], features, WINDOW, HOUR_MS) for path in (returns, other))
    known = np.flatnonzero(one.close_time_ms <= 41 * HOUR_MS)

    assert len(known)
    assert one.windows(one.rows, known).tobytes() == two.windows(two.rows, known).tobytes()


def test_filled_candles_are_neither_labels_nor_decisions(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    whole = segment_of(noise(40))
    filled = whole.filled.copy()
    filled[20] = True
    dataset = build_dataset([Segment(whole.open_time_ms, whole.ohlcv, filled)], features, WINDOW, HOUR_MS)

    # Bar 19 would be labelled by the filled bar, bar 20 is the filled bar itself.
    assert {20 * HOUR_MS, 21 * HOUR_MS}.isdisjoint(dataset.close_time_ms.tolist())
    assert 22 * HOUR_MS in dataset.close_time_ms


def test_the_warm_up_begins_anew_in_every_segment(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    parts = [segment_of(noise(30)), segment_of(noise(30, seed=2), from_ms=500 * HOUR_MS)]
    dataset = build_dataset(parts, features, WINDOW, HOUR_MS)

    assert len(dataset) == 2 * (30 - features.warm_up - WINDOW + 1)
    second = np.flatnonzero(dataset.close_time_ms > 500 * HOUR_MS)[0]
    window = dataset.windows(dataset.rows, np.array([second]))[0]
    np.testing.assert_array_equal(window, dataset.rows[31 + features.warm_up : 31 + features.warm_up + WINDOW])


def test_windows_of_several_markets_stand_in_the_order_of_time(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    dataset = build_dataset([segment_of(noise(30)), segment_of(noise(40, seed=2))], features, WINDOW, HOUR_MS)

    assert (np.diff(dataset.close_time_ms) >= 0).all()


def test_covered_rows_are_those_of_the_windows_each_once(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    dataset = build_dataset([segment_of(noise(60))], features, WINDOW, HOUR_MS)
    part = dataset.between(30 * HOUR_MS, 33 * HOUR_MS)

    np.testing.assert_array_equal(part.covered_rows(), dataset.rows[29 - WINDOW + 1 : 32])


def test_too_few_candles_are_refused(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    with pytest.raises(DataError, match="holds 11 of them"):
        build_dataset([segment_of(noise(9))], features, WINDOW, HOUR_MS)


def test_a_course_says_which_candles_have_touched_the_network(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    segment = segment_of(noise(3_000))
    course = plan_course([segment], features, WINDOW, HOUR_MS, Lengths(train_days=20.0, validation_days=5.0), 2)

    assert course.trained_until_ms == segment.open_time_ms[-1] + HOUR_MS
    assert course.trained_from_ms == course.shipped.train.from_ms - (features.warm_up + WINDOW) * HOUR_MS
    assert len(course.judged_on) == 2
    assert course.judged_on[-1].test.until_ms == course.trained_until_ms


def test_windows_know_their_market_their_price_and_their_horizon(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    one, two = segment_of(noise(30)), segment_of(noise(30, seed=2))
    dataset = build_dataset([one, two], features, WINDOW, HOUR_MS, LabelRule(3), markets=[0, 1])
    first = features.warm_up + WINDOW - 1

    assert dataset.horizon == 3
    assert dataset.market[:4].tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(dataset.close[:2], [one.ohlcv[first, 3], two.ohlcv[first, 3]])
    second = dataset.where(dataset.market == 1)
    closes = two.ohlcv[:, 3]
    np.testing.assert_allclose(second.next_return, np.log(closes[first + 3 :] / closes[first:-3]))
    # One candle back, however far ahead.
    np.testing.assert_allclose(second.last_return, np.log(closes[first:-3] / closes[first - 1 : -4]))


def test_windows_know_where_a_barrier_ended_their_label(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    plain, barred = (
        build_dataset([segment_of(noise(60))], features, WINDOW, HOUR_MS, rule)
        for rule in (LabelRule(4), LabelRule(4, barrier=0.5))
    )

    assert set(plain.lasted.tolist()) == {4}
    assert set(barred.lasted.tolist()) == {1, 2, 3, 4}
    crossed = np.flatnonzero(barred.lasted == 2)[0]
    ends = {close_ms: at for at, close_ms in enumerate(barred.close_time_ms.tolist())}
    later = ends[barred.close_time_ms[crossed] + 2 * HOUR_MS]
    assert barred.next_return[crossed] == pytest.approx(np.log(barred.close[later] / barred.close[crossed]))


def test_columns_from_elsewhere_stand_behind_those_of_the_candles_and_are_known_at_the_close(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    beside = Beside(("hours",), lambda close_ms: (close_ms / HOUR_MS)[:, None].astype(np.float32))
    dataset = build_dataset([segment_of(noise(40))], features, WINDOW, HOUR_MS, beside=beside)

    assert dataset.names == (*features.names, "hours")
    np.testing.assert_array_equal(dataset.rows[dataset.ends, -1], dataset.close_time_ms / HOUR_MS)
    np.testing.assert_allclose(dataset.sigma, 0.01, rtol=1e-6)


def test_a_longer_horizon_leaves_a_wider_gap_between_the_parts(
    features: FeatureSet, segment_of: Callable[..., Segment]
) -> None:
    course = plan_course([segment_of(noise(3_000))], features, WINDOW, HOUR_MS, Lengths(), 1, LabelRule(24))

    for earlier, later in ((course.judged_on[0].train, course.judged_on[0].validation),):
        assert later.from_ms - earlier.until_ms == (WINDOW + 24) * HOUR_MS
