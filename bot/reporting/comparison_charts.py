"""
Charts of a comparison: one figure of every row with its bounds, and accounts as trading gets dearer.

Pure functions from numbers to one SVG each.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bot.reporting.axes import PLAIN, Key, Plot, Unit, breadth, legend_before, number_axis, value_axis
from bot.reporting.svg import Scale, dot, line, picture, polyline, spread_scale, text

WIDTH: Final = 960.0
_LINE: Final = 24.0
_TOP: Final = 14.0
_BOTTOM: Final = 30.0
_RIGHT: Final = 24.0
_ROW_FONT: Final = 1.12
"""Rows are written a little larger than ticks, in capitals for the most part."""


class Span(Struct, frozen=True):
    """A figure with its bounds, where it has any, the name of its row, and what it says of itself."""

    name: str
    middle: float
    low: float | None
    high: float | None
    title: str


class Curve(Struct, frozen=True):
    """A row's figures at each place of the axis below."""

    name: str
    kind: str
    values: tuple[float, ...]


def span_chart(label: str, spans: Sequence[Span], at: float, unit: Unit = PLAIN) -> str:
    """Rows one below the other, dots with their bounds, and a dashed line at a figure that means nothing."""
    left = 16.0 + _ROW_FONT * max(breadth(span.name) for span in spans)
    height = _TOP + _LINE * len(spans) + _BOTTOM
    ends = [end for span in spans for end in (span.low, span.middle, span.high) if end is not None]
    x = spread_scale(min(at, *ends), max(at, *ends), left, WIDTH - _RIGHT)
    plot = Plot(WIDTH, height, x, Scale(0.0, float(len(spans)), height - _BOTTOM, _TOP))
    parts = [line(x.at(at), plot.top, x.at(at), plot.bottom, "ideal"), *number_axis(plot, unit, 7)]
    for number, span in enumerate(spans):
        y = _TOP + _LINE * (number + 0.5)
        parts.append(text(left - 10, y + 4, span.name, "row", "end"))
        if span.low is not None and span.high is not None:
            parts.append(line(x.at(span.low), y, x.at(span.high), y, "whisker"))
        parts.append(dot(x.at(span.middle), y, 4.0, "dot", span.title))
    return picture(WIDTH, height, label, parts)


def cost_chart(label: str, costs_bps: Sequence[float], curves: Sequence[Curve], height: float = 280.0) -> str:
    """Lines over the cost of a side, and a dashed line at zero."""
    values = [value for curve in curves for value in curve.values]
    y = spread_scale(min(0.0, *values), max(0.0, *values), height - _BOTTOM, _TOP + 16.0)
    plot = Plot(WIDTH, height, Scale(costs_bps[0], costs_bps[-1], 6.0, WIDTH - 72.0), y)
    parts = [*value_axis(plot), *number_axis(plot, Unit(1.0, " bp"), 6)]
    parts.append(line(plot.left, y.at(0.0), plot.right, y.at(0.0), "ideal"))
    for curve in curves:
        xs = [plot.x.at(cost) for cost in costs_bps]
        parts.append(polyline(xs, [y.at(value) for value in curve.values], f"line {curve.kind}"))
    parts += legend_before([Key(curve.kind, curve.name) for curve in curves], plot.right)
    return picture(WIDTH, height, label, parts)
