"""
A challenger's forecasts beside the champion's, for the same candles, and what followed them.

Both are judged on closes that neither has seen. What the champion said may come from a run's journal or be said again
now; the bits are the same. Pure arrays; knows no file and no journal.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple, replace
from numpy.typing import NDArray

from bot.core import gate_names as names
from bot.core.errors import DataError
from bot.core.forecast import Forecast
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.calibration import COVERAGE
from strategies.forecasting.datasets import build_dataset
from strategies.forecasting.economics import account, ruled_exposures
from strategies.forecasting.evaluation import BPS
from strategies.forecasting.gates import Measured
from strategies.forecasting.paired_losses import COIN_BRIER, Losses
from strategies.forecasting.serving import BundleForecaster
from strategies.forecasting.shadow_evidence import Rival, not_surely_worse, surely_better
from strategies.signal import SignalRule

Floats = NDArray[np.float64]

_QUANTILES: Final = ((1.0 - COVERAGE) / 2.0, 0.5, (1.0 + COVERAGE) / 2.0)
"""What the lower bound, the expectation and the upper bound of a forecast are quantiles of."""


class Track(Struct, frozen=True, eq=False):
    """
    What one model said of one market at n closes, and the log returns that followed; in order of time, `(n,)`.

    `last_return` is that of the candle which ends at the close.
    """

    close_time_ms: NDArray[np.int64]
    p_up: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    next_return: Floats
    last_return: Floats

    def __len__(self) -> int:
        return len(self.close_time_ms)

    def at(self, closes: NDArray[np.int64]) -> "Track":
        """Only these closes, all of which it has."""
        chosen = np.searchsorted(self.close_time_ms, closes)
        return Track(*(column[chosen] for column in astuple(self)))


class Pair(Struct, frozen=True, eq=False):
    """Both models' tracks of one market, at the same closes."""

    symbol: str
    challenger: Track
    champion: Track


class Terms(Struct, frozen=True):
    """
    What a challenger is held to.

    `reversal_rate` is how often the market is known to go against its last candle, given where no model is in use: the
    reversal rule is a rival then. `margin` is how much larger the Brier score may be than that of a champion whose life
    ends. `attempt` counts, from 1, how often these candles have been asked.
    """

    reversal_rate: float | None = None
    margin: float = 0.0
    attempt: int = 1


def replayed(
    forecaster: BundleForecaster,
    features: FeatureSet,
    window: int,
    symbol: str,
    parts: Sequence[Segment],
    timeframe_ms: int,
    from_ms: int,
) -> Track:
    """
    Have a model forecast stored candles, with the bits of a live run.

    Args:
        forecaster: The model.
        features: What it reads.
        window: Rows of its window.
        symbol: The market.
        parts: Contiguous candles of that market; the earlier ones warm up.
        timeframe_ms: Their length.
        from_ms: The first close that is forecast from.

    Raises:
        DataError: No stretch is long enough for one forecast and its outcome.
    """
    tracks = []
    first = features.warm_up + window - 1
    for part in (_from(part, from_ms - (first + 1) * timeframe_ms) for part in parts):
        if len(part) <= first + 1:
            continue
        dataset = build_dataset([part], features, window, timeframe_ms).between(from_ms, np.iinfo(np.int64).max)
        made = forecaster.forecast_rows(symbol, dataset.rows, first)
        said = _columns([made[end - first] for end in dataset.ends.tolist()])
        tracks.append(Track(dataset.close_time_ms, *said, dataset.next_return, dataset.last_return))
    if not tracks:
        raise DataError(
            f"no stretch of candles of {symbol} holds the {first + 2} that one forecast needs: give more candles"
        )
    return Track(*(np.concatenate(column) for column in zip(*map(astuple, tracks), strict=True)))


def _from(part: Segment, open_ms: int) -> Segment:
    """The candles that open at a time or later: rows behind the warm-up do not depend on those before."""
    row = int(np.searchsorted(part.open_time_ms, open_ms))
    return Segment(part.open_time_ms[row:], part.ohlcv[row:], part.filled[row:])


def beside(symbol: str, challenger: Track, champion: Track) -> Pair:
    """Keep the closes that both models forecast from."""
    closes = np.intersect1d(challenger.close_time_ms, champion.close_time_ms)
    return Pair(symbol, challenger.at(closes), champion.at(closes))


def recorded(challenger: Track, said: Mapping[int, Forecast]) -> Track:
    """
    What the champion said when it was asked, beside the outcomes that the challenger's track knows.

    Args:
        challenger: A track of the same market.
        said: The champion's forecasts by the close that they were made at.
    """
    known = [at for at, close_ms in enumerate(challenger.close_time_ms.tolist()) if close_ms in said]
    closes = challenger.close_time_ms[known]
    columns = _columns([said[close_ms] for close_ms in closes.tolist()])
    return Track(closes, *columns, challenger.next_return[known], challenger.last_return[known])


def nobody(challenger: Track) -> Track:
    """The rival of a first model: one half, no move, and an interval as wide as the challenger's."""
    return Track(
        challenger.close_time_ms,
        np.full(len(challenger), 0.5),
        np.zeros(len(challenger)),
        challenger.lower - challenger.expected,
        challenger.upper - challenger.expected,
        challenger.next_return,
        challenger.last_return,
    )


