import sys
from collections.abc import Callable
from math import asin, pi, sqrt

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import ConfigError, DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting import row_models
from strategies.forecasting.baselines import BASELINES, CLASSIFIERS, BaselineTask, outputs, run_baseline
from strategies.forecasting.course import Course, plan_course
from strategies.forecasting.datasets import Dataset, build_dataset
from strategies.forecasting.evaluation import figures
from strategies.forecasting.folds import Lengths
from strategies.forecasting.labels import LabelRule
from strategies.forecasting.naive_rules import AlwaysUp, Drift, Persistence, SignMomentum, SignReversal
from strategies.forecasting.outlook import Outlook
from strategies.forecasting.row_models import Logistic, Ridge
from strategies.forecasting.series_models import Arima, Ets
from strategies.forecasting.significance import directions, hit_rate

HOUR_MS = 3_600_000
WINDOW = 8
COUNT = 3_000
RHO = 0.5
BEST = 0.5 + asin(RHO) / pi
"""The best hit rate on an AR(1): how often a correlated normal pair has one sign."""


def _missing(name: str) -> str:
    """Why a row cannot be made here: LightGBM needs the system's OpenMP, which a bare machine lacks."""
    if name == "LightGBM":
        try:
            import lightgbm  # noqa: F401 - only whether it can be
        except OSError as error:
            return str(error)
    return ""


ROWS = [pytest.param(name, marks=pytest.mark.skipif(bool(_missing(name)), reason=_missing(name))) for name in BASELINES]

FOLLOWERS = {"sign momentum", "ARIMA", "ridge", "logistic", "LightGBM"}


def planted(rho: float, seed: int, drift: float = 0.0) -> np.ndarray:
    """Returns whose neighbours are correlated."""
    random = np.random.default_rng(seed)
    returns = np.empty(COUNT)
    last = 0.0
    for number, shock in enumerate(random.standard_normal(COUNT)):
        last = rho * last + sqrt(1.0 - rho * rho) * shock
        returns[number] = 0.01 * last + drift
    return returns


@pytest.fixture(scope="module")
def course_of(features: FeatureSet, segment_of: Callable[..., Segment]) -> Callable[..., Course]:
    def course(rho: float, seed: int = 1, drift: float = 0.0) -> Course:
        return plan_course([segment_of(planted(rho, seed, drift))], features, WINDOW, HOUR_MS, Lengths(), 1)

    return course


@pytest.fixture(scope="module")
def edge(course_of: Callable[..., Course]) -> Course:
    return course_of(RHO)


def parts(course: Course) -> tuple[Dataset, Dataset]:
    fold = course.judged_on[0]
    train, test = (course.dataset.between(span.from_ms, span.until_ms) for span in (fold.train, fold.test))
    return train, test


def hits(course: Course, name: str) -> float | None:
    scored = run_baseline(BaselineTask(name, course.dataset, course.judged_on[0]))
    found = hit_rate(*directions(scored.p_up, scored.next_return))
    return None if found is None else found.rate


@pytest.mark.parametrize("name", ROWS)
def test_a_planted_edge_is_found_at_its_theoretical_rate_by_what_can_see_it(edge: Course, name: str) -> None:
    _, test = parts(edge)
    four_errors = 4.0 * 0.5 / sqrt(len(test))
    rate = hits(edge, name)

    if name in FOLLOWERS:
        assert rate == pytest.approx(BEST, abs=four_errors)
    elif name == "sign reversal":
        assert rate == pytest.approx(1.0 - BEST, abs=four_errors)
    elif name == "persistence":
        assert rate is None
    elif name != "ETS":
        # One direction for all. Smoothing is between the two: it follows, but not this kind of memory.
        assert rate == pytest.approx(0.5, abs=four_errors * sqrt(3.0))


@pytest.mark.parametrize("name", ROWS)
def test_white_noise_holds_nothing_to_find(course_of: Callable[..., Course], name: str) -> None:
    noise = course_of(0.0, seed=5)
    rate = hits(noise, name)

    assert rate is None or rate == pytest.approx(0.5, abs=4.0 * 0.5 / sqrt(len(parts(noise)[1])))


@pytest.mark.parametrize("name", ROWS)
def test_every_row_gives_finite_forecasts_and_intervals_that_hold(edge: Course, name: str) -> None:
    scored = run_baseline(BaselineTask(name, edge.dataset, edge.judged_on[0]))

    for column in (scored.p_up, scored.expected, scored.lower, scored.upper):
        assert np.isfinite(column).all()
        assert len(column) == len(scored.next_return)
    assert ((scored.p_up >= 0.0) & (scored.p_up <= 1.0)).all()
    assert figures(scored).coverage == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("name", ROWS)
