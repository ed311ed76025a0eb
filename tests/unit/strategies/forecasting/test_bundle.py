from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import ConfigError, ModelError
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import FILES, Bundle, Contents, Vectors, load_bundle
from strategies.forecasting.packing import write_bundle


def accept(folder: Path) -> None:
    """Let every bundle pass."""


@pytest.fixture
def path(tmp_path: Path, contents: Contents) -> Path:
    path = tmp_path / "bundles" / "made"
    write_bundle(path, "made", contents, accept)
    return path


def reseal(path: Path, name: str, data: bytes) -> None:
    """Replace a file and make the manifest agree, as somebody would who makes a bundle by hand."""
    import hashlib

    (path / name).write_bytes(data)
    manifest = msgspec.json.decode((path / "manifest.json").read_bytes())
    manifest["files"][name] = hashlib.sha256(data).hexdigest()
    (path / "manifest.json").write_bytes(msgspec.json.encode(manifest))


def test_what_was_written_is_read_back(path: Path, contents: Contents, features: FeatureSet) -> None:
    bundle = load_bundle(path, features)

    assert bundle.name == "made"
    for field in Contents.__struct_fields__:
        if field not in ("weights", "vectors"):
            assert getattr(bundle, field) == getattr(contents, field)
    assert [array.tobytes() for array in bundle.weights] == [array.tobytes() for array in contents.weights]
    np.testing.assert_array_equal(bundle.vectors.outputs, contents.vectors.outputs)


def test_equal_contents_are_equal_bytes(tmp_path: Path, contents: Contents, features: FeatureSet) -> None:
    for name in ("one", "two"):
        write_bundle(tmp_path / name, "made", contents, accept)

    one, two = (load_bundle(tmp_path / name, features) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 64


def test_a_bundle_that_fails_its_check_leaves_nothing_behind(tmp_path: Path, contents: Contents) -> None:
    def refuse(folder: Path) -> None:
        raise ModelError("no")

    with pytest.raises(ModelError):
        write_bundle(tmp_path / "made", "made", contents, refuse)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_never_overwritten(path: Path, contents: Contents) -> None:
    with pytest.raises(ConfigError, match="exists and is not overwritten"):
        write_bundle(path, "made", contents, accept)


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_found_and_the_file_named(path: Path, features: FeatureSet, name: str) -> None:
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(data)

    with pytest.raises(
        ModelError, match=rf"{name} is damaged or foreign: its sha256 is [0-9a-f]{{64}}, manifest.json says"
    ):
        load_bundle(path, features)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(path: Path, features: FeatureSet, name: str) -> None:
    (path / name).unlink()

    with pytest.raises(ModelError, match=f"no readable {name}"):
        load_bundle(path, features)


def test_another_format_is_refused(path: Path, features: FeatureSet) -> None:
    manifest = (path / "manifest.json").read_bytes().replace(b'"format": 1', b'"format": 9')
    (path / "manifest.json").write_bytes(manifest)

    with pytest.raises(ModelError, match="format 9, this version reads 1"):
        load_bundle(path, features)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ("change", "wick", "log_sigma")}, "column 1 was 'body' and is 'wick'"),
        ({"names": ("body", "change", "log_sigma")}, "column 0 was 'change' and is 'body'"),
        ({"names": ("change", "body")}, "it has 3 columns, the feature set has 2"),
        ({"warm_up": 3}, "warm-up of 2 candles, feature set made-3 has 3"),
        (
            {"version": "version-two"},
            "trained on version version-one of feature set made-3, this is version version-two",
        ),
    ],
)
def test_another_feature_set_is_refused_and_the_difference_named(
    path: Path, features: FeatureSet, change: dict[str, object], words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        load_bundle(path, replace(features, **change))


def test_pickled_arrays_are_refused(path: Path, features: FeatureSet) -> None:
    import io

    file = io.BytesIO()
    np.savez(file, rows=np.array([{"a": 1}], dtype=object), outputs=np.zeros((1, 2)))
    reseal(path, "vectors.npz", file.getvalue())

    with pytest.raises(ModelError, match=r"vectors\.npz is not a file of plain arrays"):
        load_bundle(path, features)


def test_a_manifest_that_forgets_a_file_is_not_trusted(path: Path, features: FeatureSet) -> None:
    manifest = msgspec.json.decode((path / "manifest.json").read_bytes())
    del manifest["files"]["model.onnx"]
    (path / "manifest.json").write_bytes(msgspec.json.encode(manifest))

    with pytest.raises(ModelError, match=r"does not name model\.onnx"):
        load_bundle(path, features)


@pytest.mark.parametrize("name", ["manifest.json", "scaler.json"])
def test_files_that_are_not_json_are_named(path: Path, features: FeatureSet, name: str) -> None:
    if name == "manifest.json":
        (path / name).write_bytes(b"{")
    else:
        reseal(path, name, b"{")

    with pytest.raises(ModelError, match=f"{name} cannot be read"):
        load_bundle(path, features)


def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path, contents: Contents, features: FeatureSet) -> None:
    changes: dict[str, dict[str, object]] = {
        "architecture.json reads windows of": {"architecture": replace(contents.architecture, window=9)},
        "scaler.json has 2 columns": {"scaler": replace(contents.scaler, center=(0.0, 0.0))},
        "scaler.json mutes the columns": {"scaler": replace(contents.scaler, muted=(1,))},
        "vectors.npz does not hold windows": {"vectors": Vectors(contents.vectors.rows[1:], contents.vectors.outputs)},
        "is not made of finite float32": {"weights": (np.array([np.nan], dtype=np.float32),)},
    }
    for number, (words, change) in enumerate(changes.items()):
        path = tmp_path / str(number)
        write_bundle(path, "made", replace(contents, **change), accept)
        with pytest.raises(ModelError, match=words):
            load_bundle(path, features)


def test_a_bundle_says_what_it_has_seen(path: Path, features: FeatureSet) -> None:
    bundle: Bundle = load_bundle(path, features)

    assert bundle.data.overlaps("BTC/USDT", 1_999, 5_000)
    assert not bundle.data.overlaps("BTC/USDT", 2_000, 5_000)
    assert not bundle.data.overlaps("BTC/USDT", 0, 1_000)
    assert not bundle.data.overlaps("ETH/USDT", 1_000, 2_000)
