"""
What forecasts would have earned, after costs: the question that a hit rate does not answer.

Exposures follow from forecasts, traded or not by the rule that the shipped strategies use; each candle's return is
that of the exposure less the cost of changing it. Who holds a rising market earns without foretelling anything, so an
account is judged by its timing: what it earned beyond holding its own mean exposure all the time. Knows no order, fill
or stop, so it flatters what those would cost beyond the stated figure. Pure arrays.
"""

from math import sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import DataError
from bot.core.forecast import Forecast
from strategies.forecasting.evaluation import BPS
from strategies.forecasting.resampling import bootstrap_means, enough_blocks, percentile_bounds
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


class Path(Struct, frozen=True, eq=False):
    """
    What the market does from each decision on, all `(n,)`.

    `held` is the log return while a position is kept, `lasted` the share of the time until the next decision that this
    is: 1, or less where a barrier ends it. `whole` is the log return until the next decision.
    """

    held: Floats
    whole: Floats
    lasted: Floats

    @property
    def early(self) -> NDArray[np.bool_]:
        """Where a position is ended before the next decision, `(n,)`."""
        ended: NDArray[np.bool_] = self.lasted < 1.0
        return ended

    @staticmethod
    def straight(next_return: Floats) -> "Path":
        """A market whose positions are all kept until the next decision: its log returns between them, `(n,)`."""
        return Path(next_return, next_return, np.ones(len(next_return)))


class Account(Struct, frozen=True, eq=False):
    """
    Exposures, the simple return of each candle before costs, how much was traded for it, and a rival's, all `(n,)`.

    What is held at the end is sold then, and that trade belongs to the last candle. An amount is a fraction of equity.
    The rival holds this account's mean exposure through every candle: `passive` is what that returns before costs,
    `passive_traded` what it takes to get in and out.
    """

    exposures: Floats
    gross: Floats
    traded: Floats
    passive: Floats
    passive_traded: Floats

    @property
    def more_traded(self) -> Floats:
        """How much more than its rival the account traded, `(n,)`."""
        more: Floats = self.traded - self.passive_traded
        return more

    def net(self, cost_bps: float) -> Floats:
        """Return of each candle, `(n,)`, less what trading cost at so many basis points a side."""
        paid: Floats = self.gross - cost_bps / BPS * self.traded
        return paid

    def timing(self, cost_bps: float) -> Floats:
        """What of that, `(n,)`, is beyond the rival's, who pays as much: all that a forecast can be thanked for."""
        beyond: Floats = self.gross - self.passive - cost_bps / BPS * self.more_traded
        return beyond


class BreakEven(Struct, frozen=True):
    """
    The cost of a side, in basis points, at which nothing is left of the timing, with its 95 % block-bootstrap bounds.

    There are no bounds where trades are so rare that a resample may hold none, or candles too few.
    """

    bps: float
    low: float | None
    high: float | None


class Performance(Struct, frozen=True):
    """
    Figures of an account at one cost a side. Ratios are of a year, at a riskless rate of zero.

    `timing_sharpe` is the Sharpe ratio of the return beyond holding the mean exposure, `timing_frac` the sum of that
    return over all candles; the other figures are of the account as it is, market and all. A ratio is None where it is
    not defined: nothing was traded, or nothing was lost. The bounds of a Sharpe ratio hold 95 % by a block bootstrap,
    and are None where candles are too few.
    """

    cost_bps: float
    timing_sharpe: float | None
    timing_low: float | None
    timing_high: float | None
    timing_frac: float
    sharpe: float | None
    sharpe_low: float | None
    sharpe_high: float | None
    sortino: float | None
    max_drawdown_frac: float
    return_frac: float
    sides_a_day: float
    exposed_frac: float


def sign_exposures(p_up: Floats, lowest: float = SPOT) -> Floats:
    """Exposures `(n,)` of trading every forecast: all in for "up", `lowest` for "down", out for one half."""
    said = np.sign(p_up - 0.5)
    exposures: Floats = np.where(said < 0.0, lowest, said)
    return exposures


