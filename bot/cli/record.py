"""`candlewick record`: a venue's stream onto a tape, with nothing traded."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.options import Duration, Speed, market_options, seed_option

if TYPE_CHECKING:
    from bot.compose.record_run import Recorded, RecordRequest


@click.command()
@click.option("--exchange", default="embedded", show_default=True, help="embedded (invented candles), binance, okx, …")
@market_options
@click.option("--out", type=Path, required=True, help="The tape's folder; one of the same markets is gone on with.")
@click.option("--for", "for_ms", type=Duration(), help="Market time after which the recording ends, such as 30d.")
@seed_option
@click.option(
    "--speed",
    type=Speed(),
    default="1",
    show_default=True,
    help="The embedded market's seconds in a real one, or max.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was recorded as one JSON object.")
def record(as_json: bool, **asked: Any) -> None:
    """Record a venue's raw frames and REST answers onto a tape, for `candlewick replay --tape`."""
    from bot.adapters.log import configure_logging
    from bot.compose.record_run import RecordRequest, run_record

    configure_logging(as_json=as_json)
    request = RecordRequest(**asked)
    with _bar(request) as advance:
        recorded = asyncio.run(run_record(request, advance))
    if as_json:
        click.echo(json.dumps(_summary(request.out, recorded)))
        return
    for remark in recorded.tape.remarks():
        click.echo(remark, err=True)
    click.echo(
        f"{recorded.inputs:,} inputs with {recorded.candles:,} closed candles are on the tape in {request.out},"
        f" which has {recorded.tape.files} files and {len(recorded.tape.sessions)} sessions"
    )


def _bar(request: "RecordRequest") -> AbstractContextManager[Callable[[int, int], None]]:
    from bot.cli.progress import candle_progress
    from bot.compose.record_run import candles_expected

    total = candles_expected(request)
    return nullcontext(lambda *_: None) if total is None else candle_progress(total)


def _summary(out: Path, recorded: "Recorded") -> dict[str, object]:
    tape = recorded.tape
    return {
        "tape": str(out),
        "inputs": recorded.inputs,
        "candles": recorded.candles,
        "files": tape.files,
        "sessions": len(tape.sessions),
        "seal": tape.seal.hex(),
        "remarks": tape.remarks(),
    }
