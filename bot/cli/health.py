"""`candlewick health RUN`: whether a run is alive, judged by its newest candle and not by its process."""

import json
from pathlib import Path
from time import time_ns
from typing import Final

import click

EXIT_STALE: Final = 6
"""The data is too old: the same code as a venue that cannot be reached."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--candles",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How many candles old the newest close may be.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def health(run: Path, candles: int, as_json: bool) -> int:
    """Exit with 0 if the run in folder RUN closed a candle lately, with 6 if not. For a session in real time."""
    from bot.adapters.journal_reader import read_run
    from bot.core.events import CandleClosed
    from bot.core.market import Timeframe

    record = read_run(run)
    newest_ms = max(
        (one.at_ms for one in record.records() if isinstance(one, CandleClosed)), default=record.header.at_ms
    )
    age = (time_ns() // 1_000_000 - newest_ms) / Timeframe(record.header.timeframe).ms
    alive = age <= candles
    if as_json:
        said = {"alive": alive, "newest_ms": newest_ms, "age_candles": round(age, 3), "allowed_candles": candles}
        click.echo(json.dumps(said))
    else:
        click.echo(f"the newest candle closed {age:.1f} candles ago, {candles} are allowed")
    return 0 if alive else EXIT_STALE
