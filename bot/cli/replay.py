"""`candlewick replay`: recorded candles through the same engine, or a journal's events through a fresh one."""

import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bot.cli.options import decision_options
from bot.core.errors import JournalError

if TYPE_CHECKING:
    from bot.compose.replay_run import ReplayRun
    from bot.compose.tape_run import TapeRun


@click.command()
@click.option("--candles", "files", type=Path, multiple=True, help="A file of candles; may be given again.")
@click.option("--tape", type=Path, help="A tape, or a run that kept one, instead of files of candles.")
@click.option("--journal", type=Path, help="Decide this run's journal again instead, without model or candles.")
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@decision_options
@click.option("--from", "from_date", metavar="DATE", help="Trade from this date on (UTC); earlier candles warm up.")
@click.option("--until", "until_date", metavar="DATE", help="Trade until this date (UTC).")
@click.option("--cash", help="The budget, in the quote currency.")
@click.option("--out", type=Path, help="The run's folder; an unfinished run there is gone on with.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def replay(journal: Path | None, as_json: bool, out: Path | None, **asked: Any) -> int:
    """Trade recorded candles: the same engine, risk desk and journal as a live session."""
    if journal is not None:
        _require_alone()
        return _decide_again(journal, as_json)
    if asked["files"] and asked["tape"] is not None:
        raise click.UsageError("--candles and --tape exclude each other: name one of them")
    if not (asked["files"] or asked["tape"]) or out is None:
        raise click.UsageError("name the candles with --candles, or a --tape, and the run's folder with --out")
    began = perf_counter()
    _play(out, asked)
    from bot.cli.conclusion import conclude

    return conclude(out, seconds=perf_counter() - began, as_json=as_json)


def _require_alone() -> None:
    """
    Refuse what `--journal` has no use for.

    Raises:
        UsageError: Something else was asked for as well.
    """
    context = click.get_current_context()
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name not in ("journal", "as_json")
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--journal decides a run again by what the run itself wrote down: leave out {', '.join(given)}"
        )


def _play(out: Path, asked: dict[str, Any]) -> None:
    from bot.cli.progress import candle_progress

    try:
        run = _run(out, asked)
        for finding in run.findings:
            click.echo(finding, err=True)
        if run.opened.taken is not None:
            click.echo(f"going on with the unfinished run in {out}", err=True)
        with candle_progress(run.candles_left) as advance:
            run.play(advance)
    except KeyboardInterrupt:
        click.echo(f"stopped; the same command with --out {out} goes on", err=True)
        raise


def _run(out: Path, asked: dict[str, Any]) -> "ReplayRun | TapeRun":
    tape = asked.pop("tape")
    if tape is None:
        from bot.compose.replay_run import ReplayRequest, ReplayRun

        return ReplayRun(ReplayRequest(out=out, **asked))
    from bot.compose.tape_run import TapeRequest, TapeRun

    of_files = {name: asked.pop(name) for name in ("files", "symbol", "timeframe", "from_date", "until_date")}
    named = [name for name, value in of_files.items() if value]
    if named:
        raise click.UsageError(
            "a tape knows its own markets and its own time: --symbol, --timeframe, --from and --until go with --candles"
        )
    return TapeRun(TapeRequest(tape=tape, out=out, **asked))


def _decide_again(folder: Path, as_json: bool) -> int:
    from bot.adapters.journal_reader import read_run
    from bot.compose.journal_check import check_journal

    checked = check_journal(read_run(folder))
    if as_json:
        click.echo(
            json.dumps({"events": checked.events, "commands": checked.commands, "difference": checked.difference})
        )
    elif checked.difference is not None:
        click.echo(f"the commands are not the same: {checked.difference}")
    else:
        click.echo(f"{checked.events:,} events gave the same {checked.commands:,} commands")
    return 0 if checked.difference is None else JournalError.exit_code
