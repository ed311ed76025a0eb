"""
A model as shipped: one folder of plain data, checked against its manifest before anything in it is used.

Nothing here is ever unpickled or executed: the graph is an ONNX file without code, the arrays are raw
numbers, the rest is JSON. Every file is read once, and the bytes that were hashed are the bytes that are
used. Reading needs neither TensorFlow nor ONNX Runtime, and this file knows neither.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ModelError
from bot.core.window import FeatureSet
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.drift_reference import Habits
from strategies.forecasting.scaling import Scaler

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = (
    "model.onnx",
    "weights.npz",
    "architecture.json",
    "features.json",
    "scaler.json",
    "calibration.json",
    "metrics.json",
    "data.json",
    "environment.json",
    "vectors.npz",
    "card.md",
)
"""Every file of a bundle beside its manifest."""
HABITS: Final = "habits.json"
"""A file that a bundle may have: what its model is used to."""


class Architecture(Struct, frozen=True):
    """
    The shape of a network and its kind: all that is needed to build it again.

    Of its feature columns the `muted` ones are kept from it.
    """

    window: int
    features: int
    filters: int = 24
    kernels: tuple[int, int] = (5, 3)
    lstm_units: int = 32
    dense_units: int = 16
    dropout: float = 0.3
    noise: float = 0.05
    l2: float = 1e-4
    muted: tuple[int, ...] = ()
    kind: str = "CNN-LSTM"


class FeatureColumns(Struct, frozen=True):
    """The feature set that a bundle was trained on; `window` is the number of rows that it reads."""

    name: str
    version: str
    names: tuple[str, ...]
    warm_up: int
    window: int


class DataSpan(Struct, frozen=True):
    """
    What a bundle has seen: `[trained_from_ms, trained_until_ms)`, its validation part included.

    `fingerprint` is the sha256 of the candles, `source` says in words where they came from.
    """

    fingerprint: str
    symbols: tuple[str, ...]
    timeframe: str
    trained_from_ms: int
    trained_until_ms: int
    rows: int
    source: str

    def overlaps(self, symbol: str, from_ms: int, until_ms: int) -> bool:
        """Whether candles of `[from_ms, until_ms)` are in sample."""
        return symbol in self.symbols and from_ms < self.trained_until_ms and until_ms > self.trained_from_ms


class Vectors(Struct, frozen=True):
    """Test vectors: raw feature rows `(n + T - 1, F)`, and the outputs `(n, 2)` of their n windows."""

    rows: NDArray[np.float32]
    outputs: NDArray[np.float32]

    def windows(self) -> NDArray[np.float32]:
        """The n windows, `(n, T, F)` float32."""
        length = len(self.rows) - len(self.outputs) + 1
        return sliding_windows(self.rows, length)


class Manifest(Struct, frozen=True):
    """The name of a bundle, the version of its format, and the sha256 of each of its files."""

    format: int
    name: str
    files: dict[str, str]


class Contents(Struct, frozen=True, kw_only=True):
    """Everything in a bundle, as values. `weights` are the arrays of the network in its own order."""

    graph: bytes
    weights: tuple[NDArray[np.float32], ...]
    architecture: Architecture
    features: FeatureColumns
    scaler: Scaler
    calibration: Calibration
    metrics: dict[str, Any]
    data: DataSpan
    environment: dict[str, str]
    vectors: Vectors
    card: str
    habits: Habits | None = None


class Bundle(Contents, frozen=True, kw_only=True):
    """A checked model. `fingerprint` is the sha256 of the manifest, and with it of every byte."""

    name: str
    fingerprint: str


def sliding_windows(rows: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Every window of `length` rows, `(n - length + 1, length, F)`, as a view that copies nothing."""
    return np.lib.stride_tricks.sliding_window_view(rows, length, axis=0).swapaxes(1, 2)


