"""
What a row would have earned, and what its timing is worth once it is known how many were tried.

Each market gets an equal share of the account, and each seed an equal share of that. Forecasts that reach h candles
ahead are acted on every h-th candle; where there is none, what is held is kept until the next. Pure arrays.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.market import DAY_MS
from strategies.forecasting.comparison.judged import Judged
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.economics import (
    COSTS_BPS,
    Account,
    BreakEven,
    Path,
    Performance,
    account_of,
    break_even,
    performance,
    ruled_exposures,
    sign_exposures,
)
from strategies.forecasting.evaluation import Scored
from strategies.forecasting.overfitting import (
    BLOCKS,
    Deflated,
    Overfitting,
    backtest_overfitting,
    candle_sharpe,
    deflated_sharpe,
)
from strategies.signal import SignalRule

Floats = NDArray[np.float64]
Expose = Callable[["Leg"], Floats]
"""From the decisions on one market to exposures `(k,)`."""

_YEAR_MS: Final = 365 * DAY_MS


class Money(Struct, frozen=True):
    """
    A row's account at each cost of a side: traded on every sign, and by the shipped rule.

    `deflated` belongs to `by_rule`: its Sharpe ratios are of the timing, of one holding period, and its bar is what
    luck would have given the best of all trials.
    """

    break_even: BreakEven | None
    on_sign: tuple[Performance, ...]
    by_rule: tuple[Performance, ...]
    deflated: tuple[Deflated, ...]


class Traded(Struct, frozen=True, eq=False):
    """A row's accounts: on every sign, by the rule at each cost, and the rule's timing with each seed, `(S, k)`."""

    on_sign: Account
    by_rule: tuple[Account, ...]
    trials: tuple[Floats, ...]


class Leg(Struct, frozen=True, eq=False):
    """The k decisions on one market: their windows, their places among all instants, and what the market did."""

    windows: NDArray[np.int64]
    places: NDArray[np.int64]
    path: Path


def trade(row: Judged, rule: SignalRule, horizon_ms: int, lowest: float) -> Traded:
    """
    Trade every forecast of a row, without leverage.

    Args:
        row: The row.
        rule: When an expected move is worth its cost.
        horizon_ms: How far ahead a forecast reaches: positions change no more often.
        lowest: `economics.SPOT` or `economics.MARGIN`.
    """
    legs = _legs(row.tested, horizon_ms)

    def ruled(scored: Scored, cost: float) -> Account:
        return _together(
            legs, lambda leg: ruled_exposures(scored.expected[leg.windows], rule, cost, lowest, leg.path.early)
        )

    def signed(scored: Scored) -> Account:
        return _together(legs, lambda leg: sign_exposures(scored.p_up[leg.windows], lowest))

    by_cost = [[ruled(scored, cost) for scored in row.by_seed] for cost in COSTS_BPS]
    return Traded(
        _mean([signed(scored) for scored in row.by_seed]),
        tuple(map(_mean, by_cost)),
        tuple(np.stack([one.timing(cost) for one in seeds]) for seeds, cost in zip(by_cost, COSTS_BPS, strict=True)),
    )


def buy_and_hold(tested: Dataset, horizon_ms: int) -> tuple[Performance, ...]:
    """
    Judge who buys at the first decision and sells at the end, at each cost.

    Args:
        tested: The windows that are judged.
        horizon_ms: Length of a holding period.
    """
    legs = [Leg(leg.windows, leg.places, Path.straight(leg.path.whole)) for leg in _legs(tested, horizon_ms)]
    held = _together(legs, lambda leg: np.ones(len(leg.windows)))
    return tuple(performance(held, cost, _YEAR_MS / horizon_ms) for cost in COSTS_BPS)


def money(traded: Traded, horizon_ms: int, trial_sharpes: Sequence[Floats]) -> Money:
    """
    Judge a row's accounts.

    Args:
        traded: The accounts.
        horizon_ms: Length of a holding period.
        trial_sharpes: For each cost, `(N,)` Sharpe ratios of all trials, each of one such period.
    """
    per_year = _YEAR_MS / horizon_ms
    return Money(
        break_even(traded.on_sign),
        tuple(performance(traded.on_sign, cost, per_year) for cost in COSTS_BPS),
        tuple(performance(one, cost, per_year) for one, cost in zip(traded.by_rule, COSTS_BPS, strict=True)),
        tuple(
            deflated_sharpe(one.timing(cost), sharpes)
            for one, cost, sharpes in zip(traded.by_rule, COSTS_BPS, trial_sharpes, strict=True)
        ),
    )


def trial_sharpes(tables: Sequence[tuple[int, Sequence[Traded]]], horizon_ms: int) -> tuple[Floats, ...]:
    """
    Give the Sharpe ratios of every trial's timing at each cost, as they would be over a holding period of this length.

    Args:
        tables: The holding period and the accounts of every question that was asked.
        horizon_ms: The length to which they are brought.
    """
    return tuple(
        np.array(
            [
                sqrt(horizon_ms / length_ms) * candle_sharpe(timing)
                for length_ms, rows in tables
                for row in rows
                for timing in row.trials[at]
            ]
        )
        for at in range(len(COSTS_BPS))
    )


def overfitting(rows: Sequence[Traded]) -> tuple[Overfitting | None, ...]:
    """Give each cost's probability of overfitting by timing; None where there are too few trials or periods."""
    found: list[Overfitting | None] = []
    for at in range(len(COSTS_BPS)):
        returns = np.concatenate([row.trials[at] for row in rows]).T  # (k, N)
        enough = returns.shape[1] > 1 and len(returns) >= 2 * BLOCKS
        found.append(backtest_overfitting(returns) if enough else None)
    return tuple(found)


def _legs(tested: Dataset, horizon_ms: int) -> tuple[Leg, ...]:
    times = tested.close_time_ms
    acted = (times - times[0]) % horizon_ms == 0
    instants = np.unique(times[acted])
    chosen = [np.flatnonzero(acted & (tested.market == market)) for market in np.unique(tested.market)]
    return tuple(Leg(at, np.searchsorted(instants, times[at]), _path(tested, at, horizon_ms)) for at in chosen)


def _path(tested: Dataset, at: NDArray[np.int64], horizon_ms: int) -> Path:
    """
    Give what one market does after each of some decisions on it.

    Candles that are missing, or no decision was made on, are walked through with what was held before them.
    """
    ended, came = tested.lasted[at] < tested.horizon, tested.next_return[at]
    whole = np.append(np.diff(np.log(tested.close[at])), came[-1:])
    lasted_ms = tested.lasted[at] * (horizon_ms // tested.horizon)
    # Nothing is known of what follows the last label.
    until_next_ms = np.append(np.diff(tested.close_time_ms[at]), lasted_ms[-1:])
    return Path(np.where(ended, came, whole), whole, np.where(ended, lasted_ms / until_next_ms, 1.0))


def _together(legs: Sequence[Leg], expose: Expose) -> Account:
    """Give the account of all markets, each with an equal share of it."""
    instants = 1 + max((int(leg.places[-1]) for leg in legs if len(leg.places)), default=-1)
    totals = {name: np.zeros(instants) for name in Account.__struct_fields__}
    for leg in legs:
        one = account_of(expose(leg), leg.path)
        for name, total in totals.items():
            total[leg.places] += getattr(one, name) / len(legs)
    return Account(**totals)


def _mean(accounts: Sequence[Account]) -> Account:
    """Equal shares of an account in each of several."""
    fields = Account.__struct_fields__
    return Account(**{name: np.mean([getattr(one, name) for one in accounts], axis=0) for name in fields})
