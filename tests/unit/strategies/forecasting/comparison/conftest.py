"""Small comparisons without a file: invented returns, a feature set of three columns, fits in this process."""

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import pytest

from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.comparison.fitting import FitTask, run_fit
from strategies.forecasting.comparison.question import Course, Market, Question, ask
from strategies.forecasting.comparison.roster import ENSEMBLE, NETWORKS
from strategies.forecasting.comparison.table import Answered, Entry, Serving, Table, answer, ensemble_entry, tables
from strategies.forecasting.economics import SPOT
from strategies.forecasting.folds import Lengths
from strategies.forecasting.labels import NEXT, LabelRule
from strategies.forecasting.plan import Plan
from strategies.signal import SignalRule

WINDOW = 8
RULE = SignalRule(1.5, 0.5)
UNSERVED = Serving(None, "not served")


def small(kind: str) -> Architecture:
    return Architecture(WINDOW, 3, filters=4, kernels=(3, 2), lstm_units=6, dense_units=6, kind=kind)


def planted(length: int, rho: float, seed: int) -> np.ndarray:
    """Returns whose neighbours are correlated."""
    random = np.random.default_rng(seed)
    returns, last = np.empty(length), 0.0
    for number, shock in enumerate(random.standard_normal(length)):
        last = rho * last + np.sqrt(1.0 - rho * rho) * shock
        returns[number] = 0.01 * last
    return returns


@pytest.fixture(scope="session")
def question_of(features: FeatureSet, segment_of: Callable[..., Segment]) -> Callable[..., Question]:
    def make(
        *returns: np.ndarray, rule: LabelRule = NEXT, folds: int = 2, locked_from_ms: int | None = None
    ) -> Question:
        markets = [Market(f"M{number}/USDT", (segment_of(path),)) for number, path in enumerate(returns)]
        course = Course(Lengths(), folds, locked_from_ms)
        return ask(Timeframe.H1, markets, features, WINDOW, rule, course)

    return make


@pytest.fixture(scope="session")
def answered() -> Callable[..., Answered]:
    def make(
        question: Question, rows: Sequence[str], seeds: Sequence[int] = (7,), best_hit_rate: float | None = None
    ) -> Answered:
        clock = count()

        def entry(row: str) -> Entry:
            network = row in NETWORKS
            fits = [
                [
                    run_fit(
                        FitTask(
                            row,
                            question.fold_fingerprint(fold),
                            fold,
                            small(row) if network else None,
                            Plan(seed, epochs=4, batch=64, learning_rate=1e-2) if network else None,
                            exported=False,
                            made_with=(),
                        ),
                        question.dataset,
                        lambda: float(next(clock)),
                    )
                    for seed in (seeds if network else seeds[:1])
                ]
                for fold in question.folds
            ]
            return Entry(row, tuple(map(tuple, fits)), UNSERVED)

        entries = [entry(row) for row in rows if row != ENSEMBLE]
        if ENSEMBLE in rows:
            entries.append(ensemble_entry(question, question.folds, entries, UNSERVED))
        return answer(question, question.folds, entries, RULE, SPOT, best_hit_rate)

    return make


@pytest.fixture(scope="session")
def table_of(answered: Callable[..., Answered]) -> Callable[..., Table]:
    def make(question: Question, rows: Sequence[str], **options: object) -> Table:
        return tables([answered(question, rows, **options)])[0]

    return make