def compare(pairs: Sequence[Pair], rule: SignalRule, cost_bps: float, terms: Terms) -> dict[str, Measured]:
    """
    Measure everything that the gates ask of two models side by side.

    Markets that close together are one observation: their errors share their luck.

    Args:
        pairs: One a market.
        rule: When an expected move is worth its cost.
        cost_bps: Cost of one side.
        terms: What the challenger is held to.
    """
    count = sum(len(pair.challenger) for pair in pairs)
    instants = len(np.unique(np.concatenate([pair.challenger.close_time_ms for pair in pairs]))) if pairs else 0
    told = f"{count:,} forecasts of {len(pairs)} market{'s' if len(pairs) > 1 else ''} at {instants:,} instants"
    measured = {names.FORWARD_WINDOW: Measured(float(instants), told)}
    pairs = [pair for pair in pairs if np.any(pair.challenger.next_return)]
    if not pairs:
        return measured
    tracks = [pair.challenger for pair in pairs]
    own, other = (Losses.of([_brier(one) for one in many]) for many in (tracks, [pair.champion for pair in pairs]))
    held = [Losses.of([_pinball(one) for one in many]) for many in (tracks, [pair.champion for pair in pairs])]
    return measured | {
        names.BRIER: _beside_a_coin(own, other),
        names.BRIER_TEST: surely_better(own, _rivals(tracks, other, terms), terms.attempt),
        names.PINBALL_TEST: not_surely_worse(*held),
        names.NET_RESULT: _net_result(pairs, rule, cost_bps),
        names.COVERAGE: _coverage(pairs),
    }


def seed_spread(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> Measured:
    """
    How far seeds disagree about one candle, the challenger's over the champion's.

    Args:
        challenger: The metrics of its bundle.
        champion: Those of the model in use, None where there is none.
    """
    own = _spread_of(challenger)
    if own is None:
        return Measured(None, "the challenger was judged with one seed: retrain with --seeds 2 or more")
    if champion is None:
        return Measured(0.0, f"seeds differ by {own:.4f} in a probability; there is no champion to compare with")
    other = _spread_of(champion)
    if not other:
        return Measured(None, "the champion's bundle does not say how far its seeds differ")
    return Measured(own / other, f"seeds differ by {own:.4f} in a probability, the champion's by {other:.4f}")


def _rivals(tracks: Sequence[Track], champion: Losses, terms: Terms) -> list[Rival]:
    if terms.reversal_rate is None:
        return [Rival("the champion", champion.values, terms.margin)]
    against = Losses.of([_brier(_against_last(track, terms.reversal_rate)) for track in tracks])
    return [Rival("a coin", champion.values), Rival("the reversal rule", against.values)]


def _against_last(track: Track, rate: float) -> Track:
    """The rule that says the opposite of the last candle, with the probability at which that is known to hold."""
    return replace(track, p_up=0.5 - np.sign(track.last_return) * (rate - 0.5))


def _beside_a_coin(own: Losses, other: Losses) -> Measured:
    score, rival = float(own.values.mean()), float(other.values.mean())
    return Measured(COIN_BRIER - score, f"{score:.5f}, the champion's {rival:.5f}")


def _brier(track: Track) -> tuple[NDArray[np.int64], Floats]:
    moved = track.next_return != 0.0
    up = (track.next_return[moved] > 0.0).astype(np.float64)
    return track.close_time_ms[moved], (track.p_up[moved] - up) ** 2


def _pinball(track: Track) -> tuple[NDArray[np.int64], Floats]:
    total = np.zeros(len(track))
    for share, quantile in zip(_QUANTILES, (track.lower, track.expected, track.upper), strict=True):
        above = track.next_return - quantile
        total += np.maximum(share * above, (share - 1.0) * above)
    return track.close_time_ms, BPS * total / len(_QUANTILES)


def _net_result(pairs: Sequence[Pair], rule: SignalRule, cost_bps: float) -> Measured:
    def of(tracks: Sequence[Track]) -> tuple[float, bool]:
        exposures = [ruled_exposures(one.expected, rule, cost_bps) for one in tracks]
        held = [account(kept, one.next_return) for kept, one in zip(exposures, tracks, strict=True)]
        return BPS * float(np.mean([one.net(cost_bps).mean() for one in held])), any(kept.any() for kept in exposures)

    own, traded = of([pair.challenger for pair in pairs])
    other, champion_traded = of([pair.champion for pair in pairs])
    if not traded and not champion_traded:
        told = f"nobody traded at {cost_bps:g} bps a side: this speaks neither for the challenger nor against it"
        return Measured(0.0, told)
    idle = "" if traded else ", it never traded"
    told = f"{own:+.3f} bps a candle at {cost_bps:g} bps a side{idle}, the champion's {other:+.3f}"
    return Measured(own - other, told)


def _coverage(pairs: Sequence[Pair]) -> Measured:
    held = [(one.lower <= one.next_return) & (one.next_return <= one.upper) for one in (p.challenger for p in pairs)]
    share = float(np.concatenate(held).mean())
    return Measured(share, f"{share:.1%} of the returns")


def _spread_of(metrics: Mapping[str, Any]) -> float | None:
    walked = metrics.get("walk_forward") or {}
    spread = walked.get("seed_spread")
    return float(spread) if spread is not None else None


def _columns(forecasts: Sequence[Forecast]) -> tuple[Floats, Floats, Floats, Floats]:
    told = np.array([(f.p_up, f.expected_return, f.lower, f.upper) for f in forecasts], dtype=np.float64).reshape(-1, 4)
    return told[:, 0], told[:, 1], told[:, 2], told[:, 3]
