"""`candlewick paper` and `candlewick demo`: a live stream, traded on paper, told as it happens."""

import asyncio
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import click

from bot.cli.options import Duration, Speed, settings_options
from bot.core.errors import ConfigError

if TYPE_CHECKING:
    from bot.compose.paper_run import PaperRequest

_HOUR_MS: Final = 3_600_000

DEMO_CANDLES: Final = 2_400
"""Hours of the invented market that the demo plays: a hundred days, in about a minute."""


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
    from bot.compose.paper_run import PaperRequest

    asked["symbols"] = asked["symbols"] or ("BTC/USDT",)
    return _run(PaperRequest(**asked), as_json)


@click.command()
@click.option("--out", type=Path, help="The run's folder; a new one under runs/ if not given.")
@click.option(
    "--speed", type=Speed(), default="160000", show_default=True, help="Market seconds in a real one, or max."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def demo(out: Path | None, speed: str, as_json: bool) -> int:
    """Watch the whole machine trade an invented market for a minute: streams, forecasts, risk, orders, a report."""
    from bot.compose.paper_run import PaperRequest
    from bot.compose.parts import DEMO_BUNDLE

    request = PaperRequest(
        out=out or _new_folder(Path("runs")),
        symbols=("BTC/USDT", "ETH/USDT"),
        bundle=DEMO_BUNDLE,
        profile="lively",
        for_ms=DEMO_CANDLES * _HOUR_MS,
        speed=speed,
    )
    return _run(request, as_json)


def _run(request: "PaperRequest", as_json: bool) -> int:
    from bot.adapters.log import configure_logging
    from bot.cli.conclusion import conclude
    from bot.cli.story import told_live
    from bot.compose.paper_run import run_paper

    began = perf_counter()
    configure_logging()
    with told_live(request) as story:
        finished = asyncio.run(run_paper(request, story.tell, story.progress))
    if not finished:
        click.echo(f"stopped; the same command with --out {request.out} goes on", err=True)
    return conclude(request.out, seconds=perf_counter() - began, as_json=as_json)


def _new_folder(parent: Path) -> Path:
    for number in range(1, 10_000):
        folder = parent / f"demo-{number}"
        if not folder.exists():
            return folder
    raise ConfigError(f"{parent} holds too many demo runs: remove some, or name a folder with --out")
