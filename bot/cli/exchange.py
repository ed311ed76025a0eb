"""
`candlewick exchange`: the embedded exchange and its candles.

Thin: reads the arguments, builds the markets and hands over.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from bot.cli.exchange_files import HELP
from bot.cli.groups import WholeGroup
from bot.core.errors import ConfigError, StorageError
from bot.core.market import Timeframe
from bot.exchange.accounts_file import read_customers
from bot.exchange.candle_file import RecordedMarket, read_market, write_candles
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import AnyFault, decode_rules
from bot.exchange.lifetime import serve as serve_until_stopped
from bot.exchange.market import ORIGIN_MS, MarketModel, SeededMarket
from bot.exchange.pace import LockStep, Paced
from bot.exchange.server import ExchangeServer
from bot.exchange.tls import certify
from bot.exchange.trade_desk import Terms
from bot.exchange.venue import CLOSE_LAG_MS, Venue

HISTORY_CANDLES: Final = 2_000
"""History before the first streamed candle of a seeded market, when no start is asked for."""

_PUSH_EVERY_MS: Final = 2_000
"""Real time between two updates of a forming candle, Binance's rate."""

_FASTEST: Final = 1e6

_timeframe = click.option(
    "--timeframe",
    type=click.Choice([timeframe.value for timeframe in Timeframe]),
    default="1h",
    show_default=True,
    help="Length of a candle.",
)
_seed = click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Which market to make.")
_rho = click.option(
    "--rho",
    type=click.FloatRange(-1.0, 1.0, min_open=True, max_open=True),
    default=MarketModel().planted_rho,
    show_default=True,
    help="Correlation planted between neighbouring returns: the edge of a seeded market; 0 for none.",
)


class _Instant(click.ParamType[int]):
    """A UTC date or date and time, or milliseconds since 1970."""

    name = "date"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds UTC."""
        if isinstance(value, int) or value.isdigit():
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date: write 2024-01-01, 2024-01-01T12:00 or milliseconds", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


_start = click.option(
    "--start", "start_ms", type=_Instant(), default=ORIGIN_MS, help="When a seeded market begins. [default: 2024-01-01]"
)


@click.group(cls=WholeGroup)
def exchange() -> None:
    """Run the embedded exchange, or write its candles to a file."""


@exchange.command(epilog=HELP)
@click.option("--symbol", "symbols", multiple=True, help="A seeded market, such as BTC/USDT; may be repeated.")
@click.option("--candles", "files", multiple=True, metavar="SYMBOL=FILE", help="A market from a CSV of candles.")
@_timeframe
@_seed
@_rho
@_start
@click.option(
    "--from", "from_ms", type=_Instant(), help="Market time of the start; the candle that opens then is first."
)
@click.option("--speed", default="1", show_default=True, help="Market seconds in a real one, or max for lock step.")
@click.option("--count", type=click.IntRange(min=1), help="Candles to stream before the market ends.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--faults", type=click.Path(path_type=Path), help="What goes wrong: a JSON list of rules.")
@click.option("--accounts", type=click.Path(path_type=Path), help="Who trades: a JSON list, readable by you alone.")
@click.option(
    "--tls",
    "tls_folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Speak TLS as well, under Binance's names, with a throw-away certificate that is written there.",
)
@click.option("--control-port", type=click.IntRange(0, 65_535), help="Be controlled there; 0 takes a free port.")
def serve(
    symbols: tuple[str, ...],
    files: tuple[str, ...],
    timeframe: str,
    seed: int,
    rho: float,
    start_ms: int,
    from_ms: int | None,
    speed: str,
    count: int | None,
    port: int,
    faults: Path | None,
    accounts: Path | None,
    tls_folder: Path | None,
    control_port: int | None,
) -> None:
    """
    Serve Binance's protocols on loopback, until stopped: market data, and trading for the accounts of a file.

    Its first line is one JSON object that says where it listens, which `candlewick live --join FILE` reads.
    """
    bar = Timeframe(timeframe)
    recorded = [_recorded(text, bar) for text in files]
    wanted = symbols or (() if recorded else ("BTC/USDT",))
    model = MarketModel(planted_rho=rho)
    seeded = [SeededMarket(seed, symbol, bar, model, start_ms) for symbol in wanted]
    if from_ms is None:
        begins = [market.begin_ms for market in recorded]
        from_ms = min(begins) if begins else start_ms + HISTORY_CANDLES * bar.ms
    rate = _speed(speed)
    push_ms = bar.ms // 4 if rate is None else min(bar.ms // 4, max(int(_PUSH_EVERY_MS * rate), CLOSE_LAG_MS + 1))
    venue = Venue([*recorded, *seeded], from_ms, push_ms, count)
    until_ms = None if venue.end_ms is None else venue.end_ms + CLOSE_LAG_MS
    pace = LockStep(from_ms) if rate is None else Paced(from_ms, rate, until_ms)
    plan = FaultPlan(_rules(faults) if faults else (), seed)
    terms = Terms(read_customers(accounts)) if accounts else None
    certified = certify(tls_folder, datetime.now(UTC)) if tls_folder else None
    server = ExchangeServer(venue, pace, plan, terms=terms)
    asyncio.run(serve_until_stopped(server, port, control_port, certified))


@exchange.command()
@click.option("--symbol", default="BTC/USDT", show_default=True, help="Which market.")
@_timeframe
@_seed
@_rho
@_start
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many candles, from the first.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The CSV to write; one that exists is left as it is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def candles(
    symbol: str, timeframe: str, seed: int, rho: float, start_ms: int, count: int, out: Path, as_json: bool
) -> None:
    """Write the candles of a seeded market to a CSV."""
    market = SeededMarket(seed, symbol, Timeframe(timeframe), MarketModel(planted_rho=rho), start_ms)
    if out.exists():
        raise ConfigError(f"{out} exists and is not overwritten: name another file with --out")
    try:
        write_candles(out, market.candles(count))
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        click.echo(json.dumps({"path": str(out), "candles": count, "best_hit_rate": market.model.hit_rate}))
        return
    click.echo(
        f"{out}: {count} candles of {symbol} {timeframe}, made from seed {seed}; "
        f"the best hit rate that a forecast can have is {market.model.hit_rate:.1%}"
    )


def _rules(path: Path) -> list[AnyFault]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"--faults {path} cannot be read: {error.strerror}") from error
    return decode_rules(text)


def _recorded(text: str, timeframe: Timeframe) -> RecordedMarket:
    symbol, equals, file = text.partition("=")
    if not equals:
        raise ConfigError(f"--candles {text!r}: write SYMBOL=FILE, as in BTC/USDT=candles.csv")
    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"--candles {text!r}: there is no file {file}")
    return read_market(path, symbol, timeframe)


def _speed(text: str) -> float | None:
    """Market seconds in a real one; None for lock step."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.0 < speed <= _FASTEST:
        raise ConfigError(f"--speed {text!r}: write a number above 0, up to a million, or max")
    return speed