def test_no_forecast_knows_what_comes_later(edge: Course, name: str) -> None:
    train, test = parts(edge)
    half = len(test) // 2
    random = np.random.default_rng(9)
    rows = test.rows.copy()
    rows[test.ends[half] :] = random.standard_normal(rows[test.ends[half] :].shape)
    shuffled = replace(
        test,
        rows=rows,
        last_return=np.concatenate([test.last_return[:half], 0.1 * random.standard_normal(len(test) - half)]),
        next_return=np.concatenate([test.next_return[: half - 1], 0.1 * random.standard_normal(len(test) - half + 1)]),
    )
    fitted = BASELINES[name].fit(train)
    said, again = fitted.forecast(test), fitted.forecast(shuffled)

    np.testing.assert_array_equal(said.mean[:half], again.mean[:half])
    np.testing.assert_array_equal(said.p_up[:half], again.p_up[:half])


@pytest.mark.parametrize("name", ROWS)
def test_the_same_rows_give_the_same_forecasts(edge: Course, name: str) -> None:
    train, test = parts(edge)
    one, two = (BASELINES[name].fit(train).forecast(test) for _ in range(2))

    assert one.mean.tobytes() == two.mean.tobytes()
    assert one.p_up.tobytes() == two.p_up.tobytes()


def small(last: list[float], following: list[float]) -> Dataset:
    count = len(last)
    times = np.arange(count, dtype=np.int64)
    rows = np.zeros((count, 1), dtype=np.float32)
    sigma, close = np.full(count, 0.01), np.ones(count)
    came, market = np.array(following), times * 0
    return Dataset(1, rows, times, times, np.array(last), came, sigma, close, market, market + 1, ("any",))


def test_rules_by_hand() -> None:
    # Three of four moves go against the last one, three of five are up, one does not move.
    seen = small([0.01, -0.01, 0.01, 0.01, 0.0, 0.01], [-0.02, 0.02, -0.01, 0.01, 0.04, 0.0])
    asked = small([0.01, -0.01, 0.0], [0.0, 0.0, 0.0])

    np.testing.assert_allclose(SignReversal.fit(seen).forecast(asked).p_up, [0.25, 0.75, 0.5])
    np.testing.assert_allclose(SignMomentum.fit(seen).forecast(asked).p_up, [0.5001, 0.4999, 0.5])
    np.testing.assert_allclose(AlwaysUp.fit(seen).forecast(asked).p_up, 0.6)
    # The median move is 1.5 σ of 0.01 each.
    np.testing.assert_allclose(SignReversal.fit(seen).forecast(asked).mean, [-0.0075, 0.0075, 0.0])
    np.testing.assert_allclose(Drift.fit(seen).forecast(asked).mean, 0.04 / 6)
    nothing = Persistence.fit(seen).forecast(asked)
    assert (nothing.mean.tolist(), nothing.p_up.tolist()) == ([0.0] * 3, [0.5] * 3)


def test_always_up_says_up_in_a_falling_market_too(course_of: Callable[..., Course]) -> None:
    falling = course_of(0.0, drift=-0.005)
    train, test = parts(falling)

    assert (AlwaysUp.fit(train).forecast(test).p_up > 0.5).all()
    drift = Drift.fit(train).forecast(test)
    assert (drift.p_up < 0.5).all()
    # A normal of mean -0.005 and deviation 0.01 is above zero this often.
    assert drift.p_up[0] == pytest.approx(0.3085, abs=0.02)


def test_the_regressions_are_where_their_gradients_vanish(edge: Course) -> None:
    train, _ = parts(edge)
    ridge, logistic = Ridge.fit(train), Logistic.fit(train)
    for fitted in (ridge, logistic):
        assert len(fitted.weights) == 4
    scaled = np.column_stack([ridge.scaler.function()(train.rows[train.ends]), np.ones(len(train))])
    pull = 0.1 * len(train) * np.array([1.0, 1.0, 1.0, 0.0])

    residual = train.moves - scaled @ ridge.weights
    np.testing.assert_allclose(scaled.T @ residual, pull * ridge.weights, atol=1e-6)
    missed = (train.moves > 0.0) - 1.0 / (1.0 + np.exp(-scaled @ logistic.weights))
    np.testing.assert_allclose(scaled.T @ missed, 0.25 * pull * logistic.weights, atol=1e-6)


def test_arima_finds_what_was_planted(edge: Course) -> None:
    train, _ = parts(edge)
    _, memory, shock, variance = Arima.fit(train).parameters

    assert memory == pytest.approx(RHO, abs=0.1)
    assert shock == pytest.approx(0.0, abs=0.1)
    assert variance == pytest.approx(1.0 - RHO**2, abs=0.05)


