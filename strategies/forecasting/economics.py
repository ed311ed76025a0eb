"""
What forecasts would have earned, after costs: the question that a hit rate does not answer.

Exposures follow from forecasts, traded or not by the rule that the shipped strategies use; each candle's return is
that of the exposure less the cost of changing it. An account of one market, wholly in or out; knows no order, fill or
stop, so it flatters what those would cost beyond the stated figure. Pure arrays.
"""

from math import sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.forecast import Forecast
from strategies.forecasting.evaluation import BPS, bootstrap_means
from strategies.signal import SignalRule, decide
from strategies.strategy import MarketView

Floats = NDArray[np.float64]

COSTS_BPS: Final = (0.0, 1.0, 2.0, 5.0, 10.0)
"""Costs of one side, in basis points of the traded amount: fee, half spread and slippage together."""

SPOT: Final = 0.0
"""Lowest exposure of an account that cannot be short."""
MARGIN: Final = -1.0
"""Lowest exposure of an account that can be short with all it has."""

_ROUNDING_NOISE: Final = 1e-15


class Account(Struct, frozen=True, eq=False):
    """
    Exposures, the simple return of each candle before costs, and how much was traded for it, all `(n,)`.

    What is held at the end is sold then, and that trade belongs to the last candle. An amount is a fraction of equity.
    """

    exposures: Floats
    gross: Floats
    traded: Floats

    def net(self, cost_bps: float) -> Floats:
        """Return of each candle, `(n,)`, less what trading cost at so many basis points a side."""
        paid: Floats = self.gross - cost_bps / BPS * self.traded
        return paid


class BreakEven(Struct, frozen=True):
    """
    The cost of a side, in basis points, at which nothing is left, with its 95 % block-bootstrap bounds.

    There are no bounds where trades are so rare that a resample may hold none.
    """

    bps: float
    low: float | None
    high: float | None


class Performance(Struct, frozen=True):
    """
    Figures of an account at one cost a side. Ratios are of a year, at a riskless rate of zero.

    A ratio is None where it is not defined: nothing was traded, or nothing was lost. The bounds of the Sharpe ratio
    hold 95 % by a block bootstrap.
    """

    cost_bps: float
    sharpe: float | None
    sharpe_low: float | None
    sharpe_high: float | None
    sortino: float | None
    max_drawdown_frac: float
    return_frac: float
    sides_a_day: float
    exposed_frac: float


class Economics(Struct, frozen=True):
    """What forecasts would have earned: traded on every sign, and by the rule, at each cost of `COSTS_BPS`."""

    break_even: BreakEven | None
    on_sign: tuple[Performance, ...]
    by_rule: tuple[Performance, ...]


def economics(
    p_up: Floats, expected: Floats, next_return: Floats, rule: SignalRule, per_year: float, lowest: float = SPOT
) -> Economics:
    """
    Give the whole table of costs for the forecasts of one market.

    Args:
        p_up: `(n,)` probabilities of "up", in order of time.
        expected: `(n,)` expected log returns.
        next_return: `(n,)` log returns that followed, each candle once: where forecasts reach several candles ahead,
            give every h-th.
        rule: When an expected move is worth its cost.
        per_year: Forecasts in 365 days.
        lowest: `SPOT` or `MARGIN`.
    """
    on_sign = account(sign_exposures(p_up, lowest), next_return)
    ruled = [account(ruled_exposures(expected, rule, cost, lowest), next_return) for cost in COSTS_BPS]
    return Economics(
        break_even(on_sign),
        tuple(performance(on_sign, cost, per_year) for cost in COSTS_BPS),
        tuple(performance(one, cost, per_year) for one, cost in zip(ruled, COSTS_BPS, strict=True)),
    )


def sign_exposures(p_up: Floats, lowest: float = SPOT) -> Floats:
    """Exposures `(n,)` of trading every forecast: all in for "up", `lowest` for "down", out for one half."""
    said = np.sign(p_up - 0.5)
    exposures: Floats = np.where(said < 0.0, lowest, said)
    return exposures


