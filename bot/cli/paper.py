"""`candlewick paper`: a live stream, traded on paper, told as it happens."""

from pathlib import Path
from typing import Any

import click

from bot.cli.options import Duration, Speed, settings_options


@click.command()
@click.option("--exchange", default="embedded", show_default=True, help="embedded (invented candles), binance, okx, …")
@click.option("--symbol", "symbols", multiple=True, help="A market such as BTC/USDT; may be given again.")
@click.option("--timeframe", default="1h", show_default=True, help="Length of the candles.")
@click.option("--bundle", type=Path, help="The model; the shipped one if not given.")
@click.option("--runtime", default="onnx", show_default=True, help="What runs the model: onnx, or keras to compare.")
@click.option("--strategy", default="forecast", show_default=True, help="forecast, buy-and-hold, or a Python file.")
@settings_options
@click.option("--cash", help="The budget, in the quote currency.")
@click.option("--for", "for_ms", type=Duration(), help="Market time after which the run is finished, such as 30d.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Which market the embedded exchange makes."
)
@click.option(
    "--speed",
    type=Speed(),
    default="1",
    show_default=True,
    help="The embedded market's seconds in a real one, or max.",
)
@click.option("--faults", type=Path, help="What goes wrong on the embedded exchange: a JSON list of rules.")
@click.option("--record", is_flag=True, help="Keep all that the session hears on a tape, for replay and parity.")
@click.option("--out", type=Path, required=True, help="The run's folder; an unfinished run there is gone on with.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def paper(as_json: bool, **asked: Any) -> int:
    """Trade a live stream on paper: real candles or invented ones, never real money."""
    from bot.cli.telling import run_told
    from bot.compose.paper_run import PaperRequest, run_paper

    asked["symbols"] = asked["symbols"] or ("BTC/USDT",)
    request = PaperRequest(**asked)
    return run_told(request, run_paper, manner="on paper", place=request.exchange, as_json=as_json)
