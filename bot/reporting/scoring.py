"""
Forecasts against what came of them, each figure beside that of a forecaster who knows nothing.

A forecast made at the close T is scored with the log return from the close at T to the next close, if that next
candle begins at T and was really traded. Pure; knows nothing of orders or money.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple
from numpy.typing import NDArray

from bot.reporting.columns import Floats, Market, RunColumns, Times
from bot.reporting.provenance import Training, training

BPS: Final = 1e4
EVEN: Final = 0.5
NAIVE_BRIER: Final = 0.25
"""Brier score of saying "one half" every time."""


class Scored(Struct, frozen=True):
    """
    Forecasts with an outcome, in order of time and then of markets, each column `(n,)`.

    `realised` is a log return. `in_span` says that the candle which was foreseen is of the time that the model was
    trained on, whatever its market: markets move together.
    """

    close_ms: Times
    p_up: Floats
    expected: Floats
    realised: Floats
    covered: NDArray[np.bool_]
    in_span: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.close_ms)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Scored":
        """Only these, by a mask or by places."""
        return Scored(*(column[keep] for column in astuple(self)))

    @property
    def with_direction(self) -> "Scored":
        """Only those where the market moved and the forecast took a side: the ones that can be right or wrong."""
        return self.where((self.realised != 0.0) & (self.p_up != EVEN))

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Whether each was right about the side."""
        right: NDArray[np.bool_] = (self.p_up > EVEN) == (self.realised > 0.0)
        return right


class ForecastScores(Struct, frozen=True):
    """
    How good the forecasts were. Errors in basis points, rates as fractions; None where nothing could be scored.

    The naive figures are those of the forecast "no move". `directional_accuracy` leaves out moves of zero and
    forecasts of exactly one half, `brier` moves of zero. `always_up` is the share of moves that went up.
    """

    scored: int
    moves: int
    directional_accuracy: float | None
    always_up: float | None
    brier: float | None
    mae_bps: float | None
    naive_mae_bps: float | None
    rmse_bps: float | None
    naive_rmse_bps: float | None
    coverage: float | None


def match_outcomes(columns: RunColumns) -> Scored:
    """Every forecast of the run that has an outcome."""
    learnt = training(columns.header.labels)
    parts = [_match_market(market, columns.timeframe.ms, learnt) for market in columns.markets]
    joined = Scored(*(np.concatenate(column) for column in zip(*map(astuple, parts), strict=True)))
    return joined.where(np.argsort(joined.close_ms, kind="stable"))


def _match_market(market: Market, timeframe_ms: int, learnt: Training | None) -> Scored:
    candles, forecasts = market.candles, market.forecasts
    # The foreseen candle is the one that opens when the forecast's candle closes; the one before it must be there.
    following = np.searchsorted(candles.open_ms, forecasts.close_ms)
    known = (following > 0) & (following < len(candles))
    made, following = np.flatnonzero(known), following[known]
    whole = (
        (candles.open_ms[following] == forecasts.close_ms[made])
        & (candles.open_ms[following - 1] == forecasts.close_ms[made] - timeframe_ms)
        & ~candles.filled[following]
    )
    made, following = made[whole], following[whole]
    realised = np.log(candles.close[following] / candles.close[following - 1])
    open_ms = candles.open_ms[following]
    return Scored(
        forecasts.close_ms[made],
        forecasts.p_up[made],
        forecasts.expected_return[made],
        realised,
        (forecasts.lower[made] <= realised) & (realised <= forecasts.upper[made]),
        learnt.overlaps(open_ms, timeframe_ms) if learnt else np.zeros(len(open_ms), dtype=np.bool_),
    )


def score(scored: Scored) -> ForecastScores:
    """Judge forecasts by their outcomes."""
    sided = scored.with_direction
    moved = scored.where(scored.realised != 0.0)
    error = scored.expected - scored.realised
    return ForecastScores(
        scored=len(scored),
        moves=len(moved),
        directional_accuracy=_mean(sided.hits.astype(np.float64)),
        always_up=_mean((moved.realised > 0.0).astype(np.float64)),
        brier=_mean((moved.p_up - (moved.realised > 0.0)) ** 2),
        mae_bps=_mean(np.abs(error) * BPS),
        naive_mae_bps=_mean(np.abs(scored.realised) * BPS),
        rmse_bps=_root_mean_square(error * BPS),
        naive_rmse_bps=_root_mean_square(scored.realised * BPS),
        coverage=_mean(scored.covered.astype(np.float64)),
    )


def _mean(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _root_mean_square(values: Floats) -> float | None:
    return float(np.sqrt(np.mean(values * values))) if len(values) else None
