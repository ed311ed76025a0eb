"""
How good forecasts were, each figure beside that of somebody who knows nothing.

The rivals: "no move" for errors, "always up" and "against the last candle" for the direction. An hour's direction
is right 52-55 % of the time at best, so a hit rate comes with its bounds. Pure; knows no network, file or account.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.errors import ModelError
from strategies.forecasting.calibration import Calibration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.resampling import block_of, bootstrap_means, mean_bounds

Floats = NDArray[np.float64]

BPS: Final = 1e4

LEAK_MOVES: Final = 1_000
LEAK_HIT_RATE: Final = 0.58
LEAK_LEAD: Final = 0.05


class SuspectedLeak(ModelError):
    """Forecasts that are too good to be true."""

    exit_code = 8


class Scored(Struct, frozen=True):
    """
    Forecasts and what followed, all `(m,)`; returns are log returns.

    `against_last` is the probability of "up" that the reversal rule gives: its hit rate on the training part.
    """

    p_up: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    next_return: Floats
    last_return: Floats
    against_last: Floats


class Learnt(Struct, frozen=True, eq=False):
    """
    What came of one fit: its forecasts of the test part, and its raw answers before calibration.

    `before` is `(v, 2)`, of the validation part, `after` `(m, 2)`, of the test part: mean in units of σ, logit of "up".
    `parameters` is None where a model has none that could be counted.
    """

    scored: Scored
    before: Floats
    after: Floats
    parameters: int | None = None


class Figures(Struct, frozen=True):
    """
    What is reported of one stretch of time. Errors are in basis points, rates are fractions.

    Directions leave out moves of zero. `hit_rate_low` and `_high` bound the hit rate with 95 %: by 0 and 1, the bounds
    of any rate, where moves are too few for more. `persistence_*` are the errors of the forecast "no move"; a Brier
    score of 0.25 is a coin's.
    """

    forecasts: int
    moves: int
    hit_rate: float
    hit_rate_low: float
    hit_rate_high: float
    reversal_hit_rate: float
    always_up_rate: float
    brier: float
    reversal_brier: float
    mae_bps: float
    persistence_mae_bps: float
    rmse_bps: float
    persistence_rmse_bps: float
    coverage: float
    mean_expected_bps: float


class FoldFigures(Struct, frozen=True):
    """What one seed did on the test part of one fold, `[from_ms, until_ms)`."""

    seed: int
    from_ms: int
    until_ms: int
    figures: Figures


class AgainstNaive(Struct, frozen=True):
    """
    One seed beside the naive rules, over all folds: probabilities of so much better a result by chance alone.

    Each is of a one-sided test of Diebold and Mariano over instants: `coin` and `reversal` by the Brier score,
    `reversal_hits` and `same_hits` by the direction, the latter beside whichever direction came more often.
    `sharpness` is the mean squared distance of the probabilities from one half, which is what they promise to save
    beside a coin.
    """

    seed: int
    brier: float
    sharpness: float
    coin: float
    reversal: float
    reversal_hits: float
    same_hits: float


class WalkForward(Struct, frozen=True):
    """
    Figures of every fold and seed, and of all folds together for each seed.

    Seeds are not pooled: two forecasts of one candle are not two candles. `seed_spread` is the mean deviation between
    seeds of the probability that they give one candle; None for one seed. `against` holds each seed's tests beside the
    naive rules, `p_up_deciles` the nine deciles of the first seed's probabilities.
    """

    folds: tuple[FoldFigures, ...]
    seeds: tuple[int, ...]
    pooled: tuple[Figures, ...]
    seed_spread: float | None = None
    against: tuple[AgainstNaive, ...] = ()
    p_up_deciles: tuple[float, ...] = ()


def score(dataset: Dataset, outputs: Floats, calibration: Calibration, reversal_rate: float) -> Scored:
    """
    Turn the outputs `(m, 2)` of a network into forecasts beside what followed.

    Args:
        dataset: The windows.
        outputs: What the network said of them.
        calibration: Fitted on an earlier part.
        reversal_rate: How often the training part moved against its last candle.
    """
    pairs = zip(outputs[:, 1].tolist(), dataset.sigma.tolist(), strict=True)
    made = [calibration.forecast("", logit, sigma) for logit, sigma in pairs]
    return Scored(
        p_up=np.array([forecast.p_up for forecast in made]),
        expected=np.array([forecast.expected_return for forecast in made]),
        lower=np.array([forecast.lower for forecast in made]),
        upper=np.array([forecast.upper for forecast in made]),
        next_return=dataset.next_return,
        last_return=dataset.last_return,
        against_last=0.5 - np.sign(dataset.last_return) * (reversal_rate - 0.5),
    )


def pooled(parts: list[Scored]) -> Scored:
    """Several stretches as one, in the order given."""
    names = Scored.__struct_fields__
    return Scored(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def reversal_rate(dataset: Dataset) -> float:
    """How often the next move went against the last one, where both moved; one half if none did."""
    product = dataset.last_return * dataset.next_return
    moved = product != 0.0
    return float((product[moved] < 0.0).mean()) if moved.any() else 0.5


def figures(scored: Scored) -> Figures:
    """
    Judge forecasts by what followed.

    Raises:
        ModelError: The market never moved, so nothing can be said.
    """
    moved = scored.next_return != 0.0
    if not moved.any():
        raise ModelError("the market never moves in the part that is to be judged: give other candles")
    up = scored.next_return[moved] > 0.0
    hits = ((scored.p_up[moved] > 0.5) == up).astype(np.float64)
    low, high = mean_bounds(hits) or (0.0, 1.0)
    error = scored.expected - scored.next_return
    covered = (scored.lower <= scored.next_return) & (scored.next_return <= scored.upper)
    return Figures(
        forecasts=len(scored.p_up),
        moves=int(moved.sum()),
        hit_rate=float(hits.mean()),
        hit_rate_low=low,
        hit_rate_high=high,
        reversal_hit_rate=float(((scored.last_return[moved] < 0.0) == up).mean()),
        always_up_rate=float(up.mean()),
        brier=float(((scored.p_up[moved] - up) ** 2).mean()),
        reversal_brier=float(((scored.against_last[moved] - up) ** 2).mean()),
        mae_bps=float(BPS * np.abs(error).mean()),
        persistence_mae_bps=float(BPS * np.abs(scored.next_return).mean()),
        rmse_bps=float(BPS * np.sqrt((error**2).mean())),
        persistence_rmse_bps=float(BPS * np.sqrt((scored.next_return**2).mean())),
        coverage=float(covered.mean()),
        mean_expected_bps=float(BPS * np.abs(scored.expected).mean()),
    )


def refuse_a_leak(scored: Scored, theoretical_hit_rate: float | None, whose: str = "", horizon: int = 1) -> None:
    """
    Refuse forecasts that are too good to be true.

    On a real market a hit rate whose lower 99 % bound exceeds 58 % and the always-up rate by 5 points has another
    cause than skill. An invented market is judged by the best that its maker says can be done.

    Args:
        scored: Forecasts of what the network was not trained on.
        theoretical_hit_rate: The best possible hit rate of an invented market, None for a real one.
        whose: Whose forecasts they are, where there are several.
        horizon: Candles that a forecast reaches ahead.

    Raises:
        SuspectedLeak: The forecasts seem to know the future.
    """
    moved = scored.next_return != 0.0
    if int(moved.sum()) < LEAK_MOVES:
        return
    up = scored.next_return[moved] > 0.0
    hits = ((scored.p_up[moved] > 0.5) == up).astype(np.float64)
    surely = float(np.quantile(bootstrap_means(hits, block_of(len(hits), horizon)), 0.01))
    most = max(LEAK_HIT_RATE, float(up.mean()) + LEAK_LEAD) if theoretical_hit_rate is None else theoretical_hit_rate
    if surely > most:
        raise SuspectedLeak(
            f"suspected leak{f' in {whose}' if whose else ''}: the hit rate on unseen candles is surely above "
            f"{surely:.1%}, and no more than {most:.1%} can be believed; "
            "look for a feature or a split that knows the future"
        )
