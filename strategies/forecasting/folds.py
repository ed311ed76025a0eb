"""
Cuts time into training, validation and test, so that nothing of a later part is known in an earlier one.

Between two parts lie a purge, because a label reaches ahead, and an embargo of one window, because a window reaches
back. Pure arithmetic on times; knows nothing of candles or networks.
"""

from datetime import UTC, datetime
from math import inf
from typing import Final

from msgspec import Struct

from bot.core.errors import DataError
from bot.core.market import DAY_MS

EXPANDING: Final = inf
"""As the length of the training part: each fold learns from all that lies before it."""

_LARGEST_SHARE: Final = 0.15
"""No validation or test part takes more of a short history than this."""

_LARGEST_TESTED: Final = 0.6
"""All folds together test on no more than this: the first one needs the rest to learn from."""


class Span(Struct, frozen=True):
    """The times `[from_ms, until_ms)`."""

    from_ms: int
    until_ms: int


class Fold(Struct, frozen=True):
    """Three parts in order of time; `test` is empty for the network that is shipped."""

    train: Span
    validation: Span
    test: Span


class Lengths(Struct, frozen=True):
    """
    How long the parts of a fold are, in days, where the history is long enough.

    With so many `train_days` the training part rolls forward; with `EXPANDING` it begins with the history.
    """

    train_days: float = 730.0
    validation_days: float = 91.0
    test_days: float = 182.5


def gap_between(window: int, horizon: int, timeframe_ms: int) -> int:
    """
    Give what lies between two parts, in milliseconds: a purge of the label and an embargo of the window.

    López de Prado (2018), "Advances in Financial Machine Learning", section 7.4.

    Args:
        window: Candles that a window reaches back.
        horizon: Candles that a label reaches ahead.
        timeframe_ms: Length of a candle.
    """
    return (window + horizon) * timeframe_ms


def last_fold(history: Span, lengths: Lengths, gap_ms: int) -> Fold:
    """
    Training and validation that end with the history: the fold of the network that is shipped.

    Args:
        history: From the first to the last decision.
        lengths: How long the parts are.
        gap_ms: Purge and embargo together.

    Raises:
        DataError: The history is too short to be split.
    """
    return _ending_at(history.until_ms, history, lengths, gap_ms, test_ms=0)


def walk_forward_folds(history: Span, lengths: Lengths, gap_ms: int, count: int) -> tuple[Fold, ...]:
    """
    Give `count` folds whose test parts follow one another and end with the history.

    Each is trained on a stretch of the same length that rolls forward, or on all that exists before it.

    Raises:
        DataError: The history is too short for so many folds.
    """
    if not count:
        return ()
    span = history.until_ms - history.from_ms
    test_ms = min(_days(lengths.test_days), int(_LARGEST_SHARE * span), int(_LARGEST_TESTED * span) // count)
    ends = [history.until_ms - test_ms * later for later in reversed(range(count))]
    return tuple(_ending_at(end, history, lengths, gap_ms, test_ms) for end in ends)


def final_fold(history: Span, lengths: Lengths, gap_ms: int, from_ms: int) -> Fold:
    """
    Give the fold that is tested on everything from a moment on.

    Raises:
        DataError: The moment is not inside the history, or too little lies before it.
    """
    if not history.from_ms < from_ms < history.until_ms:
        raise DataError(
            f"a final period from {utc_day(from_ms)} on is not inside the usable candles, "
            f"{utc_day(history.from_ms)} to {utc_day(history.until_ms)}: name another day"
        )
    return _ending_at(history.until_ms, history, lengths, gap_ms, history.until_ms - from_ms)


def utc_day(time_ms: int) -> str:
    """Name the day of a time, UTC."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d")


def _ending_at(end_ms: int, history: Span, lengths: Lengths, gap_ms: int, test_ms: int) -> Fold:
    test = Span(end_ms - test_ms, end_ms)
    known_until = test.from_ms - gap_ms if test_ms else end_ms
    known = known_until - history.from_ms
    validation_from = known_until - min(_days(lengths.validation_days), int(_LARGEST_SHARE * known))
    train_until = validation_from - gap_ms
    train_from = history.from_ms
    if lengths.train_days != EXPANDING:
        train_from = max(train_from, train_until - _days(lengths.train_days))
    if train_until <= train_from:
        raise DataError(
            f"{(history.until_ms - history.from_ms) / DAY_MS:.1f} days of usable candles are too few "
            "for training, validation and the gaps between them: give more candles or ask for fewer folds"
        )
    return Fold(Span(train_from, train_until), Span(validation_from, known_until), test)


def _days(days: float) -> int:
    return int(days * DAY_MS)
