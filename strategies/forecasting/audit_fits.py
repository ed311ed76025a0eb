"""
The checks that need a fit: what the way of training makes of noise, of shuffled labels and of a planted edge.

Every fit has the bundle's architecture and plan, with fewer epochs, on made candles. This module imports TensorFlow;
only audits that fit do.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bot.core.gaps import Segment
from strategies.forecasting.audit import (
    Check,
    Floats,
    MakeMarket,
    Pipeline,
    Seen,
    differing,
    unchanged,
    with_another_future,
)
from strategies.forecasting.audit_skill import found_at_its_rate, no_skill, planted_hit_rate
from strategies.forecasting.audit_steps import first_read_ms
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.calibration import Calibration, fit_calibration
from strategies.forecasting.course import Course
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import reversal_rate, score
from strategies.forecasting.plan import Plan
from strategies.forecasting.training import Fit, fit, predict

RHO: Final = 0.6
"""The edge that is planted: large, so that a few thousand windows are enough to find it."""
EPOCHS: Final = 4
CANDLES: Final = 10_000

_SEED: Final = 55
_ANOTHER: Final = 56


class Learnt(Struct, frozen=True, eq=False):
    """What one fit gave: the network, its calibration, and the windows that it was not shown."""

    fitted: Fit
    calibration: Calibration
    train: Dataset
    test: Dataset

    def p_up(self) -> Floats:
        """Probabilities of "up" for the test part."""
        told = score(self.test, predict(self.fitted, self.test), self.calibration, reversal_rate(self.train))
        return told.p_up

    def bits(self) -> Floats:
        """Everything that was learnt, as one column of numbers: weights, calibration, scaling."""
        weights = [array.ravel().astype(np.float64) for array in self.fitted.weights]
        calibration = [self.calibration.scale, self.calibration.shift, self.calibration.half_width]
        scaled = self.fitted.scaler.function()(self.train.rows[self.train.ends[:1]]).ravel().astype(np.float64)
        return np.concatenate([*weights, calibration, scaled])


class Trainer(Struct, frozen=True, eq=False):
    """A way of training: the pipeline and the network that it feeds."""

    pipeline: Pipeline
    architecture: Architecture
    plan: Plan
    candles: int = CANDLES

    def learn(self, course: Course, dataset: Dataset) -> Learnt:
        """Fit on the training part, calibrate on the validation part, keep the test part for later."""
        fold = course.judged_on[0]
        train, validation, test = (
            dataset.between(span.from_ms, span.until_ms) for span in (fold.train, fold.validation, fold.test)
        )
        fitted = fit(self.architecture, self.plan, train, validation, _unwatched)
        calibration = fit_calibration(predict(fitted, validation)[:, 1], validation.moves)
        return Learnt(fitted, calibration, train, test)


def fit_checks(trainer: Trainer, market: MakeMarket, tell: Callable[[str], None]) -> Iterator[Check]:
    """Fit four networks and check each."""
    timeframe = trainer.pipeline.timeframe
    series = market(timeframe, RHO, _SEED, trainer.candles)
    course = trainer.pipeline.course(series)
    tell("fitting on a planted edge (1 of 4)")
    learnt = trainer.learn(course, course.dataset)
    yield found_at_its_rate("planted AR(1)", learnt.p_up(), learnt.test.next_return, planted_hit_rate(RHO))
    tell("fitting again under another future (2 of 4)")
    yield another_fit(trainer, series, course, learnt)
    tell("fitting on permuted labels (3 of 4)")
    shuffled = trainer.learn(course, permuted(course.dataset))
    why = "labels dealt out at random"
    yield no_skill("label permutation", shuffled.p_up(), shuffled.test.next_return, why)
    tell("fitting on white noise (4 of 4)")
    noise = trainer.pipeline.course(market(timeframe, 0.0, _ANOTHER, trainer.candles))
    nothing = trainer.learn(noise, noise.dataset)
    yield no_skill("white noise", nothing.p_up(), nothing.test.next_return, "independent returns")


def another_fit(trainer: Trainer, series: Segment, course: Course, learnt: Learnt) -> Check:
    """Check that nothing of the test part gets into a fit: other candles there, the same weights to the last bit."""
    from_ms = first_read_ms(learnt.test, trainer.pipeline.timeframe)
    other = trainer.pipeline.course(with_another_future(series, from_ms, _ANOTHER))
    again = trainer.learn(replace(course, judged_on=other.judged_on), other.dataset)
    was, now = learnt.bits(), again.bits()
    moved = differing(learnt.test.next_return, again.test.next_return)
    return unchanged("another future: weights", Seen(differing(was, now), was.size, moved), 1)


def permuted(dataset: Dataset) -> Dataset:
    """Deal the labels of the whole data set out at random, in units of σ."""
    order = np.random.default_rng(_SEED).permutation(len(dataset))
    return replace(dataset, next_return=dataset.moves[order] * dataset.sigma)


def _unwatched(done: int, total: int) -> None:
    """Tell nobody of single steps."""
