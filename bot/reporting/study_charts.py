"""
Charts of a study: what each trial lost, and what decided it.

Small pure functions from figures to one SVG each; they know nothing of networks.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from bot.reporting.axes import Key, Plot, Room, bottom_axis, legend_before, value_axis
from bot.reporting.svg import Scale, box, dot, group, line, picture, polyline, spread_scale, text
from bot.reporting.wording import number, percent

WIDTH: Final = 960.0
HEIGHT: Final = 320.0
_ROOM: Final = Room(bottom=44.0)
_ROW: Final = 26.0
_NAMES: Final = 170.0
_MOST_TICKS: Final = 12


class TrialPoint(Struct, frozen=True):
    """One trial: its number, its mean loss, whether it did all folds, and what it says of itself."""

    number: int
    loss: float
    is_finished: bool
    title: str


def loss_chart(points: Sequence[TrialPoint], default: float | None) -> str:
    """
    Each trial's loss in the order of their numbers, the best so far, and the default's.

    Losses far above the usual ones are drawn at the upper edge: what is of interest lies below.
    """
    losses = np.array([point.loss for point in points])
    low, usual = float(losses.min()), float(np.quantile(losses, 0.9))
    high = max(usual, low if default is None else default)
    last = max(point.number for point in points)
    plot = Plot(
        WIDTH,
        HEIGHT,
        Scale(-0.5, last + 0.5, _ROOM.left, WIDTH - _ROOM.right),
        spread_scale(low, high, HEIGHT - _ROOM.bottom, _ROOM.top, 0.12),
    )
    step = max(1, -(-(last + 1) // _MOST_TICKS))
    parts = value_axis(plot) + bottom_axis(plot, [(float(tick), str(tick)) for tick in range(0, last + 1, step)])
    if default is not None:
        y = plot.y.at(default)
        parts.append(group([line(plot.left, y, plot.right, y, "ideal")], title=f"the default: {number(default, 4)}"))
    finished = [point for point in points if point.is_finished]
    if finished:
        best = np.minimum.accumulate([point.loss for point in finished])
        xs = [plot.x.at(point.number) for point in finished]
        parts.append(polyline(xs, [_inside(plot, float(value)) for value in best], "line a"))
    parts += [_point(plot, point) for point in points]
    parts.append(text((plot.left + plot.right) / 2, HEIGHT - 4, "trial", "name", "middle"))
    keys = [Key("a", "all folds done, and the best so far"), Key("b", "pruned")]
    parts += legend_before([*keys, *([Key("ideal-key", "the default")] if default is not None else [])], plot.right)
    return picture(WIDTH, HEIGHT, "Mean validation loss of each trial", parts)


def importance_chart(importances: Sequence[tuple[str, float]]) -> str:
    """Bars of the share of the loss that each dimension decides, the largest first."""
    height = _ROW * len(importances) + 12.0
    x = Scale(0.0, max(share for _, share in importances) or 1.0, _NAMES, WIDTH - 90.0)
    parts = [line(_NAMES, 4, _NAMES, height - 8, "axis")]
    for row, (name, share) in enumerate(importances):
        y, words = 6.0 + row * _ROW, percent(share, 0)
        parts += [
            text(_NAMES - 12, y + 14, name, "row", "end"),
            box(_NAMES, y, x.at(share) - _NAMES, _ROW - 8, "fill a", f"{name} {words}"),
            text(x.at(share) + 8, y + 14, words, "row"),
        ]
    return picture(WIDTH, height, "What decided the loss", parts)


def _point(plot: Plot, point: TrialPoint) -> str:
    kind = "fill a" if point.is_finished else "fill b"
    return dot(plot.x.at(point.number), _inside(plot, point.loss), 4.5, kind, point.title)


def _inside(plot: Plot, loss: float) -> float:
    return max(plot.y.at(loss), plot.top)
