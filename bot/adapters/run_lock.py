"""
One process a run: a lock on the run's folder that the kernel takes back when its holder dies.

Knows nothing of what is kept in the folder.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

from bot.core.errors import JournalError

_FILE_NAME: Final = "run.lock"
_MAX_PID_BYTES: Final = 20


class RunLock:
    """
    The right to write in a run's folder, held until `release` or until the process ends.

    The file stays where it is: removing it would let two processes hold locks on two files of one name.
    """

    def __init__(self, folder: Path) -> None:
        """
        Take the lock.

        Raises:
            JournalError: Another process holds it; the sentence names that process.
            OSError: The folder cannot be written in.
        """
        self._file = os.open(folder / _FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._file, _MAX_PID_BYTES, 0).decode("ascii", "replace")
            os.close(self._file)
            raise JournalError(
                f"the run in {folder} is in use by process {holder or 'of unknown number'}:"
                " stop that process first, or use another folder"
            ) from error
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let another process have the run."""
        os.close(self._file)
