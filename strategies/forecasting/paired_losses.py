"""
Losses of two forecasts at the same instants, and how probable it is that the smaller ones are luck.

Pure arrays; knows nothing of models or of what is decided by it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from strategies.forecasting.significance import diebold_mariano

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]

COIN_BRIER: Final = 0.25
"""The Brier score of always saying one half."""


class Losses(Struct, frozen=True, eq=False):
    """Mean losses of one model over the markets of each instant, `(n,)`, in order of time."""

    at_ms: Instants
    values: Floats

    @staticmethod
    def of(parts: Sequence[tuple[Instants, Floats]]) -> "Losses":
        """Average the losses of several markets, each with the instants that they are of."""
        at_ms, which = np.unique(np.concatenate([times for times, _ in parts]), return_inverse=True)
        losses = np.concatenate([values for _, values in parts])
        return Losses(at_ms, np.bincount(which, losses) / np.bincount(which))


def chance_of(losses: Floats, rival: Floats, margin: float = 0.0) -> float:
    """
    How probable losses so much smaller than a rival's, plus a margin, are by chance; one where they do not differ.

    Args:
        losses: `(n,)`.
        rival: `(n,)` at the same instants.
        margin: What they may be larger by.
    """
    if len(losses) < 2:
        return 1.0
    tested = diebold_mariano(losses, rival + margin)
    if tested is None:
        # Losses that differ by one amount, or never.
        return 0.0 if float((rival + margin - losses).mean()) > np.finfo(np.float64).eps else 1.0
    return tested.p_value
