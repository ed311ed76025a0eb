"""
When a model is trained again, and how a training that was killed goes on.

A finished fit is kept in a folder under the sha256 of everything that decides it, so that whoever asks for the same
fit again is given its result. Knows nothing of what is fitted, nor of TensorFlow.
"""

import io
import zipfile
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.market import DAY_MS
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Scored

if TYPE_CHECKING:
    from strategies.forecasting.walk_forward import RunTasks, Task

_NAMED: Final = {"daily": DAY_MS, "weekly": 7 * DAY_MS}
MONTHLY: Final = "monthly"


class Schedule(Struct, frozen=True):
    """How often a model is trained again; `every_ms` is None for the same day of every month."""

    every_ms: int | None

    def next_ms(self, last_ms: int) -> int:
        """
        When the next training begins.

        A month that has no such day has its last one.

        Args:
            last_ms: When the last one began.
        """
        if self.every_ms is not None:
            return last_ms + self.every_ms
        last = datetime.fromtimestamp(last_ms / 1_000, UTC)
        year, month = (last.year + 1, 1) if last.month == 12 else (last.year, last.month + 1)
        day = min(last.day, monthrange(year, month)[1])
        return round(last.replace(year=year, month=month, day=day).timestamp() * 1_000)


def schedule_of(words: str, duration_ms: Callable[[str], int]) -> Schedule:
    """
    Read `daily`, `weekly`, `monthly` or a duration such as 7d.

    Args:
        words: What was asked for.
        duration_ms: Reads a duration; raises where it is none.

    Raises:
        ConfigError: It is shorter than nothing.
    """
    if words == MONTHLY:
        return Schedule(None)
    every_ms = _NAMED.get(words) or duration_ms(words)
    if every_ms <= 0:
        raise ConfigError(f"a model cannot be trained again every {words}: write daily, weekly, monthly or 7d")
    return Schedule(every_ms)


def remembering(run: "RunTasks", folder: Path) -> "RunTasks":
    """
    Have finished fits kept in a folder, and found there again.

    Args:
        run: Runs the fits that are not there.
        folder: Where results are kept; made when the first one is.

    Returns:
        What runs tasks like `run`, with the same results to the last bit.
    """

    def runs(run_task: "Callable[[Task], Scored]", tasks: "Iterable[Task]") -> Iterator[Scored]:
        names = _Names()
        named = [(folder / f"{names.of(task)}.npz", task) for task in tasks]
        kept = [_read(path) for path, _ in named]
        fresh = run(run_task, [task for (_, task), found in zip(named, kept, strict=True) if found is None])
        for (path, _), found in zip(named, kept, strict=True):
            result = found
            if result is None:
                result = next(fresh)
                _keep(path, result)
            yield result

    return runs


class _Names:
    """Names tasks by what decides them; each data set is read once."""

    def __init__(self) -> None:
        self._datasets: dict[int, str] = {}

    def of(self, task: "Task") -> str:
        rest = [getattr(task, name) for name in task.__struct_fields__ if name != "dataset"]
        if id(task.dataset) not in self._datasets:
            self._datasets[id(task.dataset)] = _dataset_print(task.dataset)
        return sha256(msgspec.json.encode(rest) + self._datasets[id(task.dataset)].encode()).hexdigest()


def _dataset_print(dataset: Dataset) -> str:
    digest = sha256()
    for name in dataset.__struct_fields__:
        value = getattr(dataset, name)
        if isinstance(value, np.ndarray):
            digest.update(f"{name}\0{value.dtype}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{name}\0{value!r}".encode())
    return digest.hexdigest()


def _read(path: Path) -> Scored | None:
    """A result that is whole; one that is torn counts as none."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return Scored(**{name: archive[name] for name in archive.files})
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile):
        return None


def _keep(path: Path, result: Scored) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {name: getattr(result, name) for name in result.__struct_fields__}
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, **{name: value for name, value in columns.items() if value is not None})
        draft = path.with_suffix(".draft")
        draft.write_bytes(file.getvalue())
    draft.replace(path)
