"""
What a feature's step is made of: the functions and constants it reaches, and one hash over them all.

A version must change when a row could change, and stay when only words about it do: so it is taken over every
function and constant that the step reaches through its globals, wherever they are defined, without comments,
docstrings and blank lines. The file knows nothing of any particular feature.
"""

import ast
import hashlib
import linecache
from functools import cache
from types import BuiltinFunctionType, FunctionType
from typing import Any, TypeGuard

from bot.core.errors import ModelError


def is_plain(value: object) -> TypeGuard[FunctionType]:
    """Tell whether a value is a Python function that holds nothing but its globals."""
    return isinstance(value, FunctionType) and not value.__closure__


def globals_of(function: FunctionType) -> dict[str, Any]:
    """Give the module-level values that a function names, by name in alphabetical order."""
    known = function.__globals__
    return {name: known[name] for name in sorted(function.__code__.co_names) if name in known}


def version_of(step: object, names: tuple[str, ...]) -> str:
    """
    Give the sha256, in hex, of a step's definition and its column names.

    Raises:
        ModelError: The source of a function cannot be read, or one reaches something else than plain functions,
            those of `math`, numbers and tuples of numbers.
    """
    parts: dict[str, str] = {}
    if not is_plain(step):
        raise ModelError(f"{step!r} cannot be a feature step: write it as a plain function of a module")
    _collect(step, parts)
    lines = [*names, *(f"{part}\n{parts[part]}" for part in sorted(parts))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _collect(function: FunctionType, parts: dict[str, str]) -> None:
    if _key(function) in parts:
        return
    parts[_key(function)] = _canonical(function)
    for name, value in globals_of(function).items():
        meaning = f"{_key(function)} names {name}"
        if is_plain(value):
            parts[meaning] = _key(value)
            _collect(value, parts)
        elif _is_number(value) or (isinstance(value, tuple) and all(map(_is_number, value))):
            parts[meaning] = repr(value)
        elif isinstance(value, BuiltinFunctionType) and value.__module__ == "math":
            parts[meaning] = f"math.{value.__name__}"
        else:
            raise ModelError(
                f"{function.__name__} uses {name}: a feature step may use plain functions, those of math, numbers "
                f"and tuples of numbers"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _key(function: FunctionType) -> str:
    # The last word of the module alone: a file loaded by its location has the same version as an imported one.
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def _canonical(function: FunctionType) -> str:
    """Give a function's source without its docstring, blank lines and lines of comment."""
    path = function.__code__.co_filename
    lines = linecache.getlines(path, function.__globals__)
    node = _functions(path).get(function.__name__)
    if node is None:
        raise ModelError(f"the source of {function.__name__} is not in {path}: install the .py files with the program")
    said = set(range(node.lineno, _last_line(node) + 1))
    if ast.get_docstring(node, clean=False) is not None:
        said -= set(range(node.body[0].lineno, _last_line(node.body[0]) + 1))
    kept = (lines[number - 1].rstrip() for number in sorted(said))
    return "\n".join(line for line in kept if line and not line.lstrip().startswith("#"))


@cache
def _functions(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse("".join(linecache.getlines(path)))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno
