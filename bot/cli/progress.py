"""How far a run has come, on standard error: a bar on a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

_EVERY: Final = 997
"""Candles between two looks at the bar: a prime, so that it does not beat with the hours of a day."""

Stage = Callable[[str], Callable[[int, int], None]]
"""Begins a bar of progress under a title, and gives what moves it: `(done, total)`."""


@contextmanager
def candle_progress(total: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar over `total` candles; yields the function that takes each instant's candles and close time."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("candles"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading", total=total)
        seen = shown = 0

        def advance(candles: int, close_ms: int) -> None:
            nonlocal seen, shown
            seen += candles
            if seen - shown >= _EVERY:
                shown = seen
                day = datetime.fromtimestamp(close_ms / 1000, UTC).date()
                bar.update(task, completed=seen, description=str(day))

        yield advance
        bar.update(task, completed=seen)


@contextmanager
def begun_late(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar from the first step on that is told, `(done, total)`: what fails before it shows none."""
    from rich.console import Console
    from rich.progress import Progress

    bars = Progress(console=Console(stderr=True))

    def advance(done: int, total: int) -> None:
        if not bars.tasks:
            bars.start()
            bars.add_task(title, total=total)
        bars.update(bars.tasks[0].id, completed=done, total=total)

    try:
        yield advance
    finally:
        if bars.tasks:
            bars.stop()


@contextmanager
def stages() -> Iterator[Stage]:
    """Bars of progress, one a stage."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bars:

        def stage(title: str) -> Callable[[int, int], None]:
            bar = bars.add_task(title, total=None)
            return lambda done, total: bars.update(bar, completed=done, total=total)

        yield stage
