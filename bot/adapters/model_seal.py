"""
Small files that say whether they are whole: one line of JSON behind the sha256 of itself.

A file is written whole under another name, brought to the disk and renamed: whoever dies in between leaves what was
there before. Knows nothing of models.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from bot.core.errors import ModelError, StorageError

_HEX: Final = 64

_Value = TypeVar("_Value", bound=Struct)


def sealed(value: Struct) -> bytes:
    """The line of a value: its seal, a space, its JSON and a line feed."""
    text = msgspec.json.encode(value)
    return b"%b %b\n" % (sha256(text).hexdigest().encode(), text)


def seal_of(line: bytes) -> str:
    """The seal that a line carries."""
    return line[:_HEX].decode("ascii", "replace")


def unsealed(line: bytes, kind: type[_Value], place: str) -> _Value:
    """
    Read a line back.

    Args:
        line: What `sealed` gave; its line feed may be missing.
        kind: What the value is.
        place: Which line it is, for the error.

    Raises:
        ModelError: The line is not what was written; the sentence says what differs.
    """
    said, _, text = line.rstrip(b"\n").partition(b" ")
    found = sha256(text).hexdigest()
    if said != found.encode():
        shown = said[:_HEX].decode("ascii", "replace")
        raise ModelError(f"{place} is damaged: its sha256 is {found}, it says {shown or 'nothing'}")
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise ModelError(f"{place} was written by another version: {error}") from None


def read_kept(path: Path, kind: type[_Value]) -> _Value | None:
    """Read a file of one line; None where it is missing, or is not what was written."""
    try:
        return unsealed(path.read_bytes(), kind, str(path))
    except (OSError, ModelError):
        return None


def write_whole(path: Path, data: bytes) -> None:
    """
    Replace a file; whoever reads sees the old one or this one, and so does whoever comes after a power failure.

    Raises:
        StorageError: The disk refused.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
