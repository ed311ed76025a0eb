"""The end of every run: its page, its summary, and the exit code that goes with them."""

from pathlib import Path
from typing import Final

import click

EXIT_SUSPECTED_LEAK: Final = 8


def conclude(run: Path, *, seconds: float | None, as_json: bool, out: Path | None = None) -> int:
    """
    Judge a run, write its page, and show both.

    Args:
        run: The run's folder.
        seconds: How long it took on the wall clock, where that was measured.
        as_json: One object on standard output instead of words.
        out: Where the page goes; into the run's folder if None.

    Returns:
        0, or 8 where the forecasts are too good to be true.
    """
    from bot.adapters.journal_reader import read_run
    from bot.reporting.page import write_page
    from bot.reporting.review import review, summary_json
    from bot.reporting.terminal import print_summary

    reviewed = review(read_run(run), seconds)
    page = out or run / "report.html"
    write_page(reviewed, page)
    if as_json:
        click.echo(summary_json(reviewed, page))
    else:
        print_summary(reviewed.summary, reviewed.verdict, page)
    return EXIT_SUSPECTED_LEAK if reviewed.leak_suspected else 0
