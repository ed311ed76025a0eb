"""The verbs about a run that exists: show it as a page, write it as tables."""

from pathlib import Path
from typing import Final

import click

EXIT_SUSPECTED_LEAK: Final = 8


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The page; RUN/report.html if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def report(run: Path, out: Path | None, as_json: bool) -> int:
    """Show what the run in folder RUN did and what it cost: a summary, and a page that opens without a network."""
    from bot.adapters.journal_reader import read_run
    from bot.reporting.page import write_page
    from bot.reporting.review import review, summary_json
    from bot.reporting.terminal import print_summary

    reviewed = review(read_run(run))
    page = out or run / "report.html"
    write_page(reviewed, page)
    if as_json:
        click.echo(summary_json(reviewed, page))
    else:
        print_summary(reviewed.summary, reviewed.verdict, page)
    return EXIT_SUSPECTED_LEAK if reviewed.leak_suspected else 0


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder for the tables."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def export(run: Path, out: Path, as_json: bool) -> None:
    """Write the fills, equity, forecasts and decisions of the run in folder RUN as CSV tables."""
    from bot.adapters.journal_reader import read_run
    from bot.reporting.export import export_run

    written = export_run(read_run(run), out)
    if as_json:
        import json

        click.echo(json.dumps({table.path.name: {"path": str(table.path), "rows": table.rows} for table in written}))
        return
    for table in written:
        click.echo(f"{table.rows:>10,} rows  {table.path}", err=True)