def test_smoothing_follows_a_drift_that_changes_and_forgets_noise() -> None:
    random = np.random.default_rng(3)
    wandering = 0.002 * np.cumsum(random.standard_normal(600)) + 0.01 * random.standard_normal(600)
    fitted = Ets.fit(small(wandering[:-1].tolist(), wandering[1:].tolist()))

    # The best smoothing of a local level whose steps are a fifth of the noise (Muth 1960).
    ratio = 0.2**2
    assert fitted.smoothing == pytest.approx((sqrt(ratio**2 + 4.0 * ratio) - ratio) / 2.0, abs=0.06)
    asked = small([0.1, 0.1], [0.0, 0.0])
    first = fitted.level + fitted.smoothing * (0.1 - fitted.level)
    second = first + fitted.smoothing * (0.1 - first)
    np.testing.assert_allclose(fitted.forecast(asked).mean, [first, second])


@pytest.mark.parametrize("name", ["ARIMA", "ETS"])
def test_a_series_is_one_market_that_moves(features: FeatureSet, segment_of: Callable[..., Segment], name: str) -> None:
    two = build_dataset([segment_of(planted(RHO, seed)) for seed in (1, 2)], features, WINDOW, HOUR_MS)

    with pytest.raises(DataError, match="reads one market"):
        BASELINES[name].fit(two)
    with pytest.raises(DataError, match="never change"):
        BASELINES[name].fit(small([0.0] * 9, [0.0] * 9))


def test_a_feature_that_decides_the_direction_alone_is_believed_only_so_far() -> None:
    following = np.where(np.arange(400) % 2, 0.01, -0.01)
    telling = replace(small([0.0] * 400, following.tolist()), rows=following[:, None].astype(np.float32))
    p_up = Logistic.fit(telling).forecast(telling).p_up

    assert ((p_up > 0.5) == (following > 0.0)).all()
    assert p_up.max() < 0.99


def test_a_regression_that_does_not_settle_is_refused(edge: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_models, "_NEWTON_STEPS", 1)

    with pytest.raises(DataError, match="does not settle"):
        Logistic.fit(parts(edge)[0])


@pytest.mark.parametrize(
    ("name", "library"), [("ARIMA", "statsmodels.tsa"), ("ETS", "statsmodels.tsa"), ("LightGBM", "lightgbm")]
)
def test_a_library_that_is_not_installed_is_named(
    edge: Course, monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ConfigError, match=r"install candlewick\[train\]"):
        BASELINES[name].fit(parts(edge)[0])


def test_an_unknown_row_is_answered_with_those_there_are(edge: Course) -> None:
    with pytest.raises(ConfigError, match="no baseline astrology: choose of persistence, drift"):
        run_baseline(BaselineTask("astrology", edge.dataset, edge.judged_on[0]))


def test_an_outlook_becomes_what_a_network_says() -> None:
    asked = small([0.0] * 3, [0.0] * 3)
    answers = outputs(Outlook(np.array([0.02, -0.01, 0.0]), np.array([0.75, 0.5, 0.0])), asked)

    np.testing.assert_allclose(answers[:, 0], [2.0, -1.0, 0.0])
    np.testing.assert_allclose(answers[:2, 1], [np.log(3.0), 0.0], atol=1e-12)
    assert np.isfinite(answers[2, 1])


@pytest.mark.parametrize("name", ROWS)
def test_only_learnt_probabilities_are_calibrated(edge: Course, name: str) -> None:
    train, test = parts(edge)
    said = BASELINES[name].fit(train).forecast(test).p_up
    judged = run_baseline(BaselineTask(name, edge.dataset, edge.judged_on[0])).p_up
    assert (judged.tobytes() == said.tobytes()) == (name not in CLASSIFIERS)


def test_arima_sums_what_an_ar1_does_over_a_horizon(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    dataset = build_dataset([segment_of(planted(RHO, 1))], features, WINDOW, HOUR_MS, LabelRule(4))
    fitted = Arima(np.array([0.0, RHO, 0.0, 1.0]), 0.01)
    said = fitted.forecast(dataset)
    ahead = RHO + RHO**2 + RHO**3 + RHO**4
    # The first return is filtered from nothing, the others are known.
    np.testing.assert_allclose(said.mean[1:], ahead * dataset.last_return[1:], atol=1e-9)
    errors = (dataset.next_return - said.mean)[1:]
    shares = [sum(RHO**power for power in range(steps)) for steps in range(1, 5)]
    expected = 0.01 * sqrt(1.0 - RHO * RHO) * sqrt(sum(share * share for share in shares))

    assert errors.std() == pytest.approx(expected, rel=0.05)


def test_a_level_holds_for_every_candle_of_a_horizon(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    near, far = (
        Ets(0.1, 0.002, 0.01).forecast(
            build_dataset([segment_of(planted(RHO, 1))], features, WINDOW, HOUR_MS, LabelRule(horizon))
        )
        for horizon in (1, 5)
    )

    np.testing.assert_allclose(far.mean, 5.0 * near.mean[: len(far.mean)])
    # The same lead means less over a longer way.
    assert (np.abs(far.p_up - 0.5) < 5.0 * np.abs(near.p_up[: len(far.p_up)] - 0.5) + 1e-12).all()
