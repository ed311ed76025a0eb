"""
What can be read back of a run: its first record, and everything after it in order.

Knows nothing of how a journal is stored, and nothing of what is made of it.
"""

from collections.abc import Iterator
from typing import Protocol

from bot.core.commands import Deed, Observation
from bot.core.events import AnyEvent, RunStarted


class RunRecord(Protocol):
    """
    A run, read from its journal or made by hand.

    `header` is the first record. `events_sha256` identifies what happened: it is the same for every journal
    of the same events. `finished` says whether the run came to its end.
    """

    @property
    def header(self) -> RunStarted: ...

    @property
    def events_sha256(self) -> str: ...

    @property
    def finished(self) -> bool: ...

    def records(self) -> Iterator[AnyEvent | Deed | Observation]:
        """
        Every record from `header` on; each call begins anew.

        Events and deeds come in order, and so do observations; but an observation may come later than events
        that followed it.
        """
        ...
