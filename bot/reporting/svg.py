"""
The alphabet of the charts: scales, numbers and elements of inline SVG, as text.

Colours and fonts are classes, so that one style sheet serves light, dark and paper. Every text is escaped here and
nowhere else. Knows nothing of what is drawn.
"""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Scale(Struct, frozen=True):
    """A straight line from values `[low, high]` to pixels `[start, end]`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


class Shape(Struct, frozen=True):
    """A small mark: relative path commands from its tip, and how far below the tip it reaches."""

    path: str
    reach: float


def spread_scale(low: float, high: float, start: float, end: float, room: float = 0.06) -> Scale:
    """A scale with some room at both ends, also where all values are the same."""
    margin = (high - low) * room or abs(high) * 0.01 or 1.0
    return Scale(low - margin, high + margin, start, end)


def pixel(value: float) -> str:
    """A coordinate with one decimal at most: a tenth of a pixel is all that can be seen."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: str, kind: str = "tick", anchor: str = "start") -> str:
    """Words at a place; `anchor` is start, middle or end."""
    return f'<text class="{kind}" x="{pixel(x)}" y="{pixel(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight stroke."""
    return f'<path class="{kind}" d="M{pixel(x1)} {pixel(y1)}L{pixel(x2)} {pixel(y2)}"/>'


def polyline(xs: Sequence[float], ys: Sequence[float], kind: str) -> str:
    """A stroke through points."""
    return f'<path class="{kind}" d="{_through(xs, ys)}"/>'


def area(xs: Sequence[float], ys: Sequence[float], floor: float, kind: str) -> str:
    """The surface between points and a level."""
    down = f"L{pixel(xs[-1])} {pixel(floor)}L{pixel(xs[0])} {pixel(floor)}Z"
    return f'<path class="{kind}" d="{_through(xs, ys)}{down}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A rectangle, at least half a pixel wide and high so that it can be seen."""
    shape = (
        f'<rect class="{kind}" x="{pixel(x)}" y="{pixel(y)}" width="{pixel(max(width, 0.5))}" '
        f'height="{pixel(max(height, 0.5))}"'
    )
    return f"{shape}>{_title(title)}</rect>" if title else f"{shape}/>"


def dot(x: float, y: float, radius: float, kind: str, title: str) -> str:
    """A disc that says what it is."""
    return f'<circle class="{kind}" cx="{pixel(x)}" cy="{pixel(y)}" r="{pixel(radius)}">{_title(title)}</circle>'


def marker(x: float, y: float, shape: Shape, kind: str, title: str) -> str:
    """A small shape with its tip at a place, that says what it is."""
    return f'<path class="{kind}" d="M{pixel(x)} {pixel(y)}{shape.path}">{_title(title)}</path>'


def group(parts: Iterable[str], kind: str = "", title: str = "") -> str:
    """Elements that belong together."""
    opening = f'<g class="{kind}">' if kind else "<g>"
    return f"{opening}{_title(title) if title else ''}{''.join(parts)}</g>"


def picture(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """A whole drawing; `label` is what somebody hears who cannot see it."""
    return (
        f'<svg viewBox="0 0 {pixel(width)} {pixel(height)}" role="img" aria-label="{escape(label)}" '
        f'preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    )


def _through(xs: Sequence[float], ys: Sequence[float]) -> str:
    points = [f"{pixel(x)} {pixel(y)}" for x, y in zip(xs, ys, strict=True)]
    return "M" + "L".join(points)


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>"
