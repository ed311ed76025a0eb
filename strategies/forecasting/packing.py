"""
Writes a bundle: every file of it into a folder beside its place, then one rename.

A bundle is there whole or not at all, and equal contents give equal bytes: no file holds a time of day. Knows
nothing of training or TensorFlow.
"""

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bot.core.errors import ConfigError, StorageError
from strategies.forecasting.bundle import FORMAT, HABITS, MANIFEST, Contents, Manifest


def write_bundle(path: Path, name: str, contents: Contents, check: Callable[[Path], None]) -> None:
    """
    Write a bundle.

    Args:
        path: Its folder, which must not exist.
        name: What it is called in reports.
        contents: What goes into it.
        check: Called with the finished folder before it gets its name; raises if the bundle must not be.

    Raises:
        ConfigError: Something has that path already.
        StorageError: The disk refused.
    """
    if path.exists():
        raise ConfigError(f"{path} exists and is not overwritten: name another folder")
    files = _files(contents)
    sums = {file: hashlib.sha256(files[file]).hexdigest() for file in files}
    files[MANIFEST] = _json(Manifest(FORMAT, name, sums))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unnamed = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise StorageError(f"no bundle can be written to {path.parent}: {error.strerror}") from error
    try:
        for file, data in files.items():
            (unnamed / file).write_bytes(data)
        check(unnamed)
        unnamed.chmod(0o755)
        unnamed.rename(path)
    except OSError as error:
        raise StorageError(f"bundle {path} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(unnamed, ignore_errors=True)


def _files(contents: Contents) -> dict[str, bytes]:
    weights = {f"weight_{number:02}": array for number, array in enumerate(contents.weights)}
    return {
        "model.onnx": contents.graph,
        "weights.npz": _arrays(weights),
        "architecture.json": _json(contents.architecture),
        "features.json": _json(contents.features),
        "scaler.json": _json(contents.scaler),
        "calibration.json": _json(contents.calibration),
        "metrics.json": _json(contents.metrics),
        "data.json": _json(contents.data),
        "environment.json": _json(contents.environment),
        "vectors.npz": _arrays({"rows": contents.vectors.rows, "outputs": contents.vectors.outputs}),
        "card.md": contents.card.encode(),
        **({} if contents.habits is None else {HABITS: _json(contents.habits)}),
    }


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _arrays(arrays: dict[str, NDArray[np.float32]]) -> bytes:
    # numpy gives the members of its archive a fixed date, so equal arrays are equal bytes.
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()
