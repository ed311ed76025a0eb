"""
Where the control socket of a run lies, and how both ends find it: in the run's folder, where a socket can be there.

The address of a unix socket holds about a hundred bytes, and some file systems take no sockets at all. Then it lies
in a folder of the user's own under the runtime directory, and a small file in the run's folder names it.
"""

import os
import socket
import stat
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from bot.core.errors import JournalError

SOCKET_NAME: Final = "control.sock"
POINTER_NAME: Final = "control.path"
"""Names the socket where it lies elsewhere."""

_ONLY_US: Final = 0o600
_ANSWER_WITHIN_S: Final = 1.0
_MAX_POINTER_BYTES: Final = 1_024
_WAITING_CLIENTS: Final = 16


class ControlPlace:
    """A socket that listens for a run, and the files that lead to it. `close` takes them away."""

    def __init__(self, folder: Path) -> None:
        """
        Begin to listen, for this user alone.

        Raises:
            JournalError: Another process answers for this run, or something else lies in the socket's place.
            OSError: The place cannot be written in.
        """
        home = folder.resolve()
        self._pointer = home / POINTER_NAME
        self._pointer.unlink(missing_ok=True)
        self.path = home / SOCKET_NAME
        try:
            self.listening = _listen(self.path)
        except OSError:
            self.path = _short_path(home)
            self.listening = _listen(self.path)
            _write_pointer(self._pointer, self.path)

    def close(self) -> None:
        """Stop listening and remove what was made."""
        self.listening.close()
        self.path.unlink(missing_ok=True)
        self._pointer.unlink(missing_ok=True)


def control_path(folder: Path) -> Path:
    """Where the socket of the run in `folder` is to be found, whether anybody listens there or not."""
    home = folder.resolve()
    with suppress(OSError):
        with (home / POINTER_NAME).open("rb") as pointer:
            named = pointer.read(_MAX_POINTER_BYTES).decode("utf-8", "surrogateescape")
        return Path(named.removesuffix("\n"))
    return home / SOCKET_NAME


def same_user(connected: socket.socket) -> bool:
    """
    Whether the other end belongs to this user, where the system can tell.

    The kernel noted who it is when the connection was made. Elsewhere the socket's permissions stand alone.
    """
    if sys.platform != "linux":
        return True
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    # struct ucred: pid, uid and gid, each four bytes.
    return int.from_bytes(credentials[4:8], sys.byteorder) == os.getuid()


def _listen(path: Path) -> socket.socket:
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(os.fspath(path))
        # Nobody can connect before it listens, so it is never open to others.
        path.chmod(_ONLY_US)
        listening.listen(_WAITING_CLIENTS)
    except BaseException:
        listening.close()
        raise
    return listening


def _clear(path: Path) -> None:
    """Remove the socket that a killed process has left, and nothing else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise JournalError(f"{path} stands where the control socket belongs: move it away")
    except FileNotFoundError:
        return
    if _answers(path):
        raise JournalError(f"another process answers at {path}: stop it first, or use another folder")
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWER_WITHIN_S)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True  # there is a queue before it: somebody listens, slowly
    return True


def _short_path(home: Path) -> Path:
    """A path of few bytes, in a folder that is this user's alone."""
    user = os.getuid()
    ours = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"candlewick-{user}"
    ours.mkdir(mode=0o700, exist_ok=True)
    found = ours.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or stat.S_IMODE(found.st_mode) & 0o077:
        raise JournalError(f"{ours} is open to other users or not a folder: remove it, so that it can be made anew")
    return ours / f"{sha256(os.fsencode(home)).hexdigest()[:16]}.sock"


def _write_pointer(pointer: Path, path: Path) -> None:
    unfinished = pointer.with_name(f"{pointer.name}.new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _ONLY_US)
    with os.fdopen(handle, "wb") as file:
        file.write(os.fsencode(path) + b"\n")
    unfinished.rename(pointer)
