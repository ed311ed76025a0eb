from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import DataError
from bot.core.market import DAY_MS
from strategies.forecasting.folds import (
    EXPANDING,
    Fold,
    Lengths,
    Span,
    final_fold,
    gap_between,
    last_fold,
    walk_forward_folds,
)

HOUR_MS = 3_600_000
GAP_MS = 61 * HOUR_MS


def parts(fold: Fold) -> list[Span]:
    return [part for part in (fold.train, fold.validation, fold.test) if part.until_ms > part.from_ms]


@given(days=st.integers(200, 3_000), count=st.integers(1, 6))
def test_no_part_begins_before_the_embargo_of_the_one_before_is_over(days: int, count: int) -> None:
    history = Span(0, days * DAY_MS)
    for fold in (*walk_forward_folds(history, Lengths(), GAP_MS, count), last_fold(history, Lengths(), GAP_MS)):
        for earlier, later in zip(parts(fold), parts(fold)[1:], strict=False):
            assert earlier.from_ms < earlier.until_ms
            assert later.from_ms - earlier.until_ms >= GAP_MS
        assert fold.train.from_ms >= history.from_ms


def test_test_parts_follow_one_another_and_end_with_the_history() -> None:
    history = Span(0, 1_250 * DAY_MS)
    folds = walk_forward_folds(history, Lengths(), GAP_MS, 4)

    assert [fold.test.until_ms - fold.test.from_ms for fold in folds] == [int(182.5 * DAY_MS)] * 4
    assert all(one.test.until_ms == two.test.from_ms for one, two in pairwise(folds))
    assert folds[-1].test.until_ms == history.until_ms


def test_training_rolls_forward_with_a_length_of_its_own() -> None:
    folds = walk_forward_folds(Span(0, 2_500 * DAY_MS), Lengths(), GAP_MS, 3)

    assert {fold.train.until_ms - fold.train.from_ms for fold in folds} == {730 * DAY_MS}


def test_the_shipped_network_is_validated_on_the_newest_candles() -> None:
    fold = last_fold(Span(0, 1_000 * DAY_MS), Lengths(), GAP_MS)

    assert fold.validation == Span(909 * DAY_MS, 1_000 * DAY_MS)
    assert fold.test.from_ms == fold.test.until_ms


def test_a_short_history_is_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"2\.0 days of usable candles are too few"):
        last_fold(Span(0, 2 * DAY_MS), Lengths(), GAP_MS)


def test_no_folds_are_no_folds() -> None:
    assert walk_forward_folds(Span(0, DAY_MS), Lengths(), GAP_MS, 0) == ()


def test_an_expanding_training_part_begins_with_the_history() -> None:
    folds = walk_forward_folds(Span(0, 2_500 * DAY_MS), Lengths(train_days=EXPANDING), GAP_MS, 3)

    assert {fold.train.from_ms for fold in folds} == {0}
    assert folds[0].train.until_ms < folds[1].train.until_ms < folds[2].train.until_ms


def test_the_gap_holds_the_label_and_the_window() -> None:
    assert gap_between(60, 4, HOUR_MS) == 64 * HOUR_MS


def test_the_final_period_is_tested_whole_and_nothing_learnt_reaches_into_it() -> None:
    history, lock = Span(0, 1_000 * DAY_MS), 800 * DAY_MS
    fold = final_fold(history, Lengths(), GAP_MS, lock)

    assert fold.test == Span(lock, history.until_ms)
    assert lock - fold.validation.until_ms == fold.validation.from_ms - fold.train.until_ms == GAP_MS


def test_a_final_period_outside_the_history_is_refused() -> None:
    with pytest.raises(DataError, match="from 1970-01-21 on is not inside"):
        final_fold(Span(0, 10 * DAY_MS), Lengths(), GAP_MS, 20 * DAY_MS)
