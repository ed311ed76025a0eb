"""
Charts of judgement: forecasts against outcomes, sizes of moves, and where the money went.

Small pure functions from columns to one SVG each; they know nothing of runs.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from bot.reporting.axes import PERCENT, Key, Plot, Room, legend, number_axis, value_axis
from bot.reporting.columns import Floats
from bot.reporting.svg import Scale, box, dot, group, line, picture, spread_scale, text
from bot.reporting.wording import number, percent

WIDTH: Final = 470.0
HEIGHT: Final = 320.0
WIDE: Final = 960.0
LOW: Final = 260.0
_ROOM: Final = Room(right=58.0, bottom=44.0)
_TWO_SIDED_95: Final = 1.96


class Bin(Struct, frozen=True):
    """Forecasts of about the same size: how many, their mean, and the mean of what came of them with its error."""

    count: int
    foreseen: float
    realised: float
    error: float


class Amount(Struct, frozen=True):
    """A bar of a waterfall: a result (`is_total`) or what was added or taken away on the way to it."""

    name: str
    value: float
    is_total: bool = False


def equal_bins(foreseen: Floats, realised: Floats, limit: int = 10, least: int = 20) -> list[Bin]:
    """
    Forecasts in order of size, cut into at most `limit` bins of equal count, each of at least `least`.

    `error` is the standard error of the mean of `realised`. Fewer than `least` forecasts make no bin.
    """
    bins = min(limit, len(foreseen) // least)
    if bins == 0:
        return []
    order = np.argsort(foreseen, kind="stable")
    return [
        Bin(len(part), float(foreseen[part].mean()), float(realised[part].mean()), _standard_error(realised[part]))
        for part in np.array_split(order, bins)
    ]


def calibration_chart(bins: Sequence[Bin]) -> str:
    """How often the market rose, for each foreseen probability of a rise; on the diagonal they agree."""
    plot = _square_plot([(b.foreseen, b.realised, b.error) for b in bins])
    parts = value_axis(plot, PERCENT, 7) + number_axis(plot, PERCENT, 7)
    parts += [line(plot.left, plot.y.at(plot.x.low), plot.right, plot.y.at(plot.x.high), "ideal")]
    for each in bins:
        title = f"{each.count:,} forecasts: {percent(each.foreseen, 1)} foreseen, {percent(each.realised, 1)} rose"
        parts.append(_point(plot, each, title))
    parts += legend([Key("a", "share that rose"), Key("ideal-key", "perfectly calibrated")], plot.left)
    parts.append(_below(plot, "foreseen probability of a rise"))
    return picture(WIDTH, HEIGHT, "Foreseen probability of a rise against how often the market rose", parts)


def move_chart(bins: Sequence[Bin]) -> str:
    """The mean move that came, for each expected move, in basis points."""
    spans = [(b.foreseen, b.realised, b.error) for b in bins]
    xs = [span[0] for span in spans] + [0.0]
    ys = [value for _, mean, error in spans for value in (mean - 2 * error, mean + 2 * error)] + [0.0]
    plot = Plot(
        WIDTH,
        HEIGHT,
        spread_scale(min(xs), max(xs), _ROOM.left, WIDTH - _ROOM.right),
        spread_scale(min(ys), max(ys), HEIGHT - _ROOM.bottom, _ROOM.top),
    )
    parts = value_axis(plot) + number_axis(plot)
    low, high = max(plot.x.low, plot.y.low), min(plot.x.high, plot.y.high)
    parts += [line(plot.x.at(low), plot.y.at(low), plot.x.at(high), plot.y.at(high), "ideal")]
    parts += [line(plot.left, plot.y.at(0.0), plot.right, plot.y.at(0.0), "zero")]
    for each in bins:
        title = f"{each.count:,} forecasts: {number(each.foreseen)} bp expected, {number(each.realised)} bp on average"
        parts.append(_point(plot, each, title))
    parts += legend([Key("a", "mean move that came, bp"), Key("ideal-key", "as expected")], plot.left)
    parts.append(_below(plot, "expected move, bp"))
    return picture(WIDTH, HEIGHT, "Expected moves against the mean moves that came", parts)


def size_chart(expected_bps: Floats, realised_bps: Floats, cost_bps: float) -> str:
    """How large the expected and the real moves are, beside what a round trip costs."""
    sizes, moves = np.abs(expected_bps), np.abs(realised_bps)
    longest = max(float(np.quantile(moves, 0.95)), float(np.quantile(sizes, 0.99)), cost_bps * 1.2)
    edges = np.linspace(0.0, longest, 61)
    foreseen, came = _shares(sizes, edges), _shares(moves, edges)
    top = float(max(foreseen.max(), came.max()))
    plot = Plot(
        WIDE,
        LOW,
        Scale(0.0, longest, _ROOM.left, WIDE - _ROOM.right),
        Scale(0.0, top * 1.08, LOW - _ROOM.bottom, _ROOM.top),
    )
    parts = value_axis(plot, PERCENT) + number_axis(plot)
    parts += _columns(plot, edges, came, "fill b", "of the real moves")
    parts += _columns(plot, edges, foreseen, "fill a", "of the expected moves")
    x = plot.x.at(cost_bps)
    parts += [
        group([line(x, plot.top, x, plot.bottom, "limit")], title=f"a round trip costs {number(cost_bps)} bp"),
        text(x + 5, plot.top + 12, "cost of a round trip", "limit-name")
        if x < WIDE * 0.6
        else text(x - 5, plot.top + 12, "cost of a round trip", "limit-name", "end"),
    ]
    parts += legend([Key("a", "expected moves"), Key("b", "moves that came")], plot.left)
    parts.append(_below(plot, "size of the move, bp"))
    return picture(WIDE, LOW, "Sizes of expected and of real moves beside the cost of a round trip", parts)


def waterfall_chart(amounts: Sequence[Amount]) -> str:
    """From one result to another, each step a bar that begins where the last one ended."""
    row, width, names, figures = 38.0, WIDE, 170.0, 110.0
    height = row * len(amounts) + 16.0
    ends = list(np.cumsum([0.0 if amount.is_total else amount.value for amount in amounts]) + amounts[0].value)
    starts = [0.0 if amount.is_total else end - amount.value for amount, end in zip(amounts, ends, strict=True)]
    ends = [amount.value if amount.is_total else end for amount, end in zip(amounts, ends, strict=True)]
    x = spread_scale(min(0.0, *starts, *ends), max(0.0, *starts, *ends), names, width - figures, 0.01)
    parts = [line(x.at(0.0), 4, x.at(0.0), height - 12, "axis")]
    for index, (amount, start, end) in enumerate(zip(amounts, starts, ends, strict=True)):
        y = 8.0 + index * row
        kind = "fill gain" if amount.value > 0 else "fill loss"
        words = number(amount.value, signed=True)
        parts += [
            text(names - 14, y + 17, amount.name, "total" if amount.is_total else "row", "end"),
            box(min(x.at(start), x.at(end)), y, abs(x.at(end) - x.at(start)), row - 14, kind, f"{amount.name} {words}"),
            text(max(x.at(start), x.at(end)) + 8, y + 17, words, "total" if amount.is_total else "row"),
        ]
    return picture(width, height, "From the result before costs to the result after them", parts)


def _square_plot(spans: Sequence[tuple[float, float, float]]) -> Plot:
    low = min(min(foreseen, realised - 2 * error) for foreseen, realised, error in spans)
    high = max(max(foreseen, realised + 2 * error) for foreseen, realised, error in spans)
    return Plot(
        WIDTH,
        HEIGHT,
        spread_scale(low, high, _ROOM.left, WIDTH - _ROOM.right),
        spread_scale(low, high, HEIGHT - _ROOM.bottom, _ROOM.top),
    )


def _point(plot: Plot, each: Bin, title: str) -> str:
    x, reach = plot.x.at(each.foreseen), _TWO_SIDED_95 * each.error
    low, high = plot.y.at(each.realised - reach), plot.y.at(each.realised + reach)
    return group([line(x, low, x, high, "whisker"), dot(x, plot.y.at(each.realised), 4.5, "dot", title)])


def _columns(plot: Plot, edges: Floats, shares: Floats, kind: str, what: str) -> list[str]:
    parts: list[str] = []
    for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
        if share > 0.0:
            left, top = plot.x.at(float(low)), plot.y.at(float(share))
            width = plot.x.at(float(high)) - left - 1.0
            title = f"{percent(float(share), 1)} {what} are {number(float(low), 1)} to {number(float(high), 1)} bp"
            parts.append(box(left, top, width, plot.bottom - top, kind, title))
    return parts


def _shares(values: Floats, edges: Floats) -> Floats:
    shares: Floats = np.histogram(np.minimum(values, edges[-1]), edges)[0] / max(len(values), 1)
    return shares


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _below(plot: Plot, words: str) -> str:
    return text((plot.left + plot.right) / 2, plot.bottom + 38, words, "name", "middle")
