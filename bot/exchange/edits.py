"""
Events and answers with other fields than they should have. Pure: text in, text out.

A field is named by its path, as `E` or `k.o`; a number in a path is a place in a list, as in `balances.0.free`.
"""

import json
from typing import Any

from msgspec import Struct


class Edit(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """
    Changes of fields: values set, removed, multiplied and added to.

    Numbers in strings stay strings.
    """

    set: dict[str, Any] = {}
    remove: tuple[str, ...] = ()
    scale: dict[str, float] = {}
    add: dict[str, int] = {}


def edited(text: str, edit: Edit) -> str:
    """
    Change the fields of a JSON object, or of every object in a list of them.

    Fields that are not there are left out, but for those that are set.

    Raises:
        LookupError: A field to change is to stand inside an object that is not there.
    """
    said = json.loads(text)
    for fields in said if isinstance(said, list) else [said]:
        _edit(fields, edit)
    return json.dumps(said, separators=(",", ":"))


def _edit(fields: dict[str, Any], edit: Edit) -> None:
    for path in edit.remove:
        holder, name = _place(fields, path)
        holder.pop(name, None)
    for path, factor in edit.scale.items():
        _change(fields, path, factor=factor)
    for path, term in edit.add.items():
        _change(fields, path, term=term)
    for path, value in edit.set.items():
        holder, name = _place(fields, path)
        holder[name] = value


def _place(fields: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds the field, and its name there."""
    *outer, name = path.split(".")
    holder: Any = fields
    for part in outer:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    return holder, name


def _change(fields: dict[str, Any], path: str, factor: float = 1, term: int = 0) -> None:
    holder, name = _place(fields, path)
    value = holder.get(name)
    if isinstance(value, str):
        holder[name] = f"{float(value) * factor + term:.8f}"
    elif isinstance(value, int | float):
        holder[name] = type(value)(value * factor + term)
