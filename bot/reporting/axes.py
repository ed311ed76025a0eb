"""
The frame that charts share: where ticks fall, how they are called, and the room around the drawing.

Knows pixels, numbers and calendar time; nothing of runs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, floor, log10
from typing import Final

from msgspec import Struct

from bot.core.market import DAY_MS, MINUTE_MS
from bot.reporting.svg import Scale, Shape, box, line, marker, text
from bot.reporting.wording import number

_STEPS_MS: Final = tuple(
    [minutes * MINUTE_MS for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
    + [days * DAY_MS for days in (1, 2, 4, 7, 14)]
)
_MONTH_STEPS: Final = (1, 2, 3, 6, 12, 24, 60, 120)
_KEY_ROOM: Final = 38.0
_NARROW, _WIDE = frozenset("fijlrt.,:1 "), frozenset("mwMW%")


class Plot(Struct, frozen=True):
    """A drawing's size, the room for labels around it, and the two scales inside."""

    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        """Pixel of the left edge of the drawing."""
        return self.x.start

    @property
    def right(self) -> float:
        """Pixel of the right edge of the drawing."""
        return self.x.end

    @property
    def bottom(self) -> float:
        """Pixel of the lower edge of the drawing."""
        return self.y.start

    @property
    def top(self) -> float:
        """Pixel of the upper edge of the drawing."""
        return self.y.end


class Unit(Struct, frozen=True):
    """How values are shown: multiplied, and followed by a sign."""

    times: float = 1.0
    sign: str = ""

    def name(self, value: float, places: int = 2) -> str:
        """A value as it is shown."""
        return number(value * self.times, places) + self.sign


PLAIN: Final = Unit()
PERCENT: Final = Unit(100.0, " %")


class Room(Struct, frozen=True):
    """Pixels around a drawing."""

    top: float = 30.0
    right: float = 72.0
    bottom: float = 26.0
    left: float = 6.0


def named_ticks(low: float, high: float, unit: Unit = PLAIN, wanted: int = 5) -> list[tuple[float, str]]:
    """
    Multiples of 1, 2 or 5 times a power of ten inside `[low, high]`, about as many as wanted, with their names.

    The steps are round in the unit that is shown, and the names have as many places as the step needs.
    """
    low, high = low * unit.times, high * unit.times
    rough = (high - low) / wanted
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    places = max(0, -floor(log10(step) + 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    values = [round(index * step, places) for index in range(first, last + 1)]
    return [(value / unit.times, number(value, places) + unit.sign) for value in values]


def time_ticks(low_ms: float, high_ms: float, wanted: int = 7) -> list[tuple[int, str]]:
    """Round times inside `[low_ms, high_ms]`, at most about as many as wanted, with their names (UTC)."""
    rough = (high_ms - low_ms) / wanted
    step = next((step for step in _STEPS_MS if step >= rough), None)
    if step is None:
        return _month_ticks(low_ms, high_ms, wanted)
    form = "%d %b" if step >= DAY_MS else "%H:%M"
    ticks = range(ceil(low_ms / step) * step, floor(high_ms) + 1, step)
    # A tick at midnight says the day, so that a row of hours can be placed.
    return [(tick, _name(tick, "%d %b" if tick % DAY_MS == 0 else form)) for tick in ticks]


def _month_ticks(low_ms: float, high_ms: float, wanted: int) -> list[tuple[int, str]]:
    first = datetime.fromtimestamp(low_ms / 1000, UTC)
    months = (high_ms - low_ms) / (30.4 * DAY_MS)
    step = next((step for step in _MONTH_STEPS if months / step <= wanted), _MONTH_STEPS[-1])
    ticks: list[tuple[int, str]] = []
    index = ceil((first.year * 12 + first.month - 1) / step) * step
    while (tick := _month_start_ms(index)) <= high_ms:
        if tick >= low_ms:
            ticks.append((tick, _name(tick, "%Y" if index % 12 == 0 else "%b")))
        index += step
    return ticks


def _month_start_ms(index: int) -> int:
    return int(datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC).timestamp()) * 1000


def _name(time_ms: int, form: str) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime(form).lstrip("0")


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """1, 2 and 5 times the powers of ten inside `[10**low, 10**high]`, placed at their decimal logarithms."""
    values = [factor * 10.0**power for power in range(floor(low), ceil(high)) for factor in (1, 2, 5)]
    return [
        (log10(value), number(value, max(0, -floor(log10(value))))) for value in values if low <= log10(value) <= high
    ]


def value_axis(plot: Plot, unit: Unit = PLAIN, wanted: int = 5) -> list[str]:
    """Level lines at round values across the drawing, named at its right edge."""
    return level_axis(plot, named_ticks(plot.y.low, plot.y.high, unit, wanted))


def level_axis(plot: Plot, ticks: Sequence[tuple[float, str]]) -> list[str]:
    """Level lines at named values across the drawing."""
    parts: list[str] = []
    for tick, name in ticks:
        y = plot.y.at(tick)
        parts += [line(plot.left, y, plot.right, y, "grid"), text(plot.right + 8, y + 4, name)]
    return parts


def time_axis(plot: Plot, wanted: int = 7) -> list[str]:
    """Round times below the drawing."""
    ticks = time_ticks(plot.x.low, plot.x.high, wanted)
    return bottom_axis(plot, [(float(time_ms), name) for time_ms, name in ticks])


def number_axis(plot: Plot, unit: Unit = PLAIN, wanted: int = 5) -> list[str]:
    """Round values below the drawing."""
    return bottom_axis(plot, named_ticks(plot.x.low, plot.x.high, unit, wanted))


def bottom_axis(plot: Plot, ticks: Sequence[tuple[float, str]]) -> list[str]:
    """Named places below the drawing; a name that would leave the picture is moved in."""
    parts = [line(plot.left, plot.bottom, plot.right, plot.bottom, "axis")]
    for value, name in ticks:
        x = plot.x.at(value)
        half = breadth(name) / 2
        inside = min(max(x, half), plot.width - half)
        parts += [
            line(x, plot.bottom, x, plot.bottom + 4, "axis"),
            text(inside, plot.bottom + 18, name, anchor="middle"),
        ]
    return parts


class Key(Struct, frozen=True):
    """What a colour means; with a `shape`, what that mark means."""

    kind: str
    name: str
    shape: Shape | None = None


def legend(keys: Sequence[Key], x: float) -> list[str]:
    """What colours and shapes mean, above the drawing from `x` on."""
    parts: list[str] = []
    for key in keys:
        if key.shape:
            parts.append(marker(x + 7, 10 - key.shape.reach / 2, key.shape, f"mark {key.kind}", key.name))
        else:
            parts.append(box(x, 8, 14, 4, f"key {key.kind}"))
        parts.append(text(x + 20, 14, key.name, "legend"))
        x += _KEY_ROOM + breadth(key.name)
    return parts


def legend_before(keys: Sequence[Key], end: float) -> list[str]:
    """The same, ending at `end`: beside the newest values, which a narrow screen shows first."""
    return legend(keys, end - sum(_KEY_ROOM + breadth(key.name) for key in keys))


def breadth(words: str) -> float:
    """About how many pixels words take at 12 px in the usual system fonts."""
    return sum(4.0 if letter in _NARROW else 11.0 if letter in _WIDE else 7.4 for letter in words)
