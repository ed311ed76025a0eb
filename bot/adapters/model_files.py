"""
A bundle as files: whether every byte is the one that its manifest names, and a copy that is there whole or not at all.

Reads no more of a bundle than its manifest and what it says of its data. Knows nothing of graphs or features.
"""

import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from bot.adapters.model_seal import sync_folder
from bot.core.errors import ModelError, StorageError

_MANIFEST: Final = "manifest.json"
_DATA: Final = "data.json"


class BundleFacts(Struct, frozen=True):
    """What a bundle says of itself; `fingerprint` is the sha256 of its manifest, and with it of every byte."""

    fingerprint: str
    name: str
    symbols: tuple[str, ...]
    timeframe: str
    trained_from_ms: int
    trained_until_ms: int


class _Manifest(Struct, frozen=True):
    name: str
    files: dict[str, str]


class _Data(Struct, frozen=True):
    symbols: tuple[str, ...]
    timeframe: str
    trained_from_ms: int
    trained_until_ms: int


def check_bundle(folder: Path, expected: str | None = None) -> BundleFacts:
    """
    Compare every file of a bundle with its manifest.

    Args:
        folder: The bundle.
        expected: Its fingerprint, where that is known.

    Raises:
        ModelError: A file is missing, damaged or foreign; the sentence says which one and what differs.
    """
    seal = _read(folder, _MANIFEST)
    fingerprint = sha256(seal).hexdigest()
    if expected is not None and fingerprint != expected:
        raise ModelError(f"{folder}: {_MANIFEST} has sha256 {fingerprint}, expected {expected}: it is another model's")
    manifest: _Manifest = _decoded(seal, _Manifest, folder, _MANIFEST)
    for name, said in manifest.files.items():
        if Path(name).name != name:
            raise ModelError(f"{folder}: {_MANIFEST} names {name!r}, which is no file of a bundle")
        found = sha256(_read(folder, name)).hexdigest()
        if found != said:
            raise ModelError(f"{folder}: {name} is damaged: its sha256 is {found}, {_MANIFEST} says {said}")
    if _DATA not in manifest.files:
        raise ModelError(f"{folder}: {_MANIFEST} does not name {_DATA}: it is not a bundle")
    data: _Data = _decoded(_read(folder, _DATA), _Data, folder, _DATA)
    return BundleFacts(
        fingerprint, manifest.name, data.symbols, data.timeframe, data.trained_from_ms, data.trained_until_ms
    )


def copy_bundle(source: Path, target: Path) -> None:
    """
    Copy a checked bundle; the target has its name only when all of it is on the disk.

    One copy at a time: hidden folders beside the target are taken for those of the dead.

    Raises:
        ModelError: The copy is not the bundle.
        StorageError: The disk refused.
    """
    for left in target.parent.glob(".*"):
        # Half a copy, left behind by somebody who died.
        shutil.rmtree(left, ignore_errors=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        manifest: _Manifest = _decoded(_read(source, _MANIFEST), _Manifest, source, _MANIFEST)
        for name in (*manifest.files, _MANIFEST):
            _copy_file(source / name, draft / name)
        check_bundle(draft, target.name)
        sync_folder(draft)
        draft.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def put_aside(folder: Path) -> None:
    """Rename what is left of a damaged bundle, for whoever wants to know what happened to it."""
    if folder.exists():
        aside = folder.with_name(f"damaged-{folder.name}")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)


def _copy_file(source: Path, target: Path) -> None:
    with target.open("wb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(file.fileno())


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(
            f"{folder} has no readable {name} ({error.strerror}): it is not a bundle, or is torn"
        ) from None


def _decoded(data: bytes, kind: Any, folder: Path, name: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{folder}: {name} cannot be read: {error}") from None
