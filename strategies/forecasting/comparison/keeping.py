"""
Data sets and finished fits on disk, under the sha256 of what they came from: what a killed comparison goes on with.

A file is there whole or not at all. Nothing is unpickled; what cannot be read is made again.
"""

import io
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.core.errors import StorageError
from strategies.forecasting.comparison.fitting import Fitted
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.evaluation import Learnt, Scored

_SCORED: Final = Scored.__struct_fields__
_ARRAYS: Final = tuple(name for name in Dataset.__struct_fields__ if name not in ("window", "names", "horizon"))


class Shelf:
    """
    A folder of data sets and fits.

    Args:
        folder: Where they are; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep_dataset(self, name: str, dataset: Dataset) -> None:
        """Keep a data set, if it is not there already."""
        path = self._folder / f"data-{name}.npz"
        if not path.exists():
            facts = {"window": dataset.window, "names": dataset.names, "horizon": dataset.horizon}
            _write(path, {each: getattr(dataset, each) for each in _ARRAYS}, facts)

    def dataset(self, name: str) -> Dataset:
        """
        Read a data set that was kept.

        Raises:
            StorageError: It is not there, or damaged.
        """
        path = self._folder / f"data-{name}.npz"
        found = _read(path)
        if found is None:
            raise StorageError(f"{path} is missing or damaged: remove it and compare again")
        arrays, facts = found
        return Dataset(
            window=facts["window"],
            names=tuple(facts["names"]),
            horizon=facts["horizon"],
            **{each: arrays[each] for each in _ARRAYS},
        )

    def has(self, address: str) -> bool:
        """Whether a fit was kept, and can be read."""
        return self.fitted(address) is not None

    def keep(self, address: str, fitted: Fitted) -> None:
        """
        Keep what came of a fit.

        Raises:
            StorageError: The disk refused.
        """
        learnt = fitted.learnt
        arrays = {name: getattr(learnt.scored, name) for name in _SCORED}
        arrays |= {"before": learnt.before, "after": learnt.after}
        arrays["graph"] = np.frombuffer(fitted.graph, dtype=np.uint8)
        facts = {
            "parameters": learnt.parameters,
            "seconds": fitted.seconds,
            "epochs": fitted.epochs,
            "best_epoch": fitted.best_epoch,
            "objection": fitted.objection,
        }
        _write(self._folder / f"fit-{address}.npz", arrays, facts)

    def fitted(self, address: str) -> Fitted | None:
        """What came of a fit; None where it is not there or cannot be read."""
        found = _read(self._folder / f"fit-{address}.npz")
        if found is None:
            return None
        arrays, facts = found
        scored = Scored(**{name: arrays[name] for name in _SCORED})
        learnt = Learnt(scored, arrays["before"], arrays["after"], facts["parameters"])
        made = facts["seconds"], facts["epochs"], facts["best_epoch"]
        return Fitted(learnt, *made, arrays["graph"].tobytes(), facts["objection"])


def _write(path: Path, arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, facts=np.frombuffer(msgspec.json.encode(facts), dtype=np.uint8), **arrays)
        data = file.getvalue()
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    try:
        with io.BytesIO(path.read_bytes()) as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, msgspec.json.decode(arrays.pop("facts").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, msgspec.DecodeError):
        return None
