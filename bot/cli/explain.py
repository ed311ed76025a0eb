"""`candlewick explain`: which columns and which candles a bundle's forecasts rest on, with the error of saying so."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.bundles import BundleFolder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strategies.forecasting.importance import Explanation, Importance


@click.command()
@click.argument("bundle", type=BundleFolder())
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="Candles that reach beyond the training."
)
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@click.option("--from", "from_date", metavar="DATE", help="Look at forecasts from this date on (UTC).")
@click.option("--until", "until_date", metavar="DATE", help="Look at forecasts until this date (UTC).")
@click.option(
    "--repeats", type=click.IntRange(min=2), default=5, show_default=True, help="Exchange each part so often."
)
@click.option("--card", is_flag=True, help="Write it into the bundle's folder, as a page beside its card.")
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
def explain(card: bool, as_json: bool, **asked: Any) -> None:
    """
    Say which features and which candles of the window BUNDLE rests on, on candles that it was not trained on.

    BUNDLE is a folder, a shipped one by its name (reference-btc-1h, demo), or registry:FOLDER.
    """
    from msgspec import to_builtins

    from bot.cli.progress import begun_late
    from bot.compose.explain_run import ExplainRequest, run_explain, write_beside_card

    request = ExplainRequest(**asked)
    with begun_late("Exchanging parts of the windows") as advance:
        told = run_explain(request, advance)
    written = write_beside_card(request.bundle, told) if card else None
    if as_json:
        click.echo(json.dumps({**to_builtins(told), "card": str(written) if written else None}))
        return
    _print(told)
    if written is not None:
        click.echo(f"\nwrote {written}")


def _print(told: "Explanation") -> None:
    click.echo(
        f"{told.bundle} on {told.moves:,} moves of {', '.join(told.symbols)} that it was not trained on: "
        f"Brier {told.brier:.4f}, {told.wrong:.1%} of directions wrong\n"
        f"how much worse with a part exchanged, in blocks of {told.block} windows, {told.repeats} times, ± one "
        f"standard error\n"
    )
    _rows("columns", told.groups)
    click.echo("")
    _rows("candles back", told.steps)


def _rows(heading: str, parts: "Iterable[Importance]") -> None:
    click.echo(f"{heading:20}{'Brier +':>10}{'±':>10}{'wrong +':>10}{'±':>9}")
    for one in parts:
        brier, direction = one.brier, one.direction
        mark = "" if brier.clear or direction.clear else "   not told from nothing"
        click.echo(
            f"{one.part:20}{brier.rise:>10.5f}{brier.error:>10.5f}{direction.rise:>10.2%}{direction.error:>9.2%}{mark}"
        )
