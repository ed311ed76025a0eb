"""
Faults of strategies to be planted around one: each is caught by the check whose name it has.

They stand in the place of the audited strategy and pass on what it wants, spoilt. Nothing that trades imports this
file.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from msgspec.structs import replace

from bot.core.forecast import Forecast
from strategies.strategy import MarketView, Signal, Strategy

FORESIGHT: Final = "another future: decisions"
CHANCE: Final = "decided again"
MEMORY: Final = "memory"
RANGE: Final = "exposure in range"

NextCloses = Mapping[tuple[str, int], float]
"""What a strategy must not have: the close that follows, by market and close time."""

_EAGER: Final = 50.0
_TOO_MUCH: Final = 1.5


class Spoilt:
    """What all of them are: a strategy around a strategy."""

    def __init__(self, strategy: Strategy, next_closes: NextCloses) -> None:
        self._strategy = strategy
        self._next_closes = next_closes

    @property
    def needs_forecast(self) -> bool:
        """As the strategy inside."""
        return self._strategy.needs_forecast


class Foreseeing(Spoilt):
    """Knows the next close, as one does that reads a whole file of candles."""

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """Want the market the more, the further it is about to rise."""
        signal = self._strategy.wanted(view, forecast)
        following = self._next_closes.get((view.symbol, view.close_time_ms), view.close)
        return replace(signal, exposure=min(max(following / view.close - 1.0, 0.0) * _EAGER, 1.0))


class Dicing(Spoilt):
    """Decides by chance, without a seed."""

    def __init__(self, strategy: Strategy, next_closes: NextCloses) -> None:
        super().__init__(strategy, next_closes)
        self._random = np.random.default_rng()

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """Want whatever falls."""
        return replace(self._strategy.wanted(view, forecast), exposure=float(self._random.random()))


class Remembering(Spoilt):
    """Keeps the last close to itself, where no snapshot finds it: after a restart it would decide otherwise."""

    def __init__(self, strategy: Strategy, next_closes: NextCloses) -> None:
        super().__init__(strategy, next_closes)
        self._last = 0.0

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """Want the market when it has risen since the last question."""
        risen, self._last = view.close > self._last, view.close
        return replace(self._strategy.wanted(view, forecast), exposure=1.0 if risen else 0.0)


class Exaggerating(Spoilt):
    """Wants more than there is."""

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """Want one and a half times everything."""
        return replace(self._strategy.wanted(view, forecast), exposure=_TOO_MUCH)


Spoil = Callable[[Strategy, NextCloses], Strategy]
"""Puts a fault around a strategy."""

FAULTS: Final[Mapping[str, tuple[str, Spoil]]] = {
    "foresight": (FORESIGHT, Foreseeing),
    "chance": (CHANCE, Dicing),
    "memory": (MEMORY, Remembering),
    "exaggeration": (RANGE, Exaggerating),
}
"""A fault's name, the check that must catch it, and how it gets around a strategy."""
