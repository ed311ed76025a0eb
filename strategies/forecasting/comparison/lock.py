"""
The final period of a history: looked at once, and every look is written down.

A period that is looked at again and again becomes one more part to fit. The record lies beside the report, and is
written before anything of the period is told.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bot.core.errors import ConfigError, StorageError
from strategies.forecasting.folds import utc_day

LOCK_FILE: Final = "locked_period.json"


class Opening(Struct, frozen=True):
    """
    One look at the period from `from_ms` on.

    `comparison` is the sha256 of what was compared; `finished` says whether its report was written.
    """

    from_ms: int
    opened_at_ms: int
    comparison: str
    reopened: bool
    finished: bool = False


def open_period(folder: Path, from_ms: int, comparison: str, now_ms: int, *, reopen: bool) -> None:
    """
    Record that the period is opened. A comparison that was cut short goes on without a second opening.

    Args:
        folder: Where the report goes.
        from_ms: When the period begins.
        comparison: The sha256 of what is compared.
        now_ms: The time.
        reopen: Whether to open a period that was opened before.

    Raises:
        ConfigError: It was opened before.
        StorageError: The record cannot be read or written.
    """
    before = openings(folder)
    if before and not reopen:
        last = before[-1]
        if last.comparison == comparison and not last.finished:
            return
        raise ConfigError(
            f"the final period from {utc_day(last.from_ms)} on was opened on {utc_day(last.opened_at_ms)} and is no "
            f"longer unseen ({folder / LOCK_FILE}): leave out --lock, or say --reopen, which is recorded as well"
        )
    _write(folder, (*before, Opening(from_ms, now_ms, comparison, reopened=bool(before))))


def close_period(folder: Path) -> None:
    """
    Record that the report of the last opening was written.

    Raises:
        StorageError: The record cannot be read or written.
    """
    *before, last = openings(folder)
    _write(folder, (*before, replace(last, finished=True)))


def openings(folder: Path) -> tuple[Opening, ...]:
    """
    Every opening so far, in order.

    Raises:
        StorageError: The record is there and cannot be read.
    """
    path = folder / LOCK_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Opening, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"{path} cannot be read ({error}): without it nobody knows what was looked at") from error


def _write(folder: Path, all_of_them: tuple[Opening, ...]) -> None:
    path = folder / LOCK_FILE
    unfinished = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(all_of_them), indent=2) + b"\n")
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
