"""
How events reach the pump, and what happens after each: on paper by way of a market in here, at a venue directly.

Everything that was handled is written before the next event is looked at; at a venue, prices may wait for each other.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from bot.core.events import AnyEvent, Backfilled, CandleClosed, Flatten, Halt, PriceUpdated, Resume
from bot.core.ports import Record
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump
from bot.replay import Checkpoints

Afterwards = Callable[[], Iterable[AnyEvent]]
"""Asked after every instant for what the engine is to be told then: doubts about the model."""


def nothing_more() -> Iterable[AnyEvent]:
    """There is nothing to tell."""
    return ()


Progress = Callable[[int, int], None]
"""Called with the number of candles of each instant and its close time."""

PRICES_TOGETHER: Final = 64
"""Prices in a row that are kept in one block: months of blocks of one price each are slow to write and to take up."""


class PaperFlow:
    """
    Events of a run whose orders meet its own candles: those of one instant are played together.

    Args:
        pump: Feeds the engine.
        plays: Shows candles to the paper market and to the engine.
        assembler: Collects instants.
        checkpoints: Writes snapshots.
        commit: Makes what happened so far durable.
        progress: Told of every instant.
        afterwards: Asked after every instant.
    """

    def __init__(
        self,
        pump: Pump,
        plays: PaperPlay,
        assembler: InstantAssembler,
        checkpoints: Checkpoints,
        commit: Callable[[], None],
        progress: Progress,
        afterwards: Afterwards = nothing_more,
    ) -> None:
        self._pump = pump
        self._plays = plays
        self._assembler = assembler
        self._checkpoints = checkpoints
        self._commit = commit
        self._progress = progress
        self._afterwards = afterwards

    @property
    def due_ms(self) -> int | None:
        """When candles that wait for the rest of their instant are handed on; None while none wait."""
        return self._assembler.due_ms

    def take(self, event: AnyEvent) -> None:
        """Handle an event, or let a candle wait for those of its instant."""
        if isinstance(event, CandleClosed):
            self._play(self._assembler.add(event))
            return
        if isinstance(event, Backfilled):
            self._plays.answer(event)
        else:
            self._pump.feed(event)
        self._commit()

    def hand_on(self) -> None:
        """Handle the candles that wait."""
        self._play(self._assembler.take())

    def _play(self, instants: Sequence[Sequence[CandleClosed]]) -> None:
        for closed in instants:
            self._plays.play(closed)
            for event in self._afterwards():
                self._pump.feed(event)
            self._commit()
            self._checkpoints.when_due()
            self._progress(len(closed), closed[0].at_ms)


class LiveFlow:
    """
    Events of a run whose orders are at a venue: each is handled as it comes, and the engine waits for instants.

    What the venue or history could tell again only has to outlive this process, and does not wait for the disk; an
    operator's word does. Deeds have waited for it before they left. A few prices are less than that: with the process
    they are forgotten together with all that followed from them inside it.

    Args:
        pump: Feeds the engine.
        checkpoints: Writes snapshots.
        journal: What the pump writes.
        keep: Has what was written outlive this process.
        progress: Told of every candle.
        afterwards: Asked after every candle.
    """

    def __init__(
        self,
        pump: Pump,
        checkpoints: Checkpoints,
        journal: Record,
        keep: Callable[[], None],
        progress: Progress,
        afterwards: Afterwards = nothing_more,
    ) -> None:
        self._pump = pump
        self._checkpoints = checkpoints
        self._journal = journal
        self._keep = keep
        self._progress = progress
        self._afterwards = afterwards
        self._prices = 0

    @property
    def due_ms(self) -> int | None:
        """Nothing ever waits."""
        return None

    def take(self, event: AnyEvent) -> None:
        """Handle an event."""
        self._pump.feed(event)
        if type(event) is CandleClosed:
            for told in self._afterwards():
                self._pump.feed(told)
        self._pump.settle()
        if type(event) is PriceUpdated and self._prices < PRICES_TOGETHER - 1:
            self._prices += 1
            return
        self._prices = 0
        if isinstance(event, Halt | Resume | Flatten):
            self._journal.commit()  # first: what was kept is written already, and is not waited for any more
        self._keep()
        if isinstance(event, CandleClosed):
            self._checkpoints.when_due()
            self._progress(1, event.at_ms)

    def hand_on(self) -> None:
        """Nothing ever waits."""
