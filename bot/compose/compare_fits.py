"""
Runs the fits of a comparison: in processes of their own or in this one, and keeps each when it is finished.

A fit that is kept already is not run again, so a comparison that was killed goes on where it stopped.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from functools import lru_cache
from pathlib import Path
from time import perf_counter

from msgspec import Struct

from bot.compose.fit_processes import fit_pool
from strategies.forecasting.comparison.fitting import FitTask, run_fit
from strategies.forecasting.comparison.keeping import Shelf
from strategies.forecasting.comparison.roster import NETWORKS
from strategies.forecasting.datasets import Dataset

_BY_LENGTH = ("CNN-LSTM", "GRU", "LSTM", "CNN-LSTM, textbook", "CNN", "DLinear")
"""Networks, the slowest first, so that no process is left alone with a long one at the end."""


class Work(Struct, frozen=True):
    """A task, and the data set on the shelf that it is a part of."""

    task: FitTask
    dataset: str


def run_missing(folder: Path, work: Sequence[Work], jobs: int, moved: Callable[[int, int], None]) -> int:
    """
    Run every task whose result is not on the shelf.

    Args:
        folder: The shelf.
        work: The tasks; their data sets are on the shelf.
        jobs: How many run side by side.
        moved: Told how many tasks of how many are finished.

    Returns:
        How many were run.

    Raises:
        CandlewickError: A task failed; those that were finished are kept.
    """
    shelf = Shelf(folder)
    missing = sorted((one for one in work if not shelf.has(one.task.address)), key=_slowest_first)
    finished = len(work) - len(missing)
    moved(finished, len(work))
    if jobs == 1 or len(missing) < 2:
        for one in missing:
            run_and_keep(folder, one)
            finished += 1
            moved(finished, len(work))
        return len(missing)
    with fit_pool(min(jobs, len(missing))) as pool:
        running = [pool.submit(run_and_keep, folder, one) for one in missing]
        try:
            for done in as_completed(running):
                done.result()
                finished += 1
                moved(finished, len(work))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return len(missing)


def run_and_keep(folder: Path, work: Work) -> None:
    """Run one task and put its result on the shelf: what a process of its own is given to do."""
    Shelf(folder).keep(work.task.address, run_fit(work.task, _dataset(folder, work.dataset), perf_counter))


@lru_cache(maxsize=2)
def _dataset(folder: Path, name: str) -> Dataset:
    return Shelf(folder).dataset(name)


def _slowest_first(work: Work) -> int:
    row = work.task.row
    return _BY_LENGTH.index(row) if row in NETWORKS else len(_BY_LENGTH)
