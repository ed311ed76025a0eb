"""The verbs about candles that are stored: list them, make longer ones, look for what is wrong with them."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bot.core.errors import ConfigError, DataError
from bot.core.market import Timeframe

if TYPE_CHECKING:
    from bot.adapters.candle_audit import Flaw
    from bot.adapters.candle_store import CandleStore
    from bot.adapters.stored_series import SeriesKey

_SHOWN: Final = 5
"""Places of one kind of flaw that are shown; `--json` has all."""


_KINDS: Final = """\
\b
Kinds of flaws:
  unreadable, unusable   a file that is damaged, or contradicts itself
  unsorted, duplicate    candles out of order, or there twice
  impossible, off-grid   prices or times that no candle can have
  gap, venue-gap         missing bars; those that the exchange was asked for and does not have
  outlier, frozen        moves far outside of the usual; prices that stand still
  timeframes, venues     candles of one market that contradict each other
"""


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--store`, as the argument `folder`."""
    return click.option(
        "--store",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("candles"),
        show_default=True,
        help="The store's folder. It holds EXCHANGE/BASE_QUOTE-TIMEFRAME.parquet; times are milliseconds UTC.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def _choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, parameter, text in (
        ("--timeframe", "timeframes", "Only candles of this length; may be given again."),
        ("--symbol", "symbols", "Only this market; may be given again."),
        ("--exchange", "venues", "Only this exchange; may be given again."),
    ):
        command = click.option(name, parameter, multiple=True, help=text)(command)
    return command


def _chosen(
    store: "CandleStore", venues: Sequence[str], symbols: Sequence[str], timeframes: Sequence[str]
) -> "list[SeriesKey]":
    from bot.adapters.candle_names import read_symbol

    markets = {read_symbol(symbol) or symbol for symbol in symbols}
    found = [
        key
        for key in store.series()
        if (not venues or key.venue in venues)
        and (not markets or key.symbol in markets)
        and (not timeframes or key.timeframe.value in timeframes)
    ]
    if not found:
        raise DataError("the store has no such candles: `candlewick data list` says what there is")
    return found


@click.command("list")
@store_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Say what is in the store: how many candles, from when to when, and how many bars are missing between."""
    import msgspec

    from bot.adapters.candle_series import utc_text
    from bot.adapters.candle_store import CandleStore

    store = CandleStore(folder)
    found = [store.facts(key) for key in store.series()]
    if as_json:
        told = [
            {"path": str(store.path(each.key)), "missing": each.missing, **msgspec.to_builtins(each)} for each in found
        ]
        click.echo(json.dumps({"series": told}))
        return
    for each in found:
        span = f"{utc_text(each.first_ms)} to {utc_text(each.last_ms + each.key.timeframe.ms)}"
        click.echo(f"{each.key!s:<28} {each.candles:>10,} candles  {span}  {each.missing:,} missing")
    if not found:
        click.echo(f"there are no candles in {folder}")


@click.command()
@click.option("--to", "target", required=True, help="Length of the candles to make, such as 1h.")
@_choice_options
@store_option
@json_option
def resample(folder: Path, target: str, as_json: bool, **chosen: Sequence[str]) -> None:
    """
    Make long candles out of the longest shorter ones that fit, exactly.

    A candle of which a part is missing is left out and reported. What the store holds already must agree.
    """
    import msgspec

    from bot.adapters.candle_names import read_timeframe
    from bot.adapters.candle_series import utc_text
    from bot.adapters.candle_store import CandleStore
    from bot.adapters.store_filling import resample_series, sources

    length = read_timeframe(target)
    if length is None:
        known = ", ".join(timeframe.value for timeframe in Timeframe)
        raise ConfigError(f"--to {target} is no timeframe: it is one of {known}")
    store = CandleStore(folder)
    done = []
    for source in sources(_chosen(store, **chosen), length):
        filled = resample_series(store, source, length)
        done.append({"of": source.timeframe.value, **msgspec.to_builtins(filled)})
        if not as_json:
            of = f"made of {source.timeframe.value}"
            click.echo(f"{filled.key}: {filled.added:,} candles more {of}, {filled.candles:,} in the store")
            if missed := filled.incomplete_ms:
                click.echo(f"  {len(missed):,} left out that are not whole, the first at {utc_text(missed[0])}")
    if as_json:
        click.echo(json.dumps({"series": done}))


@click.command(epilog=_KINDS)
@_choice_options
@click.option("--ignore", "ignored", multiple=True, metavar="KIND", help="A kind to accept; may be given again.")
@click.option(
    "--outlier-scale",
    type=click.FloatRange(min=1.0),
    default=50.0,
    show_default=True,
    help="How many robust standard deviations make an outlier.",
)
@store_option
@json_option
def verify(folder: Path, as_json: bool, ignored: tuple[str, ...], outlier_scale: float, **chosen: Sequence[str]) -> int:
    """
    Look for what is wrong with stored candles: exit code 0 where nothing is, 3 otherwise.

    What is known and accepted is left out with --ignore.
    """
    import msgspec

    from bot.adapters.candle_audit import FlawKind
    from bot.adapters.candle_comparison import verify as judged
    from bot.adapters.candle_store import CandleStore

    kinds = [kind.value for kind in FlawKind]
    if unknown := [word for word in ignored if word not in kinds]:
        raise ConfigError(f"--ignore {unknown[0]} is no kind of flaw: expected one of {', '.join(kinds)}")
    store = CandleStore(folder)
    keys = _chosen(store, **chosen)
    found: list[Flaw] = []
    for together, flaws in judged(store, keys, outlier_scale):
        kept = [flaw for flaw in flaws if flaw.kind not in ignored]
        found += kept
        if not as_json:
            click.echo("\n".join(line for key in together for line in _lines(key, kept)))
    if as_json:
        told = [msgspec.to_builtins(flaw) for flaw in found]
        click.echo(json.dumps({"series": len(keys), "clean": not found, "flaws": told}))
    return DataError.exit_code if found else 0


def _lines(key: "SeriesKey", flaws: "Sequence[Flaw]") -> list[str]:
    own = [flaw for flaw in flaws if flaw.series == str(key)]
    lines = [f"{key}: {'flawed' if own else 'clean'}"]
    for kind, count in Counter(flaw.kind for flaw in own).items():
        alike = [flaw for flaw in own if flaw.kind is kind]
        lines.append(f"  {kind.value}: {count:,} times, {sum(flaw.bars for flaw in alike):,} bars")
        lines += [f"    {flaw.text}" for flaw in alike[:_SHOWN]]
        lines += [f"    and {count - _SHOWN:,} more"] if count > _SHOWN else []
    return lines
