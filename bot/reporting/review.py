"""
A run read once and judged: the figures, the words and the test for a leak, for whoever shows them.

The one place where the caller of this package begins.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from bot.core.run_record import RunRecord
from bot.reporting.columns import RunColumns
from bot.reporting.leak import LeakCheck, check_for_leak
from bot.reporting.provenance import is_invented
from bot.reporting.reading import read_columns
from bot.reporting.scoring import Scored, match_outcomes
from bot.reporting.summary import Summary, summarise_columns
from bot.reporting.verdict import verdict


class Review(Struct, frozen=True):
    """
    Everything that can be shown of a run.

    `leak` is None on an invented market, where any hit rate may be the true one. A suspected leak must fail the run:
    ask `leak_suspected`.
    """

    columns: RunColumns
    scored: Scored
    summary: Summary
    leak: LeakCheck | None
    verdict: tuple[str, ...]

    @property
    def leak_suspected(self) -> bool:
        """Whether the forecasts are too good to be true."""
        return self.leak is not None and self.leak.suspected


def review(record: RunRecord, seconds: float | None = None) -> Review:
    """
    Read a run and judge it.

    Args:
        record: The run, finished or not.
        seconds: How long it took on the wall clock, where that was measured.
    """
    columns = read_columns(record)
    scored = match_outcomes(columns)
    summary = summarise_columns(columns, scored, seconds)
    leak = None if is_invented(columns.header) else check_for_leak(scored)
    return Review(columns, scored, summary, leak, verdict(summary, columns.header, leak))


def summary_json(reviewed: Review, page: Path | None = None) -> str:
    """Everything a program may want of a run, as one JSON object on one line; None is null."""
    figures = {
        **msgspec.to_builtins(reviewed.summary),
        "verdict": list(reviewed.verdict),
        "leak_suspected": reviewed.leak_suspected,
        "finished": reviewed.columns.finished,
    }
    if page is not None:
        figures["report"] = str(page)
    return msgspec.json.encode(figures).decode()
