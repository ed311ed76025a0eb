"""A session told as it happens, on standard error: the account, how far it is, and the last things that happened."""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bot.adapters.narrator import Filled
from bot.core.commands import BreakerTripped, Decided, Marked, Notify
from bot.core.events import SessionStarted
from bot.core.orders import Purpose, Side

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from bot.adapters.narrator import Told
    from bot.compose.session_request import SessionRequest

_EMBEDDED_WHERE: Final = "invented market on the embedded exchange"
_LINES: Final = 14
_TIMES_TOLD: Final = 10
"""Without a terminal, how many lines tell how far the run is, evenly spread."""


def market_words(place: str) -> str:
    """Where a market is, in words: that one is invented must stand in the first line."""
    return _EMBEDDED_WHERE if place == "embedded" else place


class Story:
    """
    Collects what is told and says it in one screen, or in a few lines where there is no terminal.

    Args:
        console: Where to.
        headline: What stands above the screen.
        opening: What is said first, once everything that was asked for has been found to be possible.
        total_ms: How long the session is to be, in market time; None where it has no end.
    """

    def __init__(self, console: "Console", headline: str, opening: str, total_ms: int | None) -> None:
        self._console = console
        self._headline = headline
        self._opening = opening
        self._has_begun = False
        self._total_ms = total_ms
        self._lines: deque[tuple[str, str]] = deque(maxlen=_LINES)
        self._counts: Counter[str] = Counter()
        self._first_ms = self._now_ms = 0
        self._candles = 0
        self._equity = self._exposure_frac = 0.0
        self._told = 0

    def tell(self, told: "Told") -> None:
        """Take what happened."""
        match told:
            case SessionStarted():
                self._has_begun = True
                self._console.print(self._opening, soft_wrap=True, markup=False)
            case Marked():
                self._equity, self._exposure_frac = told.equity, told.exposure_frac
            case Filled():
                self._fill(told)
            case BreakerTripped():
                self._counts["breakers"] += 1
                self._say(f"breaker: {told.reason}", "bold red")
            case Decided():
                self._counts["refusals"] += 1
                self._say(f"{told.symbol} denied: {told.reason}", "yellow")
            case Notify():
                self._say(told.text, "magenta")

    def progress(self, candles: int, close_ms: int) -> None:
        """Take how far the market has come."""
        self._first_ms = self._first_ms or close_ms
        self._now_ms = close_ms
        self._candles += candles
        if self._console.is_terminal or self._total_ms is None:
            return
        due = int(self._share() * _TIMES_TOLD)
        if due > self._told:
            self._told = due
            self._console.print(self._status(), soft_wrap=True)

    def __rich__(self) -> "RenderableType":
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        lines = [Text(text, style=style, no_wrap=True, overflow="ellipsis") for text, style in self._lines]
        bar = [ProgressBar(total=1.0, completed=self._share())] if self._total_ms else []
        return Panel(Group(Text(self._status(), style="bold"), *bar, *lines), title=self._headline, border_style="blue")

    def _share(self) -> float:
        return min((self._now_ms - self._first_ms) / self._total_ms, 1.0) if self._total_ms else 0.0

    def _status(self) -> str:
        if not self._now_ms:
            return "waiting for the first candles" if self._has_begun else "opening what it needs"
        moment = datetime.fromtimestamp(self._now_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        counts = ", ".join(f"{self._counts[name]} {name}" for name in ("fills", "stops", "refusals", "breakers"))
        return (
            f"{moment}  {self._candles:,} candles  equity {self._equity:,.2f}  "
            f"exposure {self._exposure_frac:.0%}  {counts}"
        )

    def _fill(self, told: Filled) -> None:
        fill = told.fill
        self._counts["fills"] += 1
        stopped = told.purpose is Purpose.STOP
        self._counts["stops"] += stopped
        verb = "bought" if fill.side is Side.BUY else "stopped out of" if stopped else "sold"
        self._say(f"{verb} {fill.quantity} {fill.symbol} at {fill.price}", "red" if stopped else "green")

    def _say(self, text: str, style: str) -> None:
        self._lines.append((text, style))


@contextmanager
def told_live(request: "SessionRequest", manner: str, where: str) -> Iterator[Story]:
    """
    Tell a session while it runs.

    Args:
        request: What was asked for.
        manner: How it is traded, such as `on paper`.
        where: Which market it is, in words.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    out = request.out
    story = Story(
        console,
        f"Candlewick {manner}: {', '.join(request.symbols)}, {where}",
        f"trading {manner} into {out}: {where}; Ctrl-C stops it, the same command with --out {out} goes on",
        request.for_ms,
    )
    if console.is_terminal:
        with Live(story, console=console, refresh_per_second=8, transient=True):
            yield story
    else:
        yield story
