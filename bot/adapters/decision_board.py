"""
A journal that also remembers the last decision of each market, and tells whoever waits when an event is safely in it.

What goes through it is what the engine heard and said; nothing is changed, and nothing is told that the journal does
not hold.
"""

from collections.abc import Callable, Iterable

from bot.core.commands import Decided, Deed, Observation
from bot.core.events import AnyEvent
from bot.core.ports import Record


class DecisionBoard:
    """
    Stands before a journal. One caller at a time, as the journal itself.

    Args:
        journal: Where everything goes.
        earlier: The last decision of each market before this session, by symbol; none in a new run.
    """

    def __init__(self, journal: Record, earlier: dict[str, Decided] | None = None) -> None:
        self._journal = journal
        self._awaited: list[tuple[AnyEvent, Callable[[], None]]] = []
        self._written: list[Callable[[], None]] = []
        self.decisions: dict[str, Decided] = dict(earlier or {})
        self.events = 0
        """How many events went through: where it stands still, so does the engine."""

    def when_durable(self, event: AnyEvent, told: Callable[[], None]) -> None:
        """Call `told` once, when this event and what followed from it at once have been committed."""
        self._awaited.append((event, told))

    def append(self, event: AnyEvent) -> None:
        """Write an event."""
        self._journal.append(event)
        self.events += 1
        if self._awaited:
            self._look_for(event)

    def record(self, deed: Deed) -> None:
        """Write a deed."""
        self._journal.record(deed)

    def observe(self, observation: Observation) -> None:
        """Write an observation; remember a decision."""
        self._journal.observe(observation)
        if type(observation) is Decided:
            self.decisions[observation.symbol] = observation

    def step_done(self) -> None:
        """Say that nothing more follows from what was written."""
        self._journal.step_done()

    def keep(self) -> None:
        """Have what is written outlive this process; an event that is waited for is made durable, and that is told."""
        if self._written:
            self.commit()
        else:
            self._journal.keep()

    def commit(self) -> None:
        """Make what is written durable, then say so to those who wait for it."""
        self._journal.commit()
        if self._written:
            written, self._written = self._written, []
            for told in written:
                told()

    def _look_for(self, event: AnyEvent) -> None:
        # By identity: two operators may ask for the same thing in the same millisecond.
        for place, (awaited, told) in enumerate(self._awaited):
            if awaited is event:
                del self._awaited[place]
                self._written.append(told)
                return


def last_decisions(records: Iterable[AnyEvent | Deed | Observation]) -> dict[str, Decided]:
    """The last decision of each market in a journal that is read from its beginning."""
    found: dict[str, Decided] = {}
    for record in records:
        if type(record) is Decided:
            found[record.symbol] = record
    return found
