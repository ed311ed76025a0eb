"""`candlewick parity`: whether a run's own tape gives the very same run again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.bundles import BUNDLE_HELP, BundleFolder
from bot.core.errors import DataError, JournalError

if TYPE_CHECKING:
    from bot.compose.parity_run import Parity
    from bot.reporting.parity import RunDifference


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    type=BundleFolder(),
    help=f"The model of the run, where it is not one that is shipped: {BUNDLE_HELP}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every difference as one JSON object.")
def parity(run: Path, bundle: Path | None, as_json: bool) -> int:
    """
    Decide the run in folder RUN again from its tape, and list every difference with its first cause.

    The run needs a tape: one of `paper --record`. Exit code 0 where nothing differs, 5 otherwise.
    """
    from bot.adapters.journal_format import FILE_NAME
    from bot.compose.parity_run import check_parity
    from bot.compose.tape_events import TAPE_FOLDER

    if (run / FILE_NAME).is_file() and not (run / TAPE_FOLDER).is_dir():
        raise DataError(
            f"the run in {run} kept no tape, so there is nothing to decide it again from: a session keeps one that is "
            "started with --record"
        )
    found = check_parity(run, bundle)
    if as_json:
        _print_json(found)
    else:
        _print(found)
    return JournalError.exit_code if found.report.differences else 0


def _print_json(found: "Parity") -> None:
    import msgspec

    answer = {
        "sessions": found.sessions,
        "left_over": found.left_over,
        "remarks": found.remarks,
        "compared": found.report.compared,
        "differences": msgspec.to_builtins(found.report.differences),
    }
    click.echo(json.dumps(answer))


def _print(found: "Parity") -> None:
    for remark in found.remarks:
        click.echo(remark, err=True)
    if found.left_over:
        click.echo(f"{found.left_over} events of the tape came when the session had ended", err=True)
    for difference in found.report.differences:
        click.echo(_line(difference))
    from bot.reporting.wording import plural

    compared = ", ".join(plural(count, stage) for stage, count in found.report.compared.items())
    click.echo(f"{compared} of {plural(found.sessions, 'session')} compared")
    click.echo(_verdict(found.report.differences))


def _line(difference: "RunDifference") -> str:
    time = datetime.fromtimestamp(difference.instant_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    changes = "; ".join(
        f"{change.name + ' ' if change.name else ''}recorded {change.recorded}, again {change.again}"
        for change in difference.changes
    )
    cause = "" if difference.first_cause == difference.number else f" (follows from {difference.first_cause})"
    return f"{difference.number}. {time} {difference.symbol or 'account'} {difference.stage}: {changes}{cause}"


def _verdict(differences: "tuple[RunDifference, ...]") -> str:
    if not differences:
        return "no difference: the tape gives the same run"
    causes = sum(one.first_cause == one.number for one in differences)
    from bot.reporting.wording import plural

    return f"{plural(len(differences), 'difference')} with {plural(causes, 'first cause')}"
