"""
The end of a run on a terminal: first what it means, then its figures.

Everything else about a run is on the page whose path stands in the last line.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.reporting.figures import FigureGroup, figure_groups
from bot.reporting.summary import Summary
from bot.reporting.wording import NONE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SIDES: Final = (("Result", "Risk", "Run"), ("Trading", "Forecasts"))


def print_summary(
    summary: Summary, verdict: tuple[str, ...], report_path: Path | None, console: "Console | None" = None
) -> None:
    """
    Print the verdict, the figures with their units, and where the report is.

    Args:
        summary: The figures; what is not defined is left out.
        verdict: Sentences, the most important one first.
        report_path: The page, where one was written.
        console: Where to print; the terminal's standard output where None.
    """
    from rich.console import Console as RichConsole
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    screen = console or RichConsole(highlight=False)
    words = Text("\n").join(Text(line, style="bold" if index == 0 else "") for index, line in enumerate(verdict))
    screen.print(Panel(words, border_style="blue", padding=(0, 1)))
    tables = {group.title: _table(group) for group in figure_groups(summary)}
    grid = Table.grid(padding=(0, 4))
    grid.add_row(*(Group(*(tables[title] for title in side)) for side in _SIDES))
    screen.print(grid)
    if report_path is not None:
        screen.print(Text("report  ", style="dim").append(str(report_path), style="bold not dim"), soft_wrap=True)


def _table(group: FigureGroup) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), title=group.title, title_justify="left")
    table.title_style = "bold blue"
    table.add_column(style="dim")
    table.add_column(justify="right")
    for figure in group.figures:
        if figure.value != NONE:
            table.add_row(figure.name, Text(figure.value))
    return table
