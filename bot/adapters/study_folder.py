"""
The folder of a study: what the study is, written once, and files that are there whole or not at all.

Knows neither trials nor what is studied.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
from optuna.storages.journal import JournalFileOpenLock

from bot.core.errors import ConfigError, StorageError

DEFINITION: Final = "definition.json"


def agree(folder: Path, definition: Mapping[str, Any]) -> None:
    """
    Begin a study in a folder, or make sure that the one in it is the same.

    Args:
        folder: Made where there is none.
        definition: Everything that decides what a trial is worth, as plain values.

    Raises:
        ConfigError: The folder holds another study; the message says in what it differs.
        StorageError: The disk refused, or the file there cannot be read.
    """
    told = msgspec.json.decode(msgspec.json.encode(definition))
    place = folder / DEFINITION
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder, "study"):
            if not place.exists():
                write_whole(place, as_json(told))
                return
            data = place.read_bytes()
    try:
        found = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise StorageError(f"{place} cannot be read ({error}): restore it, or name another folder") from None
    differing = [name for name in sorted({*found, *told}) if found.get(name) != told.get(name)]
    if differing:
        name = differing[0]
        raise ConfigError(
            f"{folder} holds another study: its {name.replace('_', ' ')} is {found.get(name)}, not {told.get(name)}; "
            "ask for the same, or name another folder with --study"
        )


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """
    Hold a lock that no other process holds, on this machine or another that shares the folder.

    What is done under it takes far less than the half minute after which a dead holder's lock is broken.
    """
    lock = JournalFileOpenLock(str(folder / name))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """
    Say in one sentence what the disk has against a folder.

    Raises:
        StorageError: It refused.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the disk refused {error.filename or folder} ({error.strerror}): see that the folder can be written in; "
            "what was finished before is kept"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, then give it its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unnamed = path.with_name(f".{path.name}.{uuid4().hex}")
    unnamed.write_bytes(data)
    unnamed.replace(path)


def as_json(value: Any) -> bytes:
    """Values as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
