from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import DataError
from bot.core.market import DAY_MS
from strategies.forecasting.folds import Fold, Lengths, Span, last_fold, walk_forward_folds

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
