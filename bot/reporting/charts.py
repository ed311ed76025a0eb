"""
Charts over time: lines and areas of an account, candles of a market with what was traded in it.

Small pure functions from columns to one SVG each; they know nothing of runs.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bot.reporting.axes import Key, Plot, Room, Unit, legend_before, level_axis, log_ticks, time_axis, value_axis
from bot.reporting.columns import Floats, Times
from bot.reporting.sampling import Bars, thin
from bot.reporting.svg import Scale, Shape, area, box, group, line, marker, picture, polyline, spread_scale, text
from bot.reporting.wording import moment, plural, price

WIDTH: Final = 960.0
LINE_COLUMNS: Final = 480
LOG_RATIO: Final = 4.0
_HOVER_COLUMNS: Final = 96
_ROOM: Final = Room()

_STRIP: Final = 54.0
_STRIP_GAP: Final = 14.0

BUY: Final = Shape("l5.5 10h-11z", 10.0)
SELL: Final = Shape("l5.5 -10h-11z", -10.0)
STOP: Final = Shape("m-4.5 -4.5l9 9m0 -9l-9 9", 0.0)


class Line(Struct, frozen=True):
    """One stroke: values at times, `(n,)` each, its name, and the class that gives its colour."""

    name: str
    kind: str
    at_ms: Times
    values: Floats


class Mark(Struct, frozen=True):
    """Something that happened at a time and a price: its shape, its colour and what it says of itself."""

    at_ms: float
    price: float
    shape: Shape
    kind: str
    title: str


class Stack(Struct, frozen=True):
    """How many marks of each kind, `(class, count)`, one stretch of time holds, and what it says of itself."""

    at_ms: float
    counts: tuple[tuple[str, int], ...]
    title: str


class Instant(Struct, frozen=True):
    """Something that happened at a time."""

    at_ms: int
    title: str


def line_chart(
    label: str,
    lines: Sequence[Line],
    unit: Unit,
    *,
    height: float = 300.0,
    instants: Sequence[Instant] = (),
) -> str:
    """
    Lines over one span of time, thinned where there are more points than pixels.

    Values that differ by more than `LOG_RATIO` times are drawn on a logarithmic scale, which the legend says.
    """
    values = np.concatenate([series.values for series in lines])
    is_log = float(values.min()) > 0.0 and float(values.max()) > LOG_RATIO * float(values.min())
    heights_of = np.log10 if is_log else np.positive
    starts, ends = [series.at_ms[0] for series in lines], [series.at_ms[-1] for series in lines]
    levels = heights_of(values)
    plot = _time_plot(float(min(starts)), float(max(ends)), float(levels.min()), float(levels.max()), height)
    parts = level_axis(plot, log_ticks(plot.y.low, plot.y.high)) if is_log else value_axis(plot, unit)
    parts += time_axis(plot)
    parts += [_instant(plot, instant) for instant in instants]
    for series in reversed(lines):
        times, heights = thin(series.at_ms.astype(np.float64), heights_of(series.values), LINE_COLUMNS)
        parts.append(polyline([plot.x.at(x) for x in times], [plot.y.at(y) for y in heights], f"line {series.kind}"))
    parts += legend_before([Key(series.kind, series.name) for series in lines], plot.right)
    if is_log:
        parts.append(text(plot.left, 14, "logarithmic scale", "legend"))
    parts += _hover(plot, lines, unit)
    return picture(WIDTH, height, label, parts)


def area_chart(label: str, series: Line, unit: Unit, *, height: float = 150.0) -> str:
    """The surface between a line and zero, which is the upper or the lower edge of the drawing."""
    low, high = min(float(series.values.min()), 0.0), max(float(series.values.max()), 0.0)
    margin = (high - low) * 0.06 or 0.01
    low, high = (low - margin, high) if low < 0.0 else (low, high + margin)
    plot = _time_plot_exact(float(series.at_ms[0]), float(series.at_ms[-1]), low, high, height)
    times, heights = thin(series.at_ms.astype(np.float64), series.values, LINE_COLUMNS)
    xs, ys = [plot.x.at(x) for x in times], [plot.y.at(y) for y in heights]
    parts = value_axis(plot, unit, 3) + time_axis(plot)
    parts += [area(xs, ys, plot.y.at(0.0), f"area {series.kind}"), polyline(xs, ys, f"line thin {series.kind}")]
    parts += legend_before([Key(series.kind, series.name)], plot.right)
    parts += _hover(plot, [series], unit)
    return picture(WIDTH, height, label, parts)


def candle_chart(
    label: str,
    bars: Bars,
    keys: Sequence[Key],
    *,
    marks: Sequence[Mark] = (),
    stacks: Sequence[Stack] = (),
    height: float = 360.0,
) -> str:
    """Candles with marks on them, or with a strip of counts below them; `keys` say what their colours mean."""
    start, end = float(bars.start_ms[0]), float(bars.end_ms)
    lows = [float(bars.low.min()), *(mark.price for mark in marks)]
    highs = [float(bars.high.max()), *(mark.price for mark in marks)]
    floor = height - _ROOM.bottom - (_STRIP + _STRIP_GAP if stacks else 0.0)
    prices = spread_scale(min(lows), max(highs), floor, _ROOM.top)
    plot = Plot(WIDTH, height, Scale(start, end, _ROOM.left, WIDTH - _ROOM.right), prices)
    below = replace(plot, y=Scale(0.0, 1.0, height - _ROOM.bottom, height - _ROOM.bottom - _STRIP))
    slot = (plot.right - plot.left) * bars.span_ms / (end - start)
    width = max(1.0, min(slot * 0.64, 9.0))
    parts = value_axis(plot) + time_axis(below)
    parts += [_bar(plot, bars, index, width) for index in range(len(bars))]
    parts += _stacks(below, stacks, width)
    parts += [
        marker(plot.x.at(mark.at_ms), plot.y.at(mark.price), mark.shape, f"mark {mark.kind}", mark.title)
        for mark in marks
    ]
    parts += legend_before([Key("up", "rising"), Key("down", "falling"), *keys], plot.right)
    return picture(WIDTH, height, label, parts)


def _stacks(strip: Plot, stacks: Sequence[Stack], width: float) -> list[str]:
    if not stacks:
        return []
    most = max(sum(count for _, count in stack.counts) for stack in stacks)
    unit = (strip.bottom - strip.top) / most
    parts = [
        line(strip.left, strip.top, strip.right, strip.top, "grid"),
        text(strip.right + 8, strip.top + 4, plural(most, "fill")),
    ]
    for stack in stacks:
        x, y = strip.x.at(stack.at_ms) - width / 2, strip.bottom
        boxes: list[str] = []
        for kind, count in stack.counts:
            y -= count * unit
            boxes.append(box(x, y, width, count * unit, f"key {kind}"))
        parts.append(group(boxes, title=stack.title))
    return parts


def _time_plot(start_ms: float, end_ms: float, low: float, high: float, height: float) -> Plot:
    y = spread_scale(low, high, height - _ROOM.bottom, _ROOM.top)
    return _time_plot_exact(start_ms, end_ms, y.low, y.high, height)


def _time_plot_exact(start_ms: float, end_ms: float, low: float, high: float, height: float) -> Plot:
    # A run of one instant still needs an axis of some length.
    x = Scale(start_ms, max(end_ms, start_ms + 1.0), _ROOM.left, WIDTH - _ROOM.right)
    return Plot(WIDTH, height, x, Scale(low, high, height - _ROOM.bottom, _ROOM.top))


def _bar(plot: Plot, bars: Bars, index: int, width: float) -> str:
    open_, high = float(bars.open[index]), float(bars.high[index])
    low, close = float(bars.low[index]), float(bars.close[index])
    start_ms = int(bars.start_ms[index])
    until_ms = bars.until_ms(start_ms)
    x = plot.x.at((start_ms + until_ms) / 2)
    upper, lower = plot.y.at(max(open_, close)), plot.y.at(min(open_, close))
    title = (
        f"{moment(start_ms)} to {moment(until_ms)}\n"
        f"open {price(open_)}, high {price(high)}, low {price(low)}, close {price(close)}"
    )
    wick = line(x, plot.y.at(high), x, plot.y.at(low), "wick")
    return group(
        [wick, box(x - width / 2, upper, width, lower - upper, "body")], "up" if close >= open_ else "down", title
    )


def _instant(plot: Plot, instant: Instant) -> str:
    x = plot.x.at(instant.at_ms)
    return group(
        [line(x, plot.top, x, plot.bottom, "instant"), text(x + 3, plot.top + 10, "!", "instant-name")],
        title=instant.title,
    )


def _hover(plot: Plot, lines: Sequence[Line], unit: Unit) -> list[str]:
    """Invisible columns that say the time and the values below the pointer."""
    width = (plot.right - plot.left) / _HOVER_COLUMNS
    parts: list[str] = []
    for column in range(_HOVER_COLUMNS):
        time_ms = plot.x.low + (column + 0.5) / _HOVER_COLUMNS * (plot.x.high - plot.x.low)
        rows = [
            f"{series.name} {unit.name(value)}" for series in lines if (value := _value_at(series, time_ms)) is not None
        ]
        title = "\n".join([moment(int(time_ms)), *rows])
        parts.append(box(plot.left + column * width, plot.top, width, plot.bottom - plot.top, "hover", title))
    return parts


def _value_at(series: Line, time_ms: float) -> float | None:
    index = int(np.searchsorted(series.at_ms, time_ms, side="right")) - 1
    return float(series.values[index]) if index >= 0 else None
