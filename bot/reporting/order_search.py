"""
Which order a person means: by its id, by the beginning of it, or the newest.

Knows nothing of what became of it.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from bot.core.commands import SubmitOrder
from bot.core.errors import ConfigError
from bot.core.orders import Intent
from bot.core.run_record import RunRecord

NEWEST: Final = "last"
_TOLD: Final = 5
_ALIKE: Final = 0.3
"""How alike ids must be to be told as near: those of one run share their first eight characters."""


def find_order(record: RunRecord, name: str) -> Intent:
    """
    Find the order that is meant.

    Args:
        record: The run.
        name: A client order id, the beginning of one, or `last`.

    Raises:
        ConfigError: None is meant, or more than one; the sentence names those that are near.
    """
    orders = {
        entry.approved.intent.client_order_id: entry.approved.intent
        for entry in record.records()
        if isinstance(entry, SubmitOrder)
    }
    if not orders:
        raise ConfigError("the run has no orders yet: there is nothing to tell")
    if name in orders:
        return orders[name]
    ids = list(orders)
    if name == NEWEST:
        return orders[ids[-1]]
    meant = [one for one in ids if name and one.startswith(name)]
    if len(meant) == 1:
        return orders[meant[0]]
    if meant:
        raise ConfigError(f"{len(meant)} orders begin with {name}: write more of one, such as {_some(meant)}")
    near = get_close_matches(name, ids, n=_TOLD, cutoff=_ALIKE) or ids[-_TOLD:]
    raise ConfigError(f"no order of the run is {name!r}: it has {len(ids)}, near are {_some(near)}; or write {NEWEST}")


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_TOLD])
