"""
The operator's end of the control socket: one question to the bot that runs in a folder, one answer.

Blocks; for the command line. Knows nothing of engines.
"""

import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.adapters.control_messages import MAX_ANSWER_BYTES, AnyAsk, AnyTell, line_of, tell_from
from bot.adapters.control_place import control_path, same_user
from bot.core.errors import JournalError

ANSWER_WITHIN_S: Final = 30.0
"""Longer than a bot waits for itself, so that it is the bot who says that it is busy."""

_CHUNK_BYTES: Final = 65_536
_LOCK_NAME: Final = "run.lock"
_MAX_PID_BYTES: Final = 20


class NothingRunsError(JournalError):
    """No bot runs in the folder."""


def ask(folder: Path, question: AnyAsk, within_s: float = ANSWER_WITHIN_S) -> AnyTell:
    """
    Ask the bot that runs in `folder`.

    Args:
        folder: The run's folder.
        question: What is asked.
        within_s: How long one step of the conversation may take.

    Raises:
        NothingRunsError: No bot runs there.
        JournalError: A process has the run but does not answer, or its answer cannot be understood.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within_s)
        try:
            connection.connect(os.fspath(control_path(folder)))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise _nobody(folder) from None
        except OSError as error:
            raise JournalError(f"the bot in {folder} cannot be reached: {error.strerror or error}") from error
        if not same_user(connection):
            raise JournalError(f"another user listens where the bot of {folder} should: nothing was said to it")
        try:
            with suppress(ConnectionError):  # one that hangs up at once may have said why
                connection.sendall(line_of(question))
            line = _line(connection)
        except TimeoutError:
            raise JournalError(
                f"the bot in {folder} has not answered within {within_s:g} s: ask `candlewick status {folder}` again,"
                " and stop its process if it stays silent"
            ) from None
        except ConnectionError:
            line = b""
    if not line.endswith(b"\n"):
        raise JournalError(f"the bot in {folder} ended before it answered: see `candlewick status {folder}`")
    return tell_from(line)


def _line(connection: socket.socket) -> bytes:
    received = bytearray()
    while len(received) < MAX_ANSWER_BYTES and not received.endswith(b"\n"):
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            break
        received += chunk
    return bytes(received)


def _nobody(folder: Path) -> JournalError:
    holder = _lock_holder(folder)
    if holder:
        return JournalError(
            f"process {holder} has the run in {folder} but takes no orders: it is starting, ending, or no live session;"
            " try again, or stop that process"
        )
    return NothingRunsError(f"nothing runs in {folder}")


def _lock_holder(folder: Path) -> str:
    """The number of the process that has locked the run; empty where none has."""
    try:
        lock = os.open(folder / _LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        # Shared, and let go at once: two who look do not see each other.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, _MAX_PID_BYTES, 0).decode("ascii", "replace") or "of unknown number"
    else:
        return ""
    finally:
        os.close(lock)
