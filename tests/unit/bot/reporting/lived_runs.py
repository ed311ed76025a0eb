"""Runs that an engine has lived through, as a journal would hold them."""

from collections.abc import Iterator
from io import StringIO

from rich.console import Console

from bot.core.commands import BreakerTripped, Decided, Deed, Marked, Notify, Observation
from bot.core.events import AnyEvent, RunStarted
from tests.engine_world import World
from tests.hourly_bars import T0
from tests.made_orders import BUDGET

STOP_SETTINGS = {"stop.kind": "fixed", "stop.distance_frac": "0.1", "stop.atr_multiple": "3.0"}


class LivedRun:
    """
    The journal of a world. Observations come after the events of their block, as in the real one.

    `steps_a_block` is how many events share a block.
    """

    def __init__(self, world: World, *, finished: bool = False, steps_a_block: int = 7) -> None:
        self._world = world
        self._steps_a_block = steps_a_block
        self.finished = finished
        self.events_sha256 = "c0ffee" * 10 + "beef"
        self.header = RunStarted(
            at_ms=T0,
            run_id="run00000cafe",
            code_version="0.1.0",
            fingerprints={},
            settings=dict(STOP_SETTINGS),
            instruments=tuple(world.markets),
            timeframe="1h",
            budget=BUDGET,
        )

    def records(self) -> Iterator[AnyEvent | Deed | Observation]:
        yield self.header
        steps = self._world.journal.steps
        for begin in range(0, len(steps), self._steps_a_block):
            block = [record for step in steps[begin : begin + self._steps_a_block] for record in step]
            observed = [record for record in block if is_observed(record)]
            yield from (record for record in block if not is_observed(record))
            yield from observed


def is_observed(record: AnyEvent | Deed | Observation) -> bool:
    """Whether a record stands beside the events and not among them."""
    return isinstance(record, Decided | Marked | BreakerTripped | Notify)


def page(width: int = 120) -> tuple[Console, StringIO]:
    """A screen that is only paper."""
    paper = StringIO()
    return Console(file=paper, width=width, highlight=False), paper


def shown(paper: StringIO) -> list[str]:
    """What stands on it, without the blanks at the ends of lines."""
    return [line.rstrip() for line in paper.getvalue().splitlines()]
