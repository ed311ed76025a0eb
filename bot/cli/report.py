"""The verbs about a run that exists: show it as a page, write it as tables."""

from pathlib import Path

import click

from bot.cli.conclusion import conclude


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The page; RUN/report.html if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def report(run: Path, out: Path | None, as_json: bool) -> int:
    """Show what the run in folder RUN did and what it cost: a summary, and a page that opens without a network."""
    return conclude(run, seconds=None, as_json=as_json, out=out)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder for the tables."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def export(run: Path, out: Path, as_json: bool) -> None:
    """Write the fills, equity, forecasts and decisions of the run in folder RUN as CSV tables, a file each."""
    from bot.adapters.journal_reader import read_run
    from bot.reporting.export import export_run

    written = export_run(read_run(run), out)
    if as_json:
        import json

        click.echo(json.dumps({table.path.name: {"path": str(table.path), "rows": table.rows} for table in written}))
        return
    for table in written:
        click.echo(f"{table.rows:>10,} rows  {table.path}")
