"""Events with other fields than they should have. Pure: text in, text out."""

import json
from typing import Any

from bot.exchange.faults import Edit


def edited(event: str, edit: Edit) -> str:
    """
    Change the fields of a JSON event; fields that are not there are left out, but for those that are set.

    Raises:
        KeyError: A field to set is to stand inside an object that is not there.
    """
    fields = json.loads(event)
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
    return json.dumps(fields, separators=(",", ":"))


def _place(fields: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds the field, and its name there."""
    *outer, name = path.split(".")
    for part in outer:
        fields = fields[part]
    return fields, name


def _change(fields: dict[str, Any], path: str, factor: float = 1, term: int = 0) -> None:
    holder, name = _place(fields, path)
    value = holder.get(name)
    if isinstance(value, str):
        holder[name] = f"{float(value) * factor + term:.8f}"
    elif isinstance(value, int | float):
        holder[name] = type(value)(value * factor + term)
