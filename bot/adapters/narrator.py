"""A journal that also tells a person what happens, as it happens."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from bot.core.commands import BreakerTripped, Decided, Deed, Marked, Notify, Observation, SubmitOrder, Verdict
from bot.core.events import AnyEvent, OrderFilled, SessionStarted
from bot.core.orders import Fill, Purpose
from bot.core.ports import Record

_REMEMBERED: Final = 16_384
"""Orders of which it is known why they exist: so many that one which rests for long is still among them."""


class Filled(Struct, frozen=True):
    """A fill, and why its order existed."""

    fill: Fill
    purpose: Purpose


Told = SessionStarted | Filled | BreakerTripped | Notify | Decided | Marked
Tell = Callable[[Told], None]


class Narrator:
    """
    Passes everything to the journal; that a session began, fills, breakers, notices and refusals to `tell` as well.

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
        """Write an event; tell of a fill, and that the session has begun."""
        self._journal.append(event)
        if isinstance(event, SessionStarted):
            self._tell(event)
        elif isinstance(event, OrderFilled):
            self._tell(Filled(event.fill, self._purposes.get(event.fill.client_order_id, Purpose.OPERATOR)))

    def record(self, deed: Deed) -> None:
        """Write a deed; remember why its order exists."""
        self._journal.record(deed)
        if isinstance(deed, SubmitOrder):
            intent = deed.approved.intent
            self._purposes[intent.client_order_id] = intent.purpose
            if len(self._purposes) > _REMEMBERED:
                del self._purposes[next(iter(self._purposes))]

    def observe(self, observation: Observation) -> None:
        """Write an observation; tell of it where it says something new."""
        self._journal.observe(observation)
        if not isinstance(observation, Decided):
            self._tell(observation)
            return
        reason = observation.reason if observation.verdict is Verdict.DENIED else ""
        if reason and reason != self._refused.get(observation.symbol):
            self._tell(observation)
        self._refused[observation.symbol] = reason

    def step_done(self) -> None:
        """An event and all that it caused are written."""
        self._journal.step_done()

    def keep(self) -> None:
        """Have what is written outlive this process."""
        self._journal.keep()

    def commit(self) -> None:
        """Make what is written durable."""
        self._journal.commit()