def load_bundle(path: Path, features: FeatureSet) -> Bundle:
    """
    Read and check a bundle.

    Args:
        path: Its folder.
        features: The feature set that will feed it.

    Raises:
        ModelError: A file is missing, damaged or of another format, or the bundle was trained on other
            features; the message says what differs.
    """
    seal = _read(path, MANIFEST)
    manifest = _decode(seal, Manifest, path, MANIFEST)
    if manifest.format != FORMAT:
        raise ModelError(f"bundle {path} has format {manifest.format}, this version reads {FORMAT}: train it again")
    content = {name: _checked(path, manifest, name) for name in FILES}
    if HABITS in manifest.files:
        content[HABITS] = _checked(path, manifest, HABITS)
    columns = _decode(content["features.json"], FeatureColumns, path, "features.json")
    _same_features(path, columns, features)
    bundle = Bundle(
        name=manifest.name,
        fingerprint=hashlib.sha256(seal).hexdigest(),
        graph=content["model.onnx"],
        weights=tuple(_arrays(content["weights.npz"], path, "weights.npz").values()),
        architecture=_decode(content["architecture.json"], Architecture, path, "architecture.json"),
        features=columns,
        scaler=_decode(content["scaler.json"], Scaler, path, "scaler.json"),
        calibration=_decode(content["calibration.json"], Calibration, path, "calibration.json"),
        data=_decode(content["data.json"], DataSpan, path, "data.json"),
        metrics=_decode(content["metrics.json"], dict, path, "metrics.json"),
        environment=_decode(content["environment.json"], dict[str, str], path, "environment.json"),
        vectors=_vectors(content["vectors.npz"], path),
        card=content["card.md"].decode(),
        habits=_decode(content[HABITS], Habits, path, HABITS) if HABITS in content else None,
    )
    _same_shape(path, bundle)
    return bundle


def _read(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise ModelError(
            f"bundle {path} has no readable {name} ({error.strerror}): it is not a bundle, or is torn"
        ) from None


def _checked(path: Path, manifest: Manifest, name: str) -> bytes:
    if name not in manifest.files:
        raise ModelError(f"bundle {path}: {MANIFEST} does not name {name}, so it cannot be trusted: train it again")
    data = _read(path, name)
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.files[name]:
        raise ModelError(
            f"bundle {path}: {name} is damaged or foreign: "
            f"its sha256 is {found}, {MANIFEST} says {manifest.files[name]}"
        )
    return data


def _decode(data: bytes, kind: Any, path: Path, name: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"bundle {path}: {name} cannot be read: {error}") from None


def _arrays(data: bytes, path: Path, name: str) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise ModelError(f"bundle {path}: {name} is not a file of plain arrays: {error}") from None
    for key, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelError(f"bundle {path}: array {key} of {name} is not made of finite float32 numbers")
    return arrays


def _vectors(data: bytes, path: Path) -> Vectors:
    arrays = _arrays(data, path, "vectors.npz")
    if set(arrays) != {"rows", "outputs"} or any(array.ndim != 2 for array in arrays.values()):
        raise ModelError(
            f"bundle {path}: vectors.npz must hold the two tables rows and outputs, found {sorted(arrays)}"
        )
    return Vectors(arrays["rows"], arrays["outputs"])


def _same_features(path: Path, columns: FeatureColumns, features: FeatureSet) -> None:
    if columns.names != features.names:
        raise ModelError(f"bundle {path} was trained on other features: {_difference(columns.names, features.names)}")
    if columns.warm_up != features.warm_up:
        raise ModelError(
            f"bundle {path} was trained with a warm-up of {columns.warm_up} candles, "
            f"feature set {features.name} has {features.warm_up}"
        )
    if columns.version != features.version:
        raise ModelError(
            f"bundle {path} was trained on version {columns.version} of feature set {columns.name}, "
            f"this is version {features.version}: the names agree, the arithmetic does not; train it again"
        )


def _difference(trained: tuple[str, ...], given: tuple[str, ...]) -> str:
    for position, (expected, found) in enumerate(zip(trained, given, strict=False)):
        if expected != found:
            return f"column {position} was {expected!r} and is {found!r}"
    return f"it has {len(trained)} columns, the feature set has {len(given)}"


def _same_shape(path: Path, bundle: Bundle) -> None:
    shape = (bundle.features.window, len(bundle.features.names))
    if (bundle.architecture.window, bundle.architecture.features) != shape:
        raise ModelError(
            f"bundle {path}: architecture.json reads windows of "
            f"{(bundle.architecture.window, bundle.architecture.features)}, features.json describes {shape}"
        )
    for name, widths in (("center", bundle.scaler.center), ("spread", bundle.scaler.spread)):
        if len(widths) != shape[1]:
            raise ModelError(f"bundle {path}: {name} in scaler.json has {len(widths)} columns, expected {shape[1]}")
    if bundle.scaler.muted != bundle.architecture.muted or not set(bundle.scaler.muted) <= set(range(shape[1])):
        raise ModelError(
            f"bundle {path}: scaler.json mutes the columns {bundle.scaler.muted}, architecture.json "
            f"{bundle.architecture.muted}, of {shape[1]}: they must be the same"
        )
    rows, outputs = bundle.vectors.rows, bundle.vectors.outputs
    if rows.shape != (len(outputs) + shape[0] - 1, shape[1]) or outputs.shape[1] != 2 or not len(outputs):
        raise ModelError(f"bundle {path}: vectors.npz does not hold windows of {shape} and two outputs for each")
