"""What a comparison looks at: the test parts of its open folds, and a locked period."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from strategies.forecasting.comparison.fitting import FitTask
from strategies.forecasting.comparison.lock import Look, Stretch
from strategies.forecasting.comparison.question import Question, judged_windows
from strategies.forecasting.folds import Fold
from strategies.signal import SignalRule

COMMAND: Final = "compare"

Asked: TypeAlias = Sequence[tuple[Question, Sequence[Fold]]]


def look_at(asked: Asked, about: str, out: Path, now_ms: int, *, locked: bool) -> Look:
    """
    Give the look at all test parts of some questions.

    Args:
        asked: Questions and the folds that are judged; at least one.
        about: The sha256 of what is judged and how.
        out: The report's folder.
        now_ms: The time.
        locked: Whether the folds are those of a locked period.
    """
    candles = tuple(dict.fromkeys(_stretch(question, folds) for question, folds in asked))
    return Look(now_ms, COMMAND, str(out.resolve()), about, candles, locked)


def _stretch(question: Question, folds: Sequence[Fold]) -> Stretch:
    last_ms = int(judged_windows(question, folds).close_time_ms[-1]) + question.reach_ms
    return Stretch(question.symbols, question.timeframe.value, min(fold.test.from_ms for fold in folds), last_ms)


def identity(
    tasks: Sequence[FitTask], rows: Sequence[str], signal: SignalRule, lowest: float, best_hit_rate: float | None
) -> str:
    """Give the sha256 of all that a look shows: of every fit and row, and of how they are traded and judged."""
    digest = hashlib.sha256(msgspec.json.encode((rows, signal, lowest, best_hit_rate)))
    for task in tasks:
        digest.update(task.address.encode())
    return digest.hexdigest()
