"""
A study without networks: its answers are made of a hash of all that a fit would see.

Run as a program it is one worker, which says what it begins and waits for a line before it goes on.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

import numpy as np

from bot.adapters.trial_ledger import TrialLedger
from bot.compose.tuning_work import Answer, Assignment, work_on
from bot.core.errors import DataError
from bot.core.gaps import Segment, segments
from bot.core.market import Timeframe
from bot.exchange.market import MarketModel, SeededMarket
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold, Lengths
from strategies.forecasting.tuning_course import FoldAnswer, TuningCourse, plan_tuning
from strategies.forecasting.tuning_space import WINDOWS

FROM_MS = 1_609_459_200_000
"""2021-01-01."""
FOLDS = 3
SEED = 11


def made_candles(count: int = 1_500) -> list[Segment]:
    """Hourly candles of a market with a planted edge."""
    made = SeededMarket(5, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=0.6), FROM_MS).candles(count)
    ohlcv = np.stack([made.open, made.high, made.low, made.close, made.volume], axis=1)
    return list(segments(np.asarray(made.open_time_ms), ohlcv, Timeframe.H1))


def course_of(candles: list[Segment]) -> TuningCourse:
    """Plan a study of them."""
    return plan_tuning(candles, SHIPPED, max(WINDOWS), Timeframe.H1.ms, Lengths(), FOLDS)


@cache
def made_course() -> TuningCourse:
    """The plan of the made candles."""
    return course_of(made_candles())


def assignment_in(folder: Path, trials: int, course: TuningCourse | None = None) -> Assignment:
    """What a worker is to do in a folder."""
    planned = course or made_course()
    folder.mkdir(exist_ok=True)
    return Assignment(folder, "CNN-LSTM", SEED, trials, planned.tried, planned.tried_on)


def answer_of_hash(configuration: Configuration, dataset: Dataset, fold: Fold) -> FoldAnswer:
    """A loss that depends on every bit of the configuration, of the fold, and of all rows and labels there are."""
    digest = sha256(repr((configuration, fold)).encode() + dataset.rows.tobytes() + dataset.moves.tobytes()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    count = len(dataset.between(fold.validation.from_ms, fold.validation.until_ms))
    return FoldAnswer(0.9 + 0.1 * random.random(), 3, 2, random.standard_normal((count, 2)).astype(np.float32))


def made_versions() -> dict[str, str]:
    """Nothing was fitted."""
    return {"network": "none"}


def work(assignment: Assignment, answer: Answer, ledger: TrialLedger | None = None) -> None:
    """Be a worker in this process."""
    work_on(ledger or assignment.ledger(), assignment, answer, made_versions, Event().wait)


def held(begun: Callable[[Configuration, Fold], None]) -> Answer:
    """Answer as `answer_of_hash`, after `begun` has returned."""

    def answer(configuration: Configuration, dataset: Dataset, fold: Fold) -> FoldAnswer:
        begun(configuration, fold)
        return answer_of_hash(configuration, dataset, fold)

    return answer


def killed_once(assignment: Assignment, told: Connection) -> None:
    """Be a worker process that is killed in its second fold, once."""
    mark = assignment.folder / "was killed"

    def begun(configuration: Configuration, fold: Fold) -> None:
        if fold == assignment.folds[1] and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    work(assignment, held(begun))


def always_killed(assignment: Assignment, told: Connection) -> None:
    """Be a worker process that never gets anywhere."""
    os.kill(os.getpid(), signal.SIGKILL)


def without_candles(assignment: Assignment, told: Connection) -> None:
    """Be a worker process that ends with an error for a person."""
    told.send(DataError("there are no candles: give some"))


def main(folder: str, trials: str) -> None:
    """Work, a line of input for each fold; the fold that is begun is told by its seed and its first moment."""

    def begun(configuration: Configuration, fold: Fold) -> None:
        sys.stdout.write(f"{configuration.plan.seed} {fold.validation.from_ms}\n")
        sys.stdout.flush()
        sys.stdin.readline()

    work(assignment_in(Path(folder), int(trials)), held(begun))


if __name__ == "__main__":
    main(*sys.argv[1:])
