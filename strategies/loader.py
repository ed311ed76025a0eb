"""
A strategy of one's own, loaded by the place of its file.

The file is never looked up on the import path, so no package of the same name can take its place, and its folder
is not put there either. What runs is the text of the file: bytecode of an earlier text is neither read nor written.
Knows nothing of settings or of the shipped strategies.
"""

import sys
from hashlib import sha256
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Final, cast

from bot.core.errors import ConfigError
from strategies.strategy import Strategy

FACTORY: Final = "strategy"
"""The function, without arguments, that a strategy's file must define."""


def load_strategy(path: Path) -> Strategy:
    """
    Run the file at `path` and ask its `strategy()` for the strategy.

    Args:
        path: A Python file that defines `strategy() -> Strategy`.

    Raises:
        ConfigError: There is no such file, it cannot be run, or what it gives is not a strategy.
    """
    module = _run(path)
    factory = getattr(module, FACTORY, None)
    if not callable(factory):
        raise ConfigError(f"{path} defines no {FACTORY}(): add a function of that name that returns the strategy")
    try:
        made: object = factory()
    except Exception as error:
        raise ConfigError(f"{FACTORY}() in {path} failed: {_told(error)}") from error
    return _checked(made, path)


class _FromText(SourceLoader):
    """Loads one file. A `SourceLoader` that tells no modification time keeps no bytecode."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        return str(self._place)

    def get_data(self, path: str | bytes) -> bytes:  # noqa: ARG002
        return self._place.read_bytes()


def _run(path: Path) -> ModuleType:
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(f"{path} is not a Python file: name an existing file that ends in .py")
    place = path.resolve()
    name = f"_candlewick_strategy_{sha256(str(place).encode()).hexdigest()[:16]}"
    loader = _FromText(place)
    spec = ModuleSpec(name, loader, origin=str(place))
    spec.has_location = True
    module = module_from_spec(spec)
    # Structs and dataclasses look their own module up by name while they are being defined.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} cannot be run: {_told(error)}") from error
    return module


def _checked(made: object, path: Path) -> Strategy:
    # A Protocol cannot be told at run time from its names alone, so the type checker's word is replaced by ours.
    if not isinstance(getattr(made, "needs_forecast", None), bool) or not callable(getattr(made, "wanted", None)):
        raise ConfigError(
            f"{FACTORY}() in {path} returned {type(made).__name__}, which is not a strategy: it needs "
            f"needs_forecast, True or False, and wanted(view, forecast) -> Signal"
        )
    return cast("Strategy", made)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
