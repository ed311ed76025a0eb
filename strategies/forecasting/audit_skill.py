"""
The checks that need statistics: no skill where there is none, all of it where it was planted, and never too much.

An honest pipeline fails one of them by bad luck about as often as its `chance` says; their candles come from fixed
seeds, so that the same program gets the same answer every time. Pure; knows no network or file.
"""

from collections.abc import Mapping
from math import asin, nan, pi, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from strategies.forecasting.audit import Check
from strategies.forecasting.evaluation import LEAK_HIT_RATE, LEAK_LEAD, LEAK_MOVES
from strategies.forecasting.resampling import bootstrap_means
from strategies.forecasting.significance import directions, pesaran_timmermann

Floats = NDArray[np.float64]

ERRORS: Final = 3.0
"""Standard errors that luck is granted."""
_TWO_SIDED: Final = 0.0027
_ONE_SIDED: Final = 0.00135
"""What a normal variable does beyond three standard errors, on both sides and on one."""

SHORTFALL: Final = 0.02
"""How far below the theoretical hit rate a network may stay that has seen a few thousand windows."""

MOVES_NEEDED: Final = 500
"""Fewer moves than these cannot tell a planted edge from none."""

_Z_OF_BOUND: Final = 2.326 / 1.960
"""From the 95 % interval that a bundle records to the one-sided 99 % bound of the leak rule, for a normal error."""


def planted_hit_rate(rho: float) -> float:
    """
    The best possible hit rate where neighbouring returns have this correlation and are Gaussian.

    Sheppard's orthant formula: `1/2 + asin(|rho|) / pi`.
    """
    return 0.5 + asin(abs(rho)) / pi


def no_skill(name: str, p_up: Floats, next_return: Floats, because: str) -> Check:
    """
    Check that directions are foretold no better, and no worse, than at random.

    The figure is the statistic of Pesaran and Timmermann (1992): standard errors from the hit rate that as many ups
    and downs would have at random.

    Args:
        name: The check's.
        p_up: `(n,)` probabilities of "up".
        next_return: `(n,)` what followed.
        because: Why there is nothing to find.
    """
    said, came = directions(p_up, next_return)
    tested = pesaran_timmermann(said, came)
    rate = float((said == came).mean()) if len(said) else nan
    # Who says the same of every candle has no skill, and no statistic either.
    figure = tested.statistic if tested is not None else 0.0
    blind = "" if len(said) >= MOVES_NEEDED else f"{len(said)} moves are too few: {MOVES_NEEDED} are needed"
    return Check(
        name,
        "standard errors from chance",
        figure,
        -ERRORS,
        ERRORS,
        f"{because}; {len(said):,} moves, {rate:.1%} right",
        _TWO_SIDED,
        blind,
    )


def found_at_its_rate(name: str, p_up: Floats, next_return: Floats, theory: float) -> Check:
    """
    Check that a planted edge is found, and no more than was planted.

    Args:
        name: The check's.
        p_up: `(n,)` probabilities of "up".
        next_return: `(n,)` what followed.
        theory: The best possible hit rate.
    """
    said, came = directions(p_up, next_return)
    rate = float((said == came).mean()) if len(said) else nan
    error = sqrt(theory * (1.0 - theory) / max(len(said), 1))
    blind = "" if len(said) >= MOVES_NEEDED else f"{len(said)} moves are too few: {MOVES_NEEDED} are needed"
    detail = f"theory {theory:.1%}, three standard errors {ERRORS * error:.1%}; {len(said):,} moves"
    low, high = theory - ERRORS * error - SHORTFALL, theory + ERRORS * error
    return Check(name, "hit rate", rate, low, high, detail, _ONE_SIDED, blind)


def leak_rule(name: str, p_up: Floats, next_return: Floats, theory: float | None) -> Check:
    """
    Apply the leak rule to forecasts of candles that were not learnt from.

    On a real market the lower 99 % block-bootstrap bound of the hit rate may not exceed 58 % and the always-up rate
    by five points; an invented one is judged by what is theoretically possible.

    Args:
        name: The check's.
        p_up: `(n,)` probabilities of "up".
        next_return: `(n,)` what followed.
        theory: The best possible hit rate of an invented market, None for a real one.
    """
    moved = next_return != 0.0
    up = next_return[moved] > 0.0
    hits = ((p_up[moved] > 0.5) == up).astype(np.float64)
    count = len(hits)
    if count < LEAK_MOVES:
        blind = f"{count} moves are too few for the leak rule: {LEAK_MOVES} are needed"
        return Check(name, "99 % bound of the hit rate", nan, blind=blind)
    always_up = float(up.mean())
    surely = float(np.quantile(bootstrap_means(hits), 0.01))
    detail = f"{count:,} moves, {float(hits.mean()):.1%} right, always up {always_up:.1%}"
    return Check(name, "99 % bound of the hit rate", surely, None, _most(always_up, theory), detail, 0.01)


def recorded_leak_rule(metrics: Mapping[str, Any]) -> list[Check]:
    """
    Apply the leak rule to what a bundle says of itself: one check a seed, none where no walk-forward was made.

    The bound is worked out from the recorded 95 % interval, as that of a normal error.
    """
    judged = metrics.get("walk_forward") or {"pooled": [], "seeds": []}
    theory = metrics.get("theoretical_hit_rate")
    checks = []
    for seed, told in zip(judged["seeds"], judged["pooled"], strict=True):
        name, measures = f"leak rule, recorded, seed {seed}", "99 % bound of the hit rate"
        if told["moves"] < LEAK_MOVES:
            continue
        surely = told["hit_rate"] - (told["hit_rate"] - told["hit_rate_low"]) * _Z_OF_BOUND
        detail = f"{told['moves']:,} moves, {told['hit_rate']:.1%} right, always up {told['always_up_rate']:.1%}"
        checks.append(Check(name, measures, surely, None, _most(told["always_up_rate"], theory), detail, 0.01))
    return checks


def _most(always_up: float, theory: float | None) -> float:
    return max(LEAK_HIT_RATE, always_up + LEAK_LEAD) if theory is None else theory
