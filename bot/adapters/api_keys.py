"""
The key of an account: read from the environment or from a private folder, and kept out of everything that is shown.

Knows nothing of venues.
"""

import logging
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from bot.adapters.redaction import MASK
from bot.core.errors import ConfigError

KEY_VARIABLE: Final = "CANDLEWICK_API_KEY"
SECRET_VARIABLE: Final = "CANDLEWICK_API_SECRET"  # noqa: S105 - the name of a variable
KEY_FILE: Final = "api_key"
SECRET_FILE: Final = "api_secret"  # noqa: S105 - the name of a file

_LARGEST_FILE: Final = 4_096
_LEGAL: Final = re.compile(r"[!-~]{8,256}")
_OTHERS: Final = 0o077


class Credentials(Struct, frozen=True):
    """A key and the secret that signs with it; printing them shows neither."""

    api_key: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({MASK})"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """What a traceback shows in colour; msgspec would show both fields."""
        return [("key", MASK)]


def read_credentials(environment: Mapping[str, str], folder: Path | None = None) -> Credentials:
    """
    Read the key of an account.

    Args:
        environment: The process's; `CANDLEWICK_API_KEY` and `CANDLEWICK_API_SECRET` are read.
        folder: A folder of mode 0700 with the files `api_key` and `api_secret` of mode 0600, read instead.

    Raises:
        ConfigError: There is no key, it is malformed, or others than its owner could read it.
    """
    if folder is not None:
        _check_private(folder, os.lstat(folder) if folder.exists() else None, "folder", stat.S_ISDIR, "0700")
        return Credentials(_read(folder / KEY_FILE), _read(folder / SECRET_FILE))
    found = {name: environment.get(name, "") for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    for name, text in found.items():
        if not text:
            raise ConfigError(
                f"there is no key: set {name} in the environment, or name a folder that holds the key with --keys"
            )
        _check_legal(name, text)
    return Credentials(found[KEY_VARIABLE], found[SECRET_VARIABLE])


def keep_out_of_logs(credentials: Credentials) -> None:
    """
    Mask this key and this secret, letter by letter, in every line that the root logger writes from now on.

    It comes on top of masking by appearance, which a key of an unusual shape could slip through; the handlers must
    have been set up before.
    """
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Masking(handler.formatter or logging.Formatter(), credentials))


class _Masking(logging.Formatter):
    """A formatter whose lines have these two texts masked, exceptions included."""

    def __init__(self, inner: logging.Formatter, credentials: Credentials) -> None:
        super().__init__()
        self._inner = inner
        self._hidden = (credentials.secret, credentials.api_key)

    def format(self, record: logging.LogRecord) -> str:
        """The inner formatter's line, masked."""
        line = self._inner.format(record)
        for text in self._hidden:
            line = line.replace(text, MASK)
        return line


def _read(path: Path) -> str:
    """The one line of a private file; never through a link, which could lead into another's folder."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as file:
        _check_private(path, os.fstat(handle), "file", stat.S_ISREG, "0600")
        text = file.read(_LARGEST_FILE).decode("ascii", "replace").strip()
    _check_legal(str(path), text)
    return text


def _check_private(
    path: Path, found: os.stat_result | None, kind: str, is_kind: Callable[[int], bool], mode: str
) -> None:
    if found is None or not is_kind(found.st_mode):
        raise ConfigError(f"{path} is not a {kind}: keys are read from a private folder with {KEY_FILE}, {SECRET_FILE}")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to another user: keys are read from a {kind} of one's own")
    if found.st_mode & _OTHERS:
        raise ConfigError(
            f"{path} can be used by others (mode {stat.S_IMODE(found.st_mode):04o}): run chmod {mode} {path}"
        )


def _check_legal(where: str, text: str) -> None:
    if not _LEGAL.fullmatch(text):
        raise ConfigError(f"what {where} holds is no key: one word of 8 to 256 visible characters is expected")
