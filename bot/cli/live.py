"""`candlewick live` and `candlewick demo`: a stream, traded through an account at a venue, told as it happens."""

from pathlib import Path
from typing import Any, Final

import click

from bot.cli.options import Speed, session_options
from bot.core.errors import ConfigError

LIVE_MANNER: Final = "with orders at the exchange"
_BINANCE: Final = "binance"
_HOUR_MS: Final = 3_600_000

DEMO_HOURS: Final = 900
"""Hours of the invented market that the demo plays, in less than a minute: an hour in a sixteenth of a second, which
leaves an order the time to travel."""


@click.command()
@click.option("--exchange", default="embedded", show_default=True, help="embedded, or binance with a flag below.")
@click.option("--testnet", is_flag=True, help="Binance's Spot Testnet.")
@click.option("--demo", is_flag=True, help="Binance's Demo Mode.")
@click.option("--keys", type=Path, help="A folder (0700) with api_key and api_secret (0600); else the environment.")
@click.option("--join", type=Path, help="The first line of an embedded exchange that runs already, as a file.")
@session_options(
    cash="The budget, in the quote currency; anything else in the account is left alone.",
    speed="The embedded market's seconds in a real one.",
    record="Keep all that the session hears of candles on a tape.",
)
def live(
    exchange: str,
    testnet: bool,
    demo: bool,
    keys: Path | None,
    join: Path | None,
    seed: int,
    speed: str,
    faults: Path | None,
    as_json: bool,
    **asked: Any,
) -> int:
    """Trade through an account: the embedded exchange's, or one of Binance's practice places. Never real money."""
    from bot.cli.telling import run_told
    from bot.compose.account import AccountRequest
    from bot.compose.live_run import LiveRequest, run_live
    from bot.compose.market_source import InventedMarket

    account = AccountRequest(_place(exchange, testnet=testnet, demo=demo), keys, join)
    request = LiveRequest(account=account, invented=InventedMarket(seed=seed, speed=speed, faults=faults), **asked)
    return run_told(request, run_live, manner=LIVE_MANNER, place=account.place, as_json=as_json)


@click.command()
@click.option("--out", type=Path, help="The run's folder; a new one under runs/ if not given.")
@click.option("--speed", type=Speed(), default="60000", show_default=True, help="Market seconds in a real one, or max.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def demo(out: Path | None, speed: str, as_json: bool) -> int:
    """Watch the whole machine trade an invented market for a minute: streams, forecasts, risk, orders, a report."""
    from bot.cli.telling import run_told
    from bot.compose.live_run import LiveRequest, run_live
    from bot.compose.market_source import InventedMarket
    from bot.compose.parts import DEMO_BUNDLE

    request = LiveRequest(
        out=out or _new_folder(Path("runs")),
        symbols=("BTC/USDT", "ETH/USDT"),
        bundle=DEMO_BUNDLE,
        profile="lively",
        for_ms=DEMO_HOURS * _HOUR_MS,
        invented=InventedMarket(speed=speed),
    )
    return run_told(request, run_live, manner=LIVE_MANNER, place=request.account.place, as_json=as_json)


def _place(exchange: str, *, testnet: bool, demo: bool) -> str:
    """The account's place that these words name."""
    if testnet and demo:
        raise ConfigError("--testnet and --demo are two places: choose one")
    if not (testnet or demo):
        return exchange
    if exchange != _BINANCE:
        raise ConfigError(f"--{'testnet' if testnet else 'demo'} is Binance's: write --exchange binance with it")
    return f"{_BINANCE}-{'testnet' if testnet else 'demo'}"


def _new_folder(parent: Path) -> Path:
    for number in range(1, 10_000):
        folder = parent / f"demo-{number}"
        if not folder.exists():
            return folder
    raise ConfigError(f"{parent} holds too many demo runs: remove some, or name a folder with --out")
