"""
Who works on what, in a folder that several processes share, perhaps on several machines.

A claim is a file that its holder keeps locked and touches every few seconds. On the same machine the kernel takes the
lock back when the holder dies, so its death is known at once; of a holder on another machine it is known only that its
file no longer changes. Knows nothing of what is worked on.
"""

import fcntl
import os
import platform
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Struct

PATIENCE_S: Final = 90.0
"""How long the claim of another machine may stay unchanged before its holder counts as lost."""

BEAT_S: Final = 10.0
"""How often a holder touches its claim."""


class Holder(Struct, frozen=True):
    """Who holds a claim; `token` tells one taking from every other."""

    host: str
    pid: int
    token: str


class Claim:
    """A claim that this process holds, until `release` or until the process ends."""

    def __init__(self, path: Path, beat_s: float) -> None:
        """Take it, whoever held it before: the caller has made sure that nobody does."""
        self._path = path
        self._holder = Holder(platform.node(), os.getpid(), uuid4().hex)
        written = path.with_name(f"{path.name}.{self._holder.token}")
        self._file = os.open(written, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        # Locked before it gets its name, so that nobody ever sees it unlocked.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.write(self._file, msgspec.json.encode(self._holder))
        written.replace(path)
        self._released = Event()
        self._heart = Thread(target=self._beat, args=(beat_s,), daemon=True)
        self._heart.start()

    def is_ours(self) -> bool:
        """Whether nobody has taken it over, which happens to a holder that seemed lost."""
        return _holder_of(self._path) == self._holder

    def release(self) -> None:
        """Let go of it."""
        self._released.set()
        self._heart.join()
        if self.is_ours():
            self._path.unlink()
        os.close(self._file)

    def _beat(self, beat_s: float) -> None:
        while not self._released.wait(beat_s):
            os.utime(self._file)


class Claims:
    """All claims of one folder, as one process sees them. Whoever asks and takes holds a lock of its own meanwhile."""

    def __init__(
        self,
        folder: Path,
        *,
        patience_s: float = PATIENCE_S,
        beat_s: float = BEAT_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """
        Look at the claims of a folder, which is made where there is none.

        Args:
            folder: Where they lie.
            patience_s: How long another machine's claim may stay unchanged.
            beat_s: How often a claim of ours is touched.
            clock: Seconds that only grow; the clocks of two machines are never compared.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._patience_s = patience_s
        self._beat_s = beat_s
        self._clock = clock
        self._seen: dict[str, tuple[tuple[str, int], float]] = {}

    def is_held(self, name: str) -> bool:
        """Whether somebody works on it who is not known to be lost."""
        path = self._folder / name
        holder = _holder_of(path)
        if holder is None:
            return False
        return _is_locked(path) if holder.host == platform.node() else self._still_beats(name, path, holder)

    def take(self, name: str) -> Claim:
        """Claim what nobody holds."""
        return Claim(self._folder / name, self._beat_s)

    def _still_beats(self, name: str, path: Path, holder: Holder) -> bool:
        beat = (holder.token, path.stat().st_mtime_ns)
        known, since = self._seen.get(name, (None, 0.0))
        if known != beat:
            self._seen[name] = (beat, self._clock())
            return True
        return self._clock() - since < self._patience_s


def _holder_of(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except FileNotFoundError:
        return None


def _is_locked(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(file)
