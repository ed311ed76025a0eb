"""The checks that fit: a small network on made candles, honest and with leaks."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.core.window import FeatureSet
from strategies.forecasting.audit import MakeMarket, Pipeline
from strategies.forecasting.audit_fits import RHO, Trainer, another_fit, fit_checks, permuted
from strategies.forecasting.audit_steps import LABEL_OVERLAP
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.plan import Plan
from strategies.forecasting.planted_leaks import LEAKS

WINDOW = 8
SMALL = Architecture(WINDOW, 3, filters=4, kernels=(3, 2), lstm_units=6, dense_units=6)
PLAN = Plan(epochs=3, batch=64, learning_rate=1e-2)


@pytest.fixture(scope="module")
def market(segment_of: Callable[..., Segment]) -> MakeMarket:
    def made(timeframe: Timeframe, rho: float, seed: int, count: int) -> Segment:
        random = np.random.default_rng(seed)
        returns = random.standard_normal(count - 1)
        for at in range(1, len(returns)):
            returns[at] = rho * returns[at - 1] + np.sqrt(1.0 - rho * rho) * returns[at]
        return segment_of(0.01 * returns)

    return made


@pytest.fixture(scope="module")
def trainer(features: FeatureSet) -> Trainer:
    return Trainer(Pipeline(features, WINDOW, Timeframe.H1), SMALL, PLAN, candles=4_000)


def test_an_honest_training_passes_and_says_what_it_does(trainer: Trainer, market: MakeMarket) -> None:
    told: list[str] = []
    checks = list(fit_checks(trainer, market, told.append))

    assert [check.name for check in checks] == [
        "planted AR(1)",
        "another future: weights",
        "label permutation",
        "white noise",
    ]
    assert all(check.held for check in checks), checks
    assert len(told) == 4


def test_a_label_of_the_test_part_is_seen_in_the_weights(trainer: Trainer, market: MakeMarket) -> None:
    leaky = replace(
        trainer, pipeline=LEAKS[LABEL_OVERLAP](trainer.pipeline), plan=replace(PLAN, epochs=1), candles=1_500
    )
    series = market(Timeframe.H1, RHO, 3, leaky.candles)
    course = leaky.pipeline.course(series)

    check = another_fit(leaky, series, course, leaky.learn(course, course.dataset))

    assert not check.held
    assert check.figure > 0


def test_permuted_labels_are_the_same_labels_elsewhere(trainer: Trainer, market: MakeMarket) -> None:
    dataset = trainer.pipeline.course(market(Timeframe.H1, RHO, 3, 1_500)).dataset
    dealt = permuted(dataset)

    np.testing.assert_allclose(np.sort(dealt.moves), np.sort(dataset.moves))
    assert (dealt.moves != dataset.moves).mean() > 0.9
    assert dealt.rows is dataset.rows
