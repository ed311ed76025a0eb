"""`candlewick external`: outside series on disk, each row with the time from which on it was known."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from bot.cli.data_use import json_option
from bot.cli.groups import WholeGroup
from bot.cli.options import Duration
from bot.core.errors import ConfigError

if TYPE_CHECKING:
    from bot.adapters.external.collecting import Collected
    from bot.adapters.external.csv_series import FileRows, Timing
    from bot.adapters.external.series_store import SeriesName, SeriesStore

_SERIES: Final = """\
\b
Series:
  coingecko/COIN.market_cap    capitalisation in US dollars: coingecko/bitcoin.market_cap
  coingecko/COIN.volume        volume of 24 hours in US dollars
  coinmetrics/ASSET.METRIC     on-chain activity: coinmetrics/btc.AdrActCnt, TxCnt, CapMrktCurUSD
  alternative.me/fear_greed    the fear and greed index
  rss/NAME                     the headlines of the feed at --url

\b
Keys are read from the environment and shown nowhere:
  COINGECKO_DEMO_API_KEY, COINGECKO_PRO_API_KEY, COINMETRICS_API_KEY
"""


@click.group(cls=WholeGroup)
def external() -> None:
    """Keep outside series on disk: on-chain activity, market capitalisation, sentiment, news, any CSV."""


def _store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--store",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("external"),
        show_default=True,
        help="The store's folder. It holds SOURCE/NAME.jsonl, which only ever grows; times are milliseconds UTC.",
    )(command)


@external.command(epilog=_SERIES)
@click.argument("series", nargs=-1, required=True)
@click.option("--from", "from_date", metavar="DATE", default="2018-01-01", show_default=True, help="First event (UTC).")
@click.option("--until", "until_date", metavar="DATE", help="End of the events (UTC); now if not given.")
@click.option("--revisit", "revisit_ms", type=Duration(), help="How far back to ask again for revisions, such as 90d.")
@click.option("--url", default="", help="The address of a feed; else, where to ask instead of the source itself.")
@_store_option
@json_option
def download(
    series: tuple[str, ...],
    from_date: str,
    until_date: str | None,
    revisit_ms: int | None,
    url: str,
    folder: Path,
    as_json: bool,
) -> None:
    """
    Bring what the store lacks of each SERIES, and what was revised.

    A value that has changed stands beside the old one from then on. Goes on where the store ends, also after a kill.
    The index and feeds know no span: they give what they show.
    """
    from bot.adapters.clock import SystemClock
    from bot.adapters.external.series_store import SeriesStore, series_name
    from bot.adapters.log import configure_logging
    from bot.compose.replay_run import date_ms

    configure_logging(as_json=as_json)
    store, now_ms = SeriesStore(folder), SystemClock().now_ms
    span = (date_ms(from_date, "--from") or 0, date_ms(until_date, "--until") or now_ms())
    done = []
    for name in [series_name(text) for text in series]:
        collected = _collected(name, store, span, now_ms, url, revisit_ms)
        done.append(collected)
        if not as_json:
            click.echo(_told(collected))
    if as_json:
        _print_json(store, done)


def _collected(
    name: "SeriesName",
    store: "SeriesStore",
    span: tuple[int, int],
    now_ms: Callable[[], int],
    url: str,
    revisit_ms: int | None,
) -> "Collected":
    from bot.adapters.external.collecting import RangedSource, collect_current, collect_span
    from bot.adapters.external.sources import Keys, open_source

    keys = Keys(
        os.environ.get("COINGECKO_DEMO_API_KEY", ""),
        os.environ.get("COINGECKO_PRO_API_KEY", ""),
        os.environ.get("COINMETRICS_API_KEY", ""),
    )
    source = open_source(name, keys, now_ms, url)
    if isinstance(source, RangedSource):
        return collect_span(source, store, span, now_ms(), revisit_ms)
    return collect_current(source, store, revisit_ms)


@external.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--series", "name", required=True, metavar="SOURCE/NAME", help="What it is called in the store.")
@click.option("--event", required=True, metavar="COLUMN", help="What a row is about: a time or a day.")
@click.option("--value", metavar="COLUMN", help="The numbers; or name --text and --key, for headlines.")
@click.option("--text", metavar="COLUMN", help="The headlines.")
@click.option("--key", metavar="COLUMN", help="What a headline is known by, such as its address.")
@click.option("--available", metavar="COLUMN", help="When a row was known. Without it, name --delay.")
@click.option("--delay", "delay_ms", type=Duration(), help="From the event until it was known, such as 36h.")
@click.option("--time-format", "pattern", metavar="PATTERN", help="Of the event column: '%d-%m-%Y %H:%M'.")
@_store_option
@json_option
def import_(
    file: Path,
    name: str,
    value: str | None,
    text: str | None,
    key: str | None,
    delay_ms: int | None,
    folder: Path,
    as_json: bool,
    **times: str | None,
) -> None:
    """
    Put the rows of a CSV FILE (plain or .gz) into the store; what is there already must agree.

    When a row was known is what the file says, or the event and a delay that you answer for: what is known too early
    makes every result that comes of it worthless. A comparison believes a file that says it of each row; rows with a
    mere --delay count there from now on, or with its --backfilled, because they may have been revised since.
    """
    from bot.adapters.external.collecting import import_rows
    from bot.adapters.external.csv_series import Timing
    from bot.adapters.external.series_store import SeriesStore, series_name

    if times["available"] is None and delay_ms is None:
        raise ConfigError("when were the rows known? Name the column with --available, or a --delay after the event")
    timing = Timing(str(times["event"]), times["available"], delay_ms or 0, times["pattern"])
    read = _read(file, timing, value, text, key)
    store = SeriesStore(folder)
    done = import_rows(store, series_name(name), read.rows)
    if as_json:
        _print_json(store, [done], left_out=read.left_out)
        return
    click.echo(_told(done))
    if read.left_out:
        click.echo(f"  {read.left_out:,} lines left out that have an empty cell")


def _read(file: Path, timing: "Timing", value: str | None, text: str | None, key: str | None) -> "FileRows":
    from bot.adapters.clock import SystemClock
    from bot.adapters.external.csv_series import read_headlines, read_numbers

    now_ms = SystemClock().now_ms()
    if value and not (text or key):
        return read_numbers(file, timing, value, now_ms)
    if text and key and not value:
        return read_headlines(file, timing, text, key, now_ms)
    raise ConfigError("what is in the file? Name the column of numbers with --value, or --text and --key of headlines")


@external.command("list")
@_store_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Say what is in the store: rows, revisions, events, and how many rows were fetched long after they were known."""
    import msgspec

    from bot.adapters.candle_series import utc_text
    from bot.adapters.external.listing import facts_of
    from bot.adapters.external.series_store import SeriesStore

    store = SeriesStore(folder)
    found = [facts_of(store.read(series)) for series in store.series()]
    if as_json:
        click.echo(
            json.dumps({"series": [{**msgspec.to_builtins(each), "series": str(each.series)} for each in found]})
        )
        return
    for each in found:
        when = f"{utc_text(each.first_ms)} to {utc_text(each.last_ms)}" if each.rows else "nothing yet"
        click.echo(f"{each.series}: {each.rows:,} rows, {each.revisions:,} of them revisions, {when}")
        if each.back_filled:
            click.echo(f"  {each.back_filled:,} rows were fetched a week or more after they were known")
        if each.stated:
            click.echo(f"  {each.stated:,} rows state themselves when they were known")
        for source in each.sources:
            click.echo(f"  {source}")
    if not found:
        click.echo(f"{folder} holds no series: `candlewick external download --help` says what there is")


def _told(done: "Collected") -> str:
    revised = f", {done.revised:,} values revised" if done.revised else ""
    return f"{done.series}: {done.added:,} rows more{revised}, {done.rows:,} in the store"


def _print_json(store: "SeriesStore", done: "list[Collected]", **more: int) -> None:
    told = [
        {
            "series": str(each.series),
            "path": str(store.path(each.series)),
            "added": each.added,
            "revised": each.revised,
            "rows": each.rows,
            **more,
        }
        for each in done
    ]
    click.echo(json.dumps({"series": told}))
