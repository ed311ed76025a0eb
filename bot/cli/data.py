"""`candlewick data`: candles on disk, and how they come there. What is done with them is in `data_use`."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bot.cli.data_use import json_option, list_, resample, store_option, verify
from bot.cli.groups import WholeGroup

if TYPE_CHECKING:
    from bot.adapters.candle_download import Downloaded, Progress
    from bot.adapters.candle_store import CandleStore

_SHOWN: Final = 5
"""Revisions that are shown; `--json` has all."""


@click.group(cls=WholeGroup)
def data() -> None:
    """Keep candles on disk: a Parquet file an exchange, market and timeframe."""


def _each_option(name: str, parameter: str, text: str) -> Callable[..., Any]:
    return click.option(name, parameter, multiple=True, required=True, help=f"{text}; may be given again.")


@data.command()
@click.option("--exchange", "venue", required=True, help="ccxt's name of the exchange, such as binance.")
@_each_option("--symbol", "symbols", "A market such as BTC/USDT")
@_each_option("--timeframe", "timeframes", "Length of the candles, such as 1h")
@click.option("--from", "from_date", metavar="DATE", required=True, help="When the first candle opens (UTC).")
@click.option("--until", "until_date", metavar="DATE", help="When the last candle ends (UTC); now if not given.")
@click.option("--url", hidden=True, help="Scheme, host and port to ask instead of the exchange's own.")
@store_option
@json_option
def download(folder: Path, as_json: bool, from_date: str, until_date: str | None, **asked: Any) -> None:
    """
    Bring what the store lacks of a span of candles; the open candle is never stored.

    Goes on where the store ends, also after a kill: the same command brings the rest.
    """
    import msgspec

    from bot.adapters.candle_store import CandleStore
    from bot.adapters.log import configure_logging
    from bot.compose.replay_run import date_ms

    configure_logging(as_json=as_json)
    store = CandleStore(folder)
    span = (date_ms(from_date, "--from") or 0, date_ms(until_date, "--until"))
    try:
        done = asyncio.run(_download(store, span, quiet=as_json, **asked))
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on", err=True)
        raise
    if as_json:
        told = [{"path": str(store.path(each.key)), **msgspec.to_builtins(each)} for each in done]
        click.echo(json.dumps({"series": told}))
        return
    for each in done:
        click.echo("\n  ".join(_told(each)))


async def _download(
    store: "CandleStore",
    span: tuple[int, int | None],
    *,
    venue: str,
    symbols: Sequence[str],
    timeframes: Sequence[str],
    url: str | None,
    quiet: bool,
) -> "list[Downloaded]":
    from bot.adapters.candle_download import Download
    from bot.adapters.candle_pages import CandlePages
    from bot.adapters.stored_series import series_key

    keys = list(dict.fromkeys(series_key(venue, symbol, length) for symbol in symbols for length in timeframes))
    done = []
    with store.writing(venue):
        async with CandlePages(venue, list(dict.fromkeys(key.symbol for key in keys)), url) as pages:
            for key in keys:
                pages.require(key.timeframe)
            final_ms = await pages.final_before_ms()
            until_ms = final_ms if span[1] is None else min(span[1], final_ms)
            for key in keys:
                one = Download(pages, store, key)
                with _progress(len(one.wanted(span[0], until_ms)), quiet=quiet) as progress:
                    done.append(await one.run(span[0], until_ms, progress))
    return done


def _progress(total: int, *, quiet: bool) -> "AbstractContextManager[Progress]":
    if quiet:
        return nullcontext(lambda _candles, _until_ms: None)
    from bot.cli.progress import candle_progress

    return candle_progress(total)


def _told(done: "Downloaded") -> list[str]:
    lines = [f"{done.key}: {done.added:,} candles more, {done.candles:,} in the store"]
    if done.missing:
        lines.append(f"{done.missing:,} bars that the exchange does not have")
    if done.untold:
        lines.append(f"nothing of the last {done.untold:,} bars yet: they will be asked for again")
    lines += [f"revised by the exchange: {each}" for each in done.revisions[:_SHOWN]]
    if len(done.revisions) > _SHOWN:
        lines.append(f"and {len(done.revisions) - _SHOWN:,} more revisions")
    if done.left_out:
        lines.append(f"{len(done.left_out):,} rows left out that cannot be, such as {done.left_out[0].text}")
    return lines


@data.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--exchange", "venue", default="imported", show_default=True, help="Whose candles these are.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@store_option
@json_option
def import_(
    files: tuple[Path, ...], venue: str, symbol: str | None, timeframe: str | None, folder: Path, as_json: bool
) -> None:
    """
    Put candles from FILES (Parquet, Feather, CSV) into the store; what is there already must agree.

    FILES may be of several markets and timeframes.
    """
    import msgspec

    from bot.adapters.candle_files import read_candles
    from bot.adapters.candle_store import CandleStore
    from bot.adapters.clock import SystemClock
    from bot.adapters.store_filling import import_series

    store, now_ms = CandleStore(folder), SystemClock().now_ms()
    done = []
    for together in _of_one_timeframe(files):
        for series in read_candles(together, symbol=symbol, timeframe=timeframe, now_ms=now_ms):
            filled = import_series(store, venue, series)
            done.append(filled)
            if not as_json:
                click.echo(f"{filled.key}: {filled.added:,} candles more, {filled.candles:,} in the store")
                click.echo(series.report.summary(), err=True)
    if as_json:
        click.echo(json.dumps({"series": [msgspec.to_builtins(each) for each in done]}))


def _of_one_timeframe(files: Sequence[Path]) -> Iterable[list[Path]]:
    """Part files by the timeframes in their names, in the order in which these appear."""
    from bot.adapters.candle_names import read_file_name

    parted: dict[str | None, list[Path]] = {}
    for file in files:
        parted.setdefault(read_file_name(file).timeframe, []).append(file)
    return parted.values()


for _command in (list_, resample, verify):
    data.add_command(_command)