def ruled_exposures(expected: Floats, rule: SignalRule, cost_bps: float, lowest: float = SPOT) -> Floats:
    """
    Exposures `(n,)` of the shipped rule: a cost threshold to get in, hysteresis to stay in.

    A short holding is judged as a long one of the mirrored market.

    Args:
        expected: `(n,)` expected log returns, in order of time.
        rule: The two multiples.
        cost_bps: Cost of one side.
        lowest: `SPOT` or `MARGIN`.
    """
    exposures = np.empty(len(expected))
    held = 0.0
    for at, move in enumerate(expected.tolist()):
        side = -1.0 if held < 0.0 else 1.0
        view = MarketView("", at, 1.0, side * held, 1.0, 2.0 * cost_bps)
        forecast = Forecast("", 0.5, side * move, side * move, side * move, BPS * abs(move))
        held = max(side * decide(rule, view, forecast).exposure, lowest)
        exposures[at] = held
    return exposures


def account(exposures: Floats, next_return: Floats) -> Account:
    """
    Hold each exposure over the candle that follows its forecast.

    Args:
        exposures: `(n,)` fractions of equity, in order of time.
        next_return: `(n,)` log returns of those candles.
    """
    traded = np.abs(np.diff(exposures, prepend=0.0))
    traded[-1:] += np.abs(exposures[-1:])
    return Account(exposures, exposures * np.expm1(next_return), traded)


def break_even(of: Account) -> BreakEven | None:
    """What trading may cost before nothing is left: gross return over amount traded; None where nothing was."""
    if not of.traded.any():
        return None
    gross, traded = bootstrap_means(of.gross), bootstrap_means(of.traded)
    low, high = np.quantile(gross / traded, (0.025, 0.975)) if traded.all() else (None, None)
    return BreakEven(
        BPS * float(of.gross.sum() / of.traded.sum()),
        None if low is None else BPS * float(low),
        None if high is None else BPS * float(high),
    )


def performance(of: Account, cost_bps: float, per_year: float) -> Performance:
    """
    Judge an account at one cost.

    Sharpe (1994), "The Sharpe Ratio", Journal of Portfolio Management 21(1), with the sample deviation; Sortino and
    Price (1994), "Performance Measurement in a Downside Risk Framework", Journal of Investing 3(3), at a target of
    zero.

    Args:
        of: What was held and traded.
        cost_bps: Cost of one side.
        per_year: Candles of the account in 365 days.

    Raises:
        DataError: There are fewer than two candles.
    """
    net = of.net(cost_bps)
    if len(net) < 2:
        raise DataError(f"an account of {len(net)} candles cannot be judged: give two or more")
    year = sqrt(per_year)
    mean, deviation = float(net.mean()), float(net.std(ddof=1))
    downside = float(np.sqrt((np.minimum(net, 0.0) ** 2).mean()))
    moved = deviation > _ROUNDING_NOISE
    low, high = year * np.quantile(_resampled_sharpes(net), (0.025, 0.975)) if moved else (None, None)
    equity = np.cumprod(np.concatenate([[1.0], 1.0 + net]))
    return Performance(
        cost_bps=cost_bps,
        sharpe=year * mean / deviation if moved else None,
        sharpe_low=None if low is None else float(low),
        sharpe_high=None if high is None else float(high),
        sortino=year * mean / downside if downside > _ROUNDING_NOISE else None,
        max_drawdown_frac=float((1.0 - equity / np.maximum.accumulate(equity)).max()),
        return_frac=float(equity[-1] - 1.0),
        sides_a_day=float(of.traded.mean()) * per_year / 365.0,
        exposed_frac=float(np.abs(of.exposures).mean()),
    )


def _resampled_sharpes(net: Floats) -> Floats:
    """Sharpe ratios of one candle in each resample; zero where a resample holds no trade."""
    mean = bootstrap_means(net)
    variance = bootstrap_means(net**2) - mean**2
    ratios: Floats = np.divide(mean, np.sqrt(np.abs(variance)), out=np.zeros_like(mean), where=variance > 0.0)
    return ratios
