"""The verbs that speak to a running bot, and `why`, which reads what it wrote: by the folder of its run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from bot.core.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from bot.adapters.control_messages import AnyTell, AskDeed, TellAccepted, TellDone, TellStatus
    from bot.core.status import EngineStatus

EXIT_BUSY: Final = 6
"""Accepted and not done yet: the code of whatever does not answer in time."""

EXIT_REFUSED: Final = 130
"""A person was asked and did not say yes: the code of what was broken off."""

_BY_HAND: Final = "by hand"

_run = click.argument("run", type=click.Path(path_type=Path))
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_reason = click.option("--reason", default=_BY_HAND, show_default=True, help="Why, for the journal and for `status`.")


@click.command()
@_run
@_json
def status(run: Path, as_json: bool) -> None:
    """
    Say how the bot in folder RUN stands, and for each market why it does or does not trade.

    Where no bot runs, the end of the run's journal is told.
    """
    from bot.adapters.control_client import NothingRunsError

    try:
        told = _status_of(run)
    except NothingRunsError:
        _tell_last_known(run, as_json=as_json)
        return
    if as_json:
        _print_json({"running": True, "age_ms": told.age_ms, "busy_ms": told.busy_ms, "status": told.status})
        return
    from bot.reporting.status_text import print_status

    print_status(told.status, told.age_ms, told.busy_ms)


@click.command()
@_run
@_reason
@_json
def halt(run: Path, reason: str, as_json: bool) -> int:
    """Stop the bot in folder RUN from trading. Entries are taken back; what is held keeps its stops."""
    from bot.adapters.control_messages import AskHalt, checked_reason

    return _do(run, AskHalt(checked_reason(reason)), as_json=as_json)


@click.command()
@_run
@_reason
@_json
def resume(run: Path, reason: str, as_json: bool) -> int:
    """Let the bot in folder RUN trade again, after a halt, a flattening or a tripped drawdown breaker."""
    from bot.adapters.control_messages import AskResume, checked_reason

    return _do(run, AskResume(checked_reason(reason)), as_json=as_json)


@click.command()
@_run
@_reason
@click.option("--yes", is_flag=True, help="Do not ask first.")
@_json
def flatten(run: Path, reason: str, yes: bool, as_json: bool) -> int:
    """
    Sell at the market all that the bot in folder RUN has bought, and halt it. Other money is not touched.

    Asks first, unless --yes is said; exit code 130 where the answer is not yes.
    """
    from bot.adapters.control_messages import AskFlatten, checked_reason

    asked = AskFlatten(checked_reason(reason))
    if not yes:
        if as_json:
            raise click.UsageError("flatten --json asks nobody: say --yes")
        with _somebody_there(run, "flatten"):
            told = _status_of(run)
        if not _agreed(_warning(told.status)):
            click.echo("nothing was sold and nothing was halted: the answer was not yes", err=True)
            return EXIT_REFUSED
    return _do(run, asked, as_json=as_json)


@click.command()
@_run
@click.argument("order")
@_json
def why(run: Path, order: str, as_json: bool) -> None:
    """
    Tell why an order of the run in folder RUN exists and what became of it.

    ORDER is its client order id, the beginning of it, or `last`. SYMBOL@TIME, such as BTC/USDT@2024-06-01T12:00 or
    BTC/USDT@last, tells of the last decision about a market up to then; a run of one market needs no SYMBOL.
    """
    from bot.adapters.journal_reader import read_run
    from bot.reporting.decision_context import decision_story
    from bot.reporting.why import order_story
    from bot.reporting.why_text import decision_lines, order_lines, print_lines

    record = read_run(run)
    symbol, at, moment = order.partition("@")
    if at:
        decision = decision_story(record, symbol, _moment_ms(moment))
        if as_json:
            _print_json(decision)
        else:
            print_lines(decision_lines(decision))
        return
    told = order_story(record, order)
    if as_json:
        _print_json(told)
    else:
        print_lines(order_lines(told))


def _do(run: Path, asked: "AskDeed", *, as_json: bool) -> int:
    from bot.adapters.control_client import ask
    from bot.adapters.control_messages import TellAccepted, TellDone

    verb = str(asked.__struct_config__.tag)
    with _somebody_there(run, verb):
        told = ask(run, asked)
    match told:
        case TellDone():
            _tell_done(verb, told, as_json=as_json)
            return 0
        case TellAccepted():
            _tell_accepted(run, verb, told, as_json=as_json)
            return EXIT_BUSY
        case _:
            raise _not_done(run, told)


def _status_of(run: Path) -> "TellStatus":
    from bot.adapters.control_client import ask
    from bot.adapters.control_messages import AskStatus, TellStatus

    told = ask(run, AskStatus())
    if not isinstance(told, TellStatus):
        raise _not_done(run, told)
    return told


@contextmanager
def _somebody_there(run: Path, verb: str) -> Iterator[None]:
    from bot.adapters.control_client import NothingRunsError

    try:
        yield
    except NothingRunsError as error:
        raise NothingRunsError(f"{error}, so there is nothing to {verb}: {_what_is_there(run)}") from None


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as ended:
        if isinstance(ended.__context__, EOFError):
            click.echo(err=True)
            raise ConfigError("flatten asks first, and nobody can answer here: say --yes") from None
        raise


def _what_is_there(run: Path) -> str:
    from bot.adapters.journal_format import FILE_NAME
    from bot.adapters.journal_reader import read_run

    if not (run / FILE_NAME).is_file():
        return "there is no run in that folder; name the one that its --out named"
    if read_run(run).finished:
        return f"the run is finished and is not taken up again; `candlewick status {run}` tells what it left"
    return (
        f"`candlewick status {run}` tells how it was left; the command that started the run takes it up again, and sees"
        " to its orders first"
    )


def _not_done(run: Path, told: "AnyTell") -> JournalError:
    from bot.adapters.control_messages import TellRefused

    reason = told.reason if isinstance(told, TellRefused) else "its answer is one to another question"
    return JournalError(f"the bot in {run} did not do it: {reason}")


def _tell_done(verb: str, told: "TellDone", *, as_json: bool) -> None:
    if as_json:
        _print_json({"done": True, "at_ms": told.at_ms, "age_ms": told.age_ms, "status": told.status})
        return
    from bot.reporting.status_text import exact_moment, headline

    click.echo(f"{verb}: in the journal at {exact_moment(told.at_ms)} UTC")
    click.echo(headline(told.status, told.age_ms, told.busy_ms))
    for market in told.status.markets:
        if market.holding is not None or market.orders:
            click.echo(f"{market.symbol}: {market.why}")


def _tell_accepted(run: Path, verb: str, told: "TellAccepted", *, as_json: bool) -> None:
    if as_json:
        _print_json({"done": False, "busy_ms": told.busy_ms})
        return
    from bot.reporting.status_text import seconds

    busy = f"the bot has been busy for {seconds(told.busy_ms)}"
    click.echo(f"{verb}: accepted; {busy}, and does this first when it is not: see `candlewick status {run}`", err=True)


def _tell_last_known(run: Path, *, as_json: bool) -> None:
    from bot.adapters.journal_reader import read_run
    from bot.reporting.last_known import last_known

    known = last_known(read_run(run))
    if as_json:
        _print_json({"running": False, "last_known": known})
        return
    from bot.reporting.status_text import print_last_known

    print_last_known(known)


def _warning(status: "EngineStatus") -> str:
    from bot.reporting.wording import exact, number

    held = [
        f"{exact(market.holding.quantity)} of {market.symbol}, worth {number(market.holding.value)}"
        for market in status.markets
        if market.holding is not None and not market.holding.is_dust
    ]
    what = f"sell {'; '.join(held)} at the market" if held else "nothing is held: take entries back"
    return f"{what}, and halt?"


def _moment_ms(text: str) -> int | None:
    if text in ("", "last"):
        return None
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text} is no time: write 2024-06-01, 2024-06-01T12:00, milliseconds, or last") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)


def _print_json(answer: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(answer))
