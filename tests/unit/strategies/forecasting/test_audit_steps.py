"""Each leak is planted into a copy of the pipeline: its own detector must see it, and the others must not."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.core.window import FeatureSet
from strategies.forecasting.audit import Check, MakeMarket, Pipeline, Seen, another_future, caught, differing, unchanged
from strategies.forecasting.audit_steps import DETECTORS, LABEL_OVERLAP, UNFINISHED_BAR, shorter
from strategies.forecasting.course import Course, plan_course
from strategies.forecasting.folds import Fold, Lengths, Span
from strategies.forecasting.labels import LabelRule
from strategies.forecasting.planted_leaks import LEAKS

WINDOW = 8


@pytest.fixture(scope="session")
def market(segment_of: Callable[..., Segment]) -> MakeMarket:
    """Candles whose neighbouring returns are correlated, with a body, wicks and a volume of their own."""

    def made(timeframe: Timeframe, rho: float, seed: int, count: int) -> Segment:
        random = np.random.default_rng(seed)
        returns = random.standard_normal(count - 1)
        for at in range(1, len(returns)):
            returns[at] = rho * returns[at - 1] + np.sqrt(1.0 - rho * rho) * returns[at]
        hourly = segment_of(0.01 * returns)
        times = timeframe.ms * np.arange(count, dtype=np.int64)
        return Segment(times, hourly.ohlcv * (1.0, 1.001, 0.999, 1.0, 1.0), hourly.filled)

    return made


@pytest.fixture
def pipeline(features: FeatureSet) -> Pipeline:
    return Pipeline(features, WINDOW, Timeframe.H1)


@pytest.mark.parametrize("name", DETECTORS)
def test_the_shipped_pipeline_passes(name: str, pipeline: Pipeline, market: MakeMarket) -> None:
    check = DETECTORS[name](pipeline, market)

    assert check.name == name
    assert check.held, check
    assert check.figure == 0.0


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_caught_by_the_check_of_its_name_and_by_no_other(
    leak: str, pipeline: Pipeline, market: MakeMarket
) -> None:
    leaky = LEAKS[leak](pipeline)

    failed = [name for name, detect in DETECTORS.items() if not detect(leaky, market).held]

    assert failed == [leak]


def test_every_detector_has_a_leak_that_it_was_seen_to_catch() -> None:
    assert set(LEAKS) == set(DETECTORS)


def test_a_leak_leaves_the_pipeline_that_it_was_planted_into_a_copy_of(pipeline: Pipeline) -> None:
    before = replace(pipeline)
    for plant in LEAKS.values():
        assert plant(pipeline) != pipeline
    assert all(getattr(pipeline, name) is getattr(before, name) for name in Pipeline.__struct_fields__)


@pytest.mark.parametrize(("horizon", "held"), [(1, True), (4, False)])
def test_a_purge_of_one_candle_is_too_short_for_labels_that_reach_further(
    pipeline: Pipeline, market: MakeMarket, horizon: int, *, held: bool
) -> None:
    def purged_by_one(
        parts: list[Segment],
        features: FeatureSet,
        window: int,
        step: int,
        lengths: Lengths,
        folds: int,
        rule: LabelRule,
    ) -> Course:
        course = plan_course(parts, features, window, step, lengths, folds, rule)
        longer_ms = (rule.horizon - 1) * step

        def widened(fold: Fold) -> Fold:
            return replace(fold, train=Span(fold.train.from_ms, fold.train.until_ms + longer_ms))

        return replace(course, judged_on=tuple(map(widened, course.judged_on)))

    rule = LabelRule(horizon=horizon)

    assert DETECTORS[LABEL_OVERLAP](replace(pipeline, rule=rule), market).held
    assert DETECTORS[LABEL_OVERLAP](replace(pipeline, rule=rule, plan=purged_by_one), market).held is held


def test_a_timeframe_that_nothing_shorter_makes_is_called_blind(pipeline: Pipeline, market: MakeMarket) -> None:
    check = DETECTORS[UNFINISHED_BAR](replace(pipeline, timeframe=Timeframe.M1), market)

    assert not check.held
    assert "no shorter candle" in check.blind


def test_short_candles_are_the_longest_of_which_several_make_a_long_one() -> None:
    assert shorter(Timeframe.H1) is Timeframe.M15
    assert shorter(Timeframe.M5) is Timeframe.M1
    assert shorter(Timeframe.M1) is None


def test_a_comparison_of_nothing_or_of_equal_futures_does_not_hold() -> None:
    assert unchanged("one", Seen(0, 10, 3), 1).held
    assert not unchanged("one", Seen(0, 0, 3), 1).held
    assert not unchanged("one", Seen(0, 10, 0), 1).held
    assert not unchanged("one", Seen(1, 10, 3), 1).held


def test_a_leak_that_is_not_seen_or_not_seen_well_is_missed() -> None:
    assert caught(unchanged("one", Seen(2, 10, 3), 1), "a leak").verdict == "caught"
    assert caught(unchanged("one", Seen(0, 10, 3), 1), "a leak").verdict == "MISSED"
    assert caught(unchanged("one", Seen(2, 10, 0), 1), "a leak").verdict == "MISSED"


def test_a_figure_that_is_no_number_does_not_hold() -> None:
    assert not Check("one", "rate", float("nan")).held
    assert Check("one", "rate", 0.5, 0.4, 0.6).held
    assert not Check("one", "rate", 0.7, 0.4, 0.6).held


def test_bits_are_compared_and_not_numbers() -> None:
    assert differing(np.array([0.0, 1.0]), np.array([-0.0, 1.0])) == 1
    assert differing(np.array([np.nan]), np.array([np.nan])) == 0
    assert differing(np.zeros(3), np.zeros(4)) == 4


def test_another_future_is_made_of_possible_candles_and_keeps_the_past(market: MakeMarket) -> None:
    series = market(Timeframe.H1, 0.3, 1, 100)
    told = another_future(series.ohlcv, 60, 5)

    assert told[:60].tobytes() == series.ohlcv[:60].tobytes()
    assert (told[60:, 1] >= told[60:, [0, 3]].max(axis=1)).all()
    assert (told[60:, 2] <= told[60:, [0, 3]].min(axis=1)).all()
    assert (told[60:] > 0.0).all()
    assert another_future(series.ohlcv, 60, 5).tobytes() == told.tobytes()
