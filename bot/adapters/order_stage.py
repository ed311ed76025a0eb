"""
How far an order has come.

    WATCHED ──▶ WAITING ──▶ HANDED ──▶ KNOWN ──▶ DONE
                   ▲          ├─▶ DOUBTED ──▶ KNOWN, or DONE where it never got there
                   └──────────┘ proven not to have been sent
"""

from enum import Enum, auto
from typing import Final


class Stage(Enum):
    """Where an order stands between its wish and its end."""

    WATCHED = auto()  # a stop that is held here: nothing of it is at the venue, and that is proven
    WAITING = auto()  # to be handed over: nothing of it is at the venue, and that is proven
    HANDED = auto()  # handed over, without an answer yet
    DOUBTED = auto()  # nobody knows whether the venue has it
    KNOWN = auto()  # the venue has or had it
    DONE = auto()  # its end has been told


PENDING: Final = frozenset({Stage.HANDED, Stage.DOUBTED, Stage.KNOWN})
"""The stages in which the venue may have something to tell of it."""
