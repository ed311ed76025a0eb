"""
The front door: the verbs of `candlewick`, and how every ending becomes one sentence and one exit code.

Verbs are loaded when they are called, so that `--help` does not pay for what it does not use. Must not import
anything heavy, and knows of each verb only where it is and what it does in one line.
"""

import errno
import importlib
import json
import sqlite3
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import click

from bot.core.errors import CandlewickError, ConfigError, StorageError

EXIT_UNEXPECTED: Final = 1
EXIT_INTERRUPTED: Final = 130

PACKAGES: Final = ("bot", "strategies", "risk", "config")

_DISK_ERRORS: Final = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}
_SQLITE_DISK_CODES: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
_PRIMARY_CODE: Final = 0xFF


class Verb(NamedTuple):
    """Where a command is, and what it does."""

    target: str
    summary: str


VERBS: Final = {
    "demo": Verb("bot.cli.live:demo", "Watch the whole machine trade a generated market for a minute."),
    "live": Verb("bot.cli.live:live", "Trade live candles through an account at a practice venue."),
    "paper": Verb("bot.cli.paper:paper", "Trade live candles on paper."),
    "replay": Verb("bot.cli.replay:replay", "Trade recorded candles through the same engine."),
    "record": Verb("bot.cli.record:record", "Record a venue's stream onto a tape."),
    "parity": Verb("bot.cli.parity:parity", "Compare a session with the replay of its own tape."),
    "report": Verb("bot.cli.report:report", "Show what a run did and what it cost."),
    "export": Verb("bot.cli.report:export", "Write a run's fills, equity, forecasts and decisions as tables."),
    "status": Verb("bot.cli.control:status", "Say how a bot stands, and why each market trades or not."),
    "halt": Verb("bot.cli.control:halt", "Stop a running bot from trading; stops stay."),
    "resume": Verb("bot.cli.control:resume", "Let a halted bot trade again."),
    "flatten": Verb("bot.cli.control:flatten", "Sell all that a running bot has bought, and halt it."),
    "why": Verb("bot.cli.control:why", "Tell why an order exists and what became of it."),
    "health": Verb("bot.cli.health:health", "Say whether a run is alive: its newest candle is recent."),
    "data": Verb("bot.cli.data:data", "Keep candles in a local store: download, import, resample, verify."),
    "external": Verb("bot.cli.external:external", "Keep outside series: on-chain, sentiment, news."),
    "train": Verb("bot.cli.train:train", "Train and judge a model, and pack it as a bundle."),
    "retrain": Verb("bot.cli.retrain:retrain", "Train a challenger, judge it beside the model in use, promote it."),
    "models": Verb("bot.cli.models:models", "Keep models in a registry: add, judge, promote, roll back."),
    "audit": Verb("bot.cli.audit:audit", "Try to prove that a bundle or a strategy knows the future."),
    "explain": Verb("bot.cli.explain:explain", "Say which features and candles a bundle's forecasts rest on."),
    "compare": Verb("bot.cli.compare:compare", "Compare networks, baselines and naive rules on unseen candles."),
    "tune": Verb("bot.cli.tune:tune", "Search for a better way to train, and judge it on unseen candles."),
    "init": Verb("bot.cli.config:init", "Write a commented profile to begin with."),
    "config": Verb("bot.cli.config:config", "Show settings and where each value came from."),
    "exchange": Verb("bot.cli.exchange:exchange", "Run the embedded exchange on loopback."),
    "bench": Verb("bot.cli.bench:bench", "Measure latency and throughput on this machine."),
}

EPILOG: Final = """\
\b
Exit codes: 0 done, 1 unexpected, 2 usage or settings, 3 data, 4 model, 5 journal or run,
6 venue, 7 storage, 8 suspected leak, 130 interrupted.
A session (paper, live, demo, record, exchange serve) that Ctrl-C or SIGTERM stops ends in order, with 0;
the summary of its run then has "finished": false.
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer meets them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a verb and return its command."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name].target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name].target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their summaries, without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="candlewick", prog_name="candlewick")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def cli(debug: bool) -> None:
    """
    Candlewick: a crypto trading bot with a preloaded forecaster and a risk desk.

    Begin with `candlewick demo`; `candlewick VERB --help` explains a verb.
    """
    del debug


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run one verb and leave the process with its exit code.

    Args:
        arguments: The words after the program's name; those of the process where None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        require_one_origin()
        result = cli.main(words, prog_name="candlewick", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        _leave("interrupted", EXIT_INTERRUPTED, words)
    except click.UsageError as error:
        if error.ctx is not None:
            click.echo(error.ctx.get_usage(), err=True)
        _leave(error.format_message(), error.exit_code, words)
    except click.ClickException as error:
        _leave(error.format_message(), ConfigError.exit_code, words)
    except Exception as error:  # noqa: BLE001 (the last resort of the process)
        _leave(*_ending(error, debug=_asked("--debug", words)), words)
    sys.exit(result if isinstance(result, int) else 0)


def require_one_origin() -> None:
    """
    Check that the four packages are the ones that were installed together.

    Their names are common, and a file `config.py` in the working folder would stand in front of ours.

    Raises:
        ConfigError: One of them is somewhere else; the message says which and where.
    """
    home = Path(__file__).resolve().parents[2]
    for name in PACKAGES:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if found != home / name / "__init__.py":
            where = f"found at {found}" if found else "missing"
            raise ConfigError(
                f"the package {name} belongs in {home} but is {where}: start candlewick in another folder, "
                f"or rename what stands in its way"
            )


def _ending(error: BaseException, *, debug: bool) -> tuple[str, int]:
    """What to say of an error, and the exit code."""
    leaves = list(_leaves(error))
    known = next((leaf for leaf in map(_as_known, leaves) if leaf is not None), None)
    if known is not None:
        return str(known), known.exit_code
    # Only now: what the words of an unknown error hold is not known either.
    from bot.adapters.redaction import redact

    if debug:
        click.echo(redact("".join(traceback.format_exception(error))), err=True)
    first = leaves[0]
    told = redact(f"{type(first).__name__}: {first}")
    hint = "" if debug else "; `candlewick --debug ...` shows where"
    return f"unexpected error, {told}{hint}", EXIT_UNEXPECTED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _as_known(error: BaseException) -> CandlewickError | None:
    match error:
        case CandlewickError():
            return error
        case OSError() if error.errno in _DISK_ERRORS:
            place = f" at {error.filename}" if error.filename else ""
            return StorageError(f"the disk refused{place}: {error.strerror}; what was written before is kept")
        # An error that did not come from the database itself has no code.
        case sqlite3.OperationalError() if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _SQLITE_DISK_CODES:
            return StorageError(f"the disk refused the journal: {error}; what was written before is kept")
        case _:
            return None


def _asked(option: str, words: Sequence[str]) -> bool:
    return option in words[: words.index("--")] if "--" in words else option in words


def _leave(sentence: str, code: int, words: Sequence[str]) -> NoReturn:
    click.echo(f"candlewick: {sentence}", err=True)
    if _asked("--json", words):
        answer: dict[str, Any] = {"error": sentence, "exit_code": code}
        click.echo(json.dumps(answer))
    sys.exit(code)
