"""`candlewick paper`: a live stream, traded on paper, told as it happens."""

from pathlib import Path
from typing import Any

import click

from bot.cli.options import session_options


@click.command()
@click.option("--exchange", default="embedded", show_default=True, help="embedded (invented candles), binance, okx, …")
@session_options(
    cash="The budget, in the quote currency.",
    speed="The embedded market's seconds in a real one, or max.",
    record="Keep all that the session hears on a tape, for replay and parity.",
)
def paper(seed: int, speed: str, faults: Path | None, as_json: bool, **asked: Any) -> int:
    """Trade a live stream on paper: real candles or invented ones, never real money."""
    from bot.cli.telling import run_told
    from bot.compose.market_source import InventedMarket
    from bot.compose.paper_run import PaperRequest, run_paper

    request = PaperRequest(invented=InventedMarket(seed=seed, speed=speed, faults=faults), **asked)
    return run_told(request, run_paper, manner="on paper", place=request.exchange, as_json=as_json)
