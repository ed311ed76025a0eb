"""
A venue's silence that outlives the process: one small file with the time at which it ends.

The time is the machine's own, because that is the one clock that a restart leaves alone. Knows nothing of budgets.
"""

import os
from pathlib import Path
from typing import Final

from bot.core.errors import DataError, StorageError

_MOST_DIGITS: Final = 13


class BanFile:
    """
    The file, readable to its owner alone.

    Args:
        path: Where it is; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> int:
        """
        Tell when the silence ends, in milliseconds of the machine's clock; 0 where there is none.

        Raises:
            DataError: The file holds something else.
            StorageError: It cannot be read.
        """
        try:
            text = self._path.read_text("ascii").strip()
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{self._path} cannot be read: {error}") from error
        if not (text.isdecimal() and len(text) <= _MOST_DIGITS):
            raise DataError(f"{self._path} holds no time in milliseconds: remove it if the exchange has not banned us")
        return int(text)

    def write(self, until_ms: int) -> None:
        """
        Keep when the silence ends; whoever reads sees the old time or this one, never half of it.

        Raises:
            StorageError: The disk refused.
        """
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, f"{until_ms}\n".encode())
                os.fsync(file)
            finally:
                os.close(file)
            draft.replace(self._path)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error}") from error
