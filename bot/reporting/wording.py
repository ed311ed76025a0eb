"""
Numbers and times as a person reads them. A figure that is not defined is a dash, never a zero.

Knows nothing of runs.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

NONE: Final = "\u2013"
MINUS: Final = "\u2212"
_FIGURE: Final = re.compile(r"\d[\d.,]*")


def moment(time_ms: int | None) -> str:
    """A time to the minute, UTC."""
    return NONE if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def day(time_ms: int) -> str:
    """A date, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d")


def number(value: float | None, places: int = 2, *, signed: bool = False) -> str:
    """A number with a separator for thousands."""
    if value is None:
        return NONE
    text = f"{value:{'+' if signed else ''},.{places}f}"
    if float(text.replace(",", "")) == 0.0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def percent(frac: float | None, places: int = 2, *, signed: bool = False) -> str:
    """A fraction in percent."""
    return NONE if frac is None else number(100.0 * frac, places, signed=signed) + " %"


def basis_points(bps: float | None, *, signed: bool = False) -> str:
    """Basis points: hundredths of a percent."""
    return NONE if bps is None else number(bps, 2, signed=signed) + " bp"


def price(value: float) -> str:
    """A price with as many places as its size asks for: about five digits that matter."""
    size = abs(value)
    places = 2 if size >= 100 else 4 if size >= 1 else 6 if size >= 0.01 else 9
    return number(value, places)


def exact(amount: Decimal) -> str:
    """A decimal without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_price(price: Decimal) -> str:
    """A price as it was named, with a separator for thousands."""
    text = f"{price:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def without_figures(sentence: str) -> str:
    """The sentence with every figure replaced by one sign: equal for sentences that differ in nothing else."""
    return _FIGURE.sub("#", sentence)
