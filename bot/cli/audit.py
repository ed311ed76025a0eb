"""
`candlewick audit`: whether a bundle or a strategy can know the future, and whether that would be seen.

Reads the arguments, makes the invented markets and prints the table; the checks lie in `strategies.forecasting` and
`bot.compose`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.bundles import BUNDLE_HELP, BundleFolder, bundle_folder, is_registry
from bot.cli.conclusion import EXIT_SUSPECTED_LEAK
from bot.cli.invented import invented_market
from bot.cli.options import settings_options

if TYPE_CHECKING:
    from bot.compose.audit_run import Audit
    from strategies.forecasting.audit import Check


def _target(ctx: click.Context, argument: click.Parameter, text: str) -> str:
    """A strategy or a bundle as it was named; a registry's is resolved here."""
    del ctx, argument
    return str(bundle_folder(text)) if text.startswith("registry:") or is_registry(Path(text)) else text


@click.command()
@click.argument("target", metavar="BUNDLE|STRATEGY", callback=_target)
@click.option("--candles", "files", type=Path, multiple=True, help="Candles after a bundle's training, to judge it on.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where nothing else tells it.")
@click.option(
    "--bundle",
    type=BundleFolder(),
    help=f"The model of a strategy that needs one: {BUNDLE_HELP}. [default: demo]",
)
@settings_options
@click.option("--plant", metavar="LEAK", help="Audit a copy with this leak in it, to see the audit fail.")
@click.option("--without-fits", is_flag=True, help="Leave out what needs a fit, and with it TensorFlow.")
@click.option("--json", "as_json", is_flag=True, help="Print the audit as one JSON object.")
def audit(as_json: bool, **asked: Any) -> int:
    """
    Try to prove that a bundle or a strategy knows the future: exit code 0 if nothing does, 8 if something does.

    A bundle is named by its folder, a shipped one by its name (reference-btc-1h, demo), or as registry:FOLDER; a
    strategy is forecast, buy-and-hold or a Python file.
    """
    from bot.compose.audit_run import AuditRequest, run_audit

    found = run_audit(AuditRequest(**asked), invented_market, lambda said: click.echo(said, err=True))
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        _print(found)
    return EXIT_SUSPECTED_LEAK if found.failed else 0


def _print(found: "Audit") -> None:
    click.echo(f"Audit of the {found.kind} {found.name}\n")
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        click.echo(f"{check.verdict:6}  {check.name:{width}}  {_figure(check)}; must be {_bounds(check)}")
        click.echo(f"{'':{width + 8}}  {check.blind or check.detail}")
    click.echo()
    for words in found.left_out:
        click.echo(f"left out: {words}")
    luck = sum(check.chance for check in found.checks)
    failed = ", ".join(check.name for check in found.failed)
    click.echo(f"failed: {failed}" if failed else f"all {len(found.checks)} checks hold")
    click.echo(f"with other seeds an honest one fails in at most {luck:.1%} of audits")


def _figure(check: "Check") -> str:
    return f"{_number(check.figure)} {check.measures}"


def _bounds(check: "Check") -> str:
    if check.low is None or check.high is None:
        below = f"at most {_number(check.high)}" if check.high is not None else ""
        return f"at least {_number(check.low)}" if check.low is not None else below
    same = check.low == check.high
    return _number(check.low) if same else f"{_number(check.low)} to {_number(check.high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value or 0) else f"{value:.3f}"
