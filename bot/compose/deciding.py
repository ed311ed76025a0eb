"""
What decides the bits of a fit beside its task: the code that computes it, the libraries, the machine.

A finished fit is found again by an address that holds all of this, so that what two versions of the code made never
stands in one table. Imports neither TensorFlow nor what it looks at.
"""

import ast
import os
import platform
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from bot.core.errors import ConfigError
from strategies.forecasting.machine import cpu_name

FIT: Final = "strategies.forecasting.comparison.fitting"
"""The module of a comparison's fits."""
TRIAL: Final = "strategies.forecasting.tuning"
"""The module of a study's trials and judgements."""
WALK: Final = "strategies.forecasting.walk_forward"
"""The module of a training's walk forward."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_PRINT_DIGITS: Final = 16
_OURS: Final = ("bot", "strategies")
_LIBRARIES: Final = ("numpy", "scipy", "tensorflow", "keras", "tf2onnx", "statsmodels", "lightgbm")


def made_with(module: str) -> tuple[str, ...]:
    """
    Everything that decides the bits of what a module computes: code, versions, machine.

    The number of threads is a part of each plan. What `environment` of the backend says of itself is said here without
    starting it.
    """
    here = {"machine": platform.machine(), "cpu": cpu_name(), "cores": str(os.cpu_count())}
    return tuple(f"{name} {value}" for name, value in (studied_with(module) | here).items())


def made_print(module: str) -> str:
    """Name all of this in a few digits, for a folder of fits."""
    return sha256("\n".join(made_with(module)).encode()).hexdigest()[:_PRINT_DIGITS]


def studied_with(module: str) -> dict[str, str]:
    """Give the same without the machine: what several that work together have in common."""
    found = {
        "code": code_print(module),
        "python": platform.python_version(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
    }
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


@cache
def code_print(module: str, root: Path = _ROOT) -> str:
    """
    Give the sha256 of the source of a module and of all that it imports of this program, however far away.

    Comments and docstrings are no part of it; other verbs, pages and adapters neither.

    Args:
        module: Its name, such as `strategies.forecasting.tuning`.
        root: The folder of the program.

    Raises:
        ConfigError: Its source is not there.
    """
    reached = _reached(module, root)
    if module not in reached:
        raise ConfigError(f"the source of {module} is not under {root}: install the .py files with the program")
    digest = sha256()
    for name, tree in sorted(reached.items()):
        digest.update(f"{name}\n{ast.dump(_without_words(tree))}\n".encode())
    return digest.hexdigest()


def _reached(module: str, root: Path) -> dict[str, ast.Module]:
    """Parse a module and everything of ours that it imports, at its head or within a function."""
    found: dict[str, ast.Module] = {}
    ahead = [module]
    while ahead:
        name = ahead.pop()
        path = _file_of(name, root)
        if path is None or name in found:
            continue
        found[name] = ast.parse(path.read_bytes())
        ahead.extend(_imported(found[name]))
    return found


def _file_of(name: str, root: Path) -> Path | None:
    if name.partition(".")[0] not in _OURS:
        return None
    place = root.joinpath(*name.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            # What is imported from a package may be a module of it.
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _without_words(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_words(each)]
    return tree


def _is_words(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
