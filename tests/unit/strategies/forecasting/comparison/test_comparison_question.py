from collections.abc import Callable

import numpy as np
import pytest

from bot.core.errors import DataError
from strategies.forecasting.comparison.question import Question, judged_windows
from strategies.forecasting.labels import LabelRule

HOUR_MS = 3_600_000


def noise(length: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, length)


def test_nothing_of_an_open_fold_reaches_into_the_locked_period(question_of: Callable[..., Question]) -> None:
    lock_ms = 2_500 * HOUR_MS
    question = question_of(noise(3_000), rule=LabelRule(5), locked_from_ms=lock_ms)
    opened = judged_windows(question, question.folds)

    # A decision is settled five candles later.
    assert opened.close_time_ms[-1] + 5 * HOUR_MS == lock_ms
    assert question.final is not None
    assert judged_windows(question, [question.final]).close_time_ms[0] == lock_ms


def test_what_comes_later_changes_no_fold_that_is_over(question_of: Callable[..., Question]) -> None:
    returns = noise(3_000)
    short, long = (question_of(path, folds=1, locked_from_ms=2_000 * HOUR_MS) for path in (returns[:2_500], returns))

    assert short.fingerprint != long.fingerprint
    assert short.folds == long.folds
    assert short.fold_fingerprint(short.folds[0]) == long.fold_fingerprint(long.folds[0])


def test_a_changed_price_changes_the_folds_that_read_it(question_of: Callable[..., Question]) -> None:
    returns = noise(3_000)
    other = returns.copy()
    other[-10] += 0.01
    one, two = (question_of(path) for path in (returns, other))
    same = [one.fold_fingerprint(fold) == two.fold_fingerprint(fold) for fold in one.folds]

    assert same == [True, False]


def test_questions_have_names(question_of: Callable[..., Question]) -> None:
    assert question_of(noise(2_000)).name == "1h, the next candle"
    assert question_of(noise(2_000), rule=LabelRule(4)).name == "1h, 4 candles ahead"


def test_a_lock_that_leaves_nothing_is_refused(question_of: Callable[..., Question]) -> None:
    with pytest.raises(DataError, match="not inside the usable candles"):
        question_of(noise(2_000), locked_from_ms=9_000 * HOUR_MS)