def ruled_exposures(
    expected: Floats,
    rule: SignalRule,
    cost_bps: float,
    lowest: float = SPOT,
    early: NDArray[np.bool_] | None = None,
) -> Floats:
    """
    Exposures `(n,)` of the shipped rule: a cost threshold to get in, hysteresis to stay in.

    A short holding is judged as a long one of the mirrored market.

    Args:
        expected: `(n,)` expected log returns, in order of time.
        rule: The two multiples.
        cost_bps: Cost of one side.
        lowest: `SPOT` or `MARGIN`.
        early: `(n,)` where a position is ended before the next decision, which then finds none; nowhere if None.
    """
    exposures = np.empty(len(expected))
    held = 0.0
    for at, move in enumerate(expected.tolist()):
        side = -1.0 if held < 0.0 else 1.0
        view = MarketView("", at, 1.0, side * held, 1.0, 2.0 * cost_bps)
        forecast = Forecast("", 0.5, side * move, side * move, side * move, BPS * abs(move))
        held = max(side * decide(rule, view, forecast).exposure, lowest)
        exposures[at] = held
        if early is not None and early[at]:
            held = 0.0
    return exposures


def account(exposures: Floats, next_return: Floats) -> Account:
    """
    Hold each exposure over the candle that follows its forecast.

    Args:
        exposures: `(n,)` fractions of equity, in order of time.
        next_return: `(n,)` log returns of those candles.
    """
    return account_of(exposures, Path.straight(next_return))


def account_of(exposures: Floats, path: Path) -> Account:
    """
    Hold each exposure until the next decision, or until a barrier ends it: that is a trade, and getting in is another.

    Args:
        exposures: `(n,)` fractions of equity, in order of time.
        path: What the market does.
    """
    left = np.where(path.early, 0.0, exposures)
    traded = np.abs(exposures - np.concatenate([[0.0], left[:-1]])) + np.abs(exposures - left)
    traded[-1:] += np.abs(left[-1:])
    mean_exposure = float((exposures * path.lasted).mean()) if len(exposures) else 0.0
    in_and_out = np.zeros(len(exposures))
    in_and_out[:1] += abs(mean_exposure)
    in_and_out[-1:] += abs(mean_exposure)
    return Account(exposures, exposures * np.expm1(path.held), traded, mean_exposure * np.expm1(path.whole), in_and_out)


def break_even(of: Account) -> BreakEven | None:
    """
    Give what a side may cost before nothing is left of the timing.

    That is what was earned beyond the rival over what was traded beyond it; None where nothing was.
    """
    earned, more = of.timing(0.0), of.more_traded
    if more.sum() <= _ROUNDING_NOISE:
        return None
    resampled = bootstrap_means(more)
    low = high = None
    if (resampled > 0.0).all() and enough_blocks(len(earned)):
        low, high = percentile_bounds(BPS * bootstrap_means(earned) / resampled)
    return BreakEven(BPS * float(earned.sum() / more.sum()), low, high)


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
    net, timing = of.net(cost_bps), of.timing(cost_bps)
    if len(net) < 2:
        raise DataError(f"an account of {len(net)} candles cannot be judged: give two or more")
    year = sqrt(per_year)
    downside = float(np.sqrt((np.minimum(net, 0.0) ** 2).mean()))
    equity = np.cumprod(np.concatenate([[1.0], 1.0 + net]))
    timing_low, timing_high = _sharpe_bounds(timing, year)
    sharpe_low, sharpe_high = _sharpe_bounds(net, year)
    return Performance(
        cost_bps=cost_bps,
        timing_sharpe=_sharpe(timing, year),
        timing_low=timing_low,
        timing_high=timing_high,
        timing_frac=float(timing.sum()),
        sharpe=_sharpe(net, year),
        sharpe_low=sharpe_low,
        sharpe_high=sharpe_high,
        sortino=year * float(net.mean()) / downside if downside > _ROUNDING_NOISE else None,
        max_drawdown_frac=float((1.0 - equity / np.maximum.accumulate(equity)).max()),
        return_frac=float(equity[-1] - 1.0),
        sides_a_day=float(of.traded.mean()) * per_year / 365.0,
        exposed_frac=float(np.abs(of.exposures).mean()),
    )


def _sharpe(returns: Floats, year: float) -> float | None:
    deviation = float(returns.std(ddof=1))
    return year * float(returns.mean()) / deviation if deviation > _ROUNDING_NOISE else None


def _sharpe_bounds(returns: Floats, year: float) -> tuple[float, float] | tuple[None, None]:
    """Percentiles over resamples; the ratio is zero where a resample holds no trade."""
    if not enough_blocks(len(returns)) or _sharpe(returns, year) is None:
        return None, None
    mean = bootstrap_means(returns)
    variance = bootstrap_means(returns**2) - mean**2
    ratios: Floats = np.divide(mean, np.sqrt(np.abs(variance)), out=np.zeros_like(mean), where=variance > 0.0)
    return percentile_bounds(year * ratios)
