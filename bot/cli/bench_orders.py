"""`candlewick bench orders`: what our own code adds to an order, beside ccxt and beside the disk."""

import json

import click

from bot.cli.bench_live import print_figures, spread_of


@click.command()
@click.option(
    "--orders",
    "count",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Market orders placed each way, in turns.",
)
@click.option(
    "--writes",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Orders written to the disk, one by one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def orders(count: int, writes: int, as_json: bool) -> None:
    """Our call beside ccxt's own at one exchange on loopback, and an order's durable write beside the disk's own."""
    from bot.bench.order_speed import measure_orders, measure_writes

    called, written = measure_orders(count), measure_writes(writes)
    figures = {
        "our place, to the exchange's answer": spread_of(called.ours),
        "ccxt's own create_order": spread_of(called.ccxt),
        "intent to durable write": spread_of(written.intents),
        f"floor, the disk's fdatasync of {written.block_bytes:,} bytes": spread_of(written.disk),
    }
    ours, bare, intent, disk = (one["p50_ms"] for one in figures.values())
    ratios = {"our place over ccxt's": round(ours / bare, 3), "durable write over the disk's": round(intent / disk, 3)}
    if as_json:
        click.echo(json.dumps({"spreads": figures, "ratios": ratios}))
        return
    print_figures(figures, as_json=False)
    for name, ratio in ratios.items():
        click.echo(f"{name:>58}  {ratio:8.3f}")
