"""
What a row would have earned, and what that is worth once it is known how many were tried.

Each market gets an equal share of the account, and each seed an equal share of that. Forecasts that reach h candles
ahead are acted on every h-th candle. Pure arrays.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.market import DAY_MS
from strategies.forecasting.comparison.judged import Judged
from strategies.forecasting.economics import (
    COSTS_BPS,
    Account,
    BreakEven,
    Performance,
    account,
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
Expose = Callable[[Scored], Floats]
"""From the forecasts of one market, in order of time, to exposures `(k,)`."""

_YEAR_MS: Final = 365 * DAY_MS


class Money(Struct, frozen=True):
    """
    A row's account at each cost of a side: traded on every sign, and by the shipped rule.

    `deflated` belongs to `by_rule`: its Sharpe ratios are of one holding period, and its bar is what luck would have
    given the best of all trials.
    """

    break_even: BreakEven | None
    on_sign: tuple[Performance, ...]
    by_rule: tuple[Performance, ...]
    deflated: tuple[Deflated, ...]


class Traded(Struct, frozen=True, eq=False):
    """A row's accounts: on every sign, by the rule at each cost, and what the rule earned with each seed, `(S, k)`."""

    on_sign: Account
    by_rule: tuple[Account, ...]
    trials: tuple[Floats, ...]


def trade(row: Judged, rule: SignalRule, horizon_ms: int, lowest: float) -> Traded:
    """
    Trade every forecast of a row, without leverage.

    Args:
        row: The row.
        rule: When an expected move is worth its cost.
        horizon_ms: How far ahead a forecast reaches: positions change no more often.
        lowest: `economics.SPOT` or `economics.MARGIN`.
    """
    by_rule: list[Account] = []
    trials: list[Floats] = []
    for cost in COSTS_BPS:
        expose = _by_rule(rule, cost, lowest)
        seeds = [_together(row, scored, expose, horizon_ms) for scored in row.by_seed]
        by_rule.append(_mean(seeds))
        trials.append(np.stack([each.net(cost) for each in seeds]))
    signs = [
        _together(row, scored, lambda part: sign_exposures(part.p_up, lowest), horizon_ms) for scored in row.by_seed
    ]
    return Traded(_mean(signs), tuple(by_rule), tuple(trials))


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
            deflated_sharpe(one.net(cost), sharpes)
            for one, cost, sharpes in zip(traded.by_rule, COSTS_BPS, trial_sharpes, strict=True)
        ),
    )


def trial_sharpes(tables: Sequence[tuple[int, Sequence[Traded]]], horizon_ms: int) -> tuple[Floats, ...]:
    """
    Give the Sharpe ratios of every trial at each cost, as they would be over one holding period of this length.

    Args:
        tables: The holding period and the accounts of every question that was asked.
        horizon_ms: The length to which they are brought.
    """
    return tuple(
        np.array(
            [
                sqrt(horizon_ms / length_ms) * candle_sharpe(net)
                for length_ms, rows in tables
                for row in rows
                for net in row.trials[at]
            ]
        )
        for at in range(len(COSTS_BPS))
    )


def overfitting(rows: Sequence[Traded]) -> tuple[Overfitting | None, ...]:
    """Give the probability of backtest overfitting at each cost; None where there are too few trials or periods."""
    found: list[Overfitting | None] = []
    for at in range(len(COSTS_BPS)):
        returns = np.concatenate([row.trials[at] for row in rows]).T  # (k, N)
        enough = returns.shape[1] > 1 and len(returns) >= 2 * BLOCKS
        found.append(backtest_overfitting(returns) if enough else None)
    return tuple(found)


def _by_rule(rule: SignalRule, cost: float, lowest: float) -> Expose:
    return lambda part: ruled_exposures(part.expected, rule, cost, lowest)


def _together(row: Judged, scored: Scored, expose: Expose, horizon_ms: int) -> Account:
    """Give the account of all markets, each with an equal share of it."""
    times = row.tested.close_time_ms
    acted = (times - times[0]) % horizon_ms == 0
    instants = np.unique(times[acted])
    markets = np.unique(row.tested.market)
    exposures, gross, traded = (np.zeros(len(instants)) for _ in range(3))
    for market in markets:
        kept = acted & (row.tested.market == market)
        names = Scored.__struct_fields__
        part = Scored(**{name: getattr(scored, name)[kept] for name in names})
        one = account(expose(part), part.next_return)
        places = np.searchsorted(instants, times[kept])
        exposures[places] += one.exposures / len(markets)
        gross[places] += one.gross / len(markets)
        traded[places] += one.traded / len(markets)
    return Account(exposures, gross, traded)


def _mean(accounts: Sequence[Account]) -> Account:
    """Equal shares of an account in each of several."""
    fields = Account.__struct_fields__
    return Account(**{name: np.mean([getattr(one, name) for one in accounts], axis=0) for name in fields})
