"""`candlewick bench latency` and `bench burst`: the live path on this machine, beside its floors."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from bot.core.market import Candle

_SEED: Final = 7
_PAST: Final = 760
"""Candles before the stream: the features' warm-up and a window, and some."""

_HOT_PAUSE_S: Final = 0.002
_IDLE_PAUSE_S: Final = 1.0

_SOME: Final = click.IntRange(min=1)


@click.command()
@click.option("--candles", type=_SOME, default=500, show_default=True, help="Candles streamed without a rest.")
@click.option(
    "--idle-candles", type=_SOME, default=30, show_default=True, help="Candles streamed with a second's rest each."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def latency(candles: int, idle_candles: int, as_json: bool) -> None:
    """From a frame's sending to the order's handing over, hot and after a second of idling."""
    from bot.bench.live_floor import disk_floor, inference_floor, receive_floor
    from bot.bench.live_latency import measure_live
    from bot.compose.parts import REFERENCE_BUNDLE

    figures: dict[str, dict[str, float]] = {}
    for name, count, pause_s in (("hot", candles, _HOT_PAUSE_S), ("idle", idle_candles, _IDLE_PAUSE_S)):
        markets = _markets(1, count)
        measured = measure_live(REFERENCE_BUNDLE, markets, count, pause_s, trades=True)
        figures[f"{name}: frame sent to order handed over"] = spread_of(measured.orders)
        figures[f"{name}: floor, a bare receive"] = spread_of(receive_floor(markets, count, pause_s))
        figures[f"{name}: floor, a bare inference"] = spread_of(inference_floor(REFERENCE_BUNDLE, count, pause_s))
        figures[f"{name}: the journal's durable write"] = spread_of(measured.commits)
    figures["floor, the disk's fdatasync"] = spread_of(disk_floor(200))
    print_figures(figures, as_json)


@click.command()
@click.option(
    "--markets",
    type=_SOME,
    default=500,
    show_default=True,
    help="Markets that close in one instant.",
)
@click.option("--instants", type=_SOME, default=20, show_default=True, help="Instants, a second apart.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def burst(markets: int, instants: int, as_json: bool) -> None:
    """Many markets closing in one instant: from the first frame's sending to the last market's decision."""
    from bot.bench.live_floor import receive_floor
    from bot.bench.live_latency import measure_live
    from bot.compose.parts import REFERENCE_BUNDLE

    made = _markets(markets, instants)
    measured = measure_live(REFERENCE_BUNDLE, made, instants, _IDLE_PAUSE_S, trades=False)
    floor = receive_floor(made, instants, _IDLE_PAUSE_S)
    # The last frame of each instant is the one that its floor is made of.
    figures = {
        f"{markets} markets: first frame sent to last decision": spread_of(measured.decisions),
        f"{markets} markets: floor, a bare receive of the last frame": spread_of(floor[markets - 1 :: markets]),
    }
    print_figures(figures, as_json)


def _markets(count: int, streamed: int) -> "dict[str, Sequence[Candle]]":
    from bot.bench.live_latency import TIMEFRAME
    from bot.exchange.market import SeededMarket

    made: dict[str, Sequence[Candle]] = {}
    for number in range(count):
        symbol = f"C{number:04}/USDT"
        columns = SeededMarket(_SEED + number, symbol, TIMEFRAME).candles(_PAST + streamed)
        made[symbol] = [columns.candle(row) for row in range(len(columns))]
    return made


def spread_of(micros: "Sequence[float]") -> dict[str, float]:
    """Median, 99th percentile and maximum, in milliseconds."""
    import numpy as np

    taken = np.asarray(micros) / 1e3
    return {
        "count": len(taken),
        "p50_ms": round(float(np.percentile(taken, 50)), 3),
        "p99_ms": round(float(np.percentile(taken, 99)), 3),
        "max_ms": round(float(taken.max()), 3),
    }


def print_figures(figures: dict[str, dict[str, float]], as_json: bool) -> None:
    """Print each name with its spread, as a table or as one JSON object."""
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, spread in figures.items():
        told = "   ".join(f"{which} {spread[f'{which}_ms']:8.3f} ms" for which in ("p50", "p99", "max"))
        click.echo(f"{name:>58}  {told}   of {spread['count']:,.0f}")
