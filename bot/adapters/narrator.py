"""A journal that also tells a person what happens, as it happens."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from bot.core.commands import BreakerTripped, Decided, Deed, Marked, Notify, Observation, SubmitOrder, Verdict
from bot.core.events import AnyEvent, OrderFilled
from bot.core.orders import Fill, Purpose
from bot.core.ports import Record


class Filled(Struct, frozen=True):
    """A fill, and why its order existed."""

    fill: Fill
    purpose: Purpose


Told = Filled | BreakerTripped | Notify | Decided | Marked
Tell = Callable[[Told], None]


class Narrator:
    """
    Passes everything to the journal, and fills, breakers, notices and refusals to `tell` as well.

    A refusal is told when its reason is another than the market's last one: a level is refused at every close.

    Args:
        journal: Where everything goes.
        tell: Called with what is told.
        purposes: Why each order exists that works already, by its id; empty in a new run.
    """

    def __init__(self, journal: Record, tell: Tell, purposes: Mapping[str, Purpose]) -> None:
        self._journal = journal
        self._tell = tell
        self._refused: dict[str, str] = {}
        self._purposes = dict(purposes)

    def append(self, event: AnyEvent) -> None:
        """Write an event; tell of a fill."""
        self._journal.append(event)
        if isinstance(event, OrderFilled):
            self._tell(Filled(event.fill, self._purposes.get(event.fill.client_order_id, Purpose.OPERATOR)))

    def record(self, command: Deed | Observation) -> None:
        """Write a deed or an observation; tell of what changes something."""
        self._journal.record(command)
        if isinstance(command, (BreakerTripped, Notify, Marked)):
            self._tell(command)
        elif isinstance(command, SubmitOrder):
            intent = command.approved.intent
            self._purposes[intent.client_order_id] = intent.purpose
        elif isinstance(command, Decided):
            reason = command.reason if command.verdict is Verdict.DENIED else ""
            if reason and reason != self._refused.get(command.symbol):
                self._tell(command)
            self._refused[command.symbol] = reason

    def step_done(self) -> None:
        """An event and all that it caused are written."""
        self._journal.step_done()

    def commit(self) -> None:
        """Make what is written durable."""
        self._journal.commit()
