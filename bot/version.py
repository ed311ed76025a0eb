"""Which code decides: the version of the distribution, and a fingerprint of the files that decide."""

from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]
_DECIDING: Final = ("bot/core", "bot/engine", "risk", "strategies")


@cache
def code_version() -> str:
    """
    The version and the first digits of a sha256 over the source of everything that decides.

    Training code is not among it: it reaches decisions only through a bundle, which has a fingerprint of its own.
    """
    digest = sha256()
    for folder in _DECIDING:
        for file in sorted((_ROOT / folder).glob("*.py")):
            digest.update(f"{folder}/{file.name}\n".encode())
            digest.update(file.read_bytes())
    try:
        number = version("candlewick")
    except PackageNotFoundError:
        number = "0"
    return f"{number}+{digest.hexdigest()[:12]}"
