"""
The checks of a bundle as it is served: its forecasts, and what it says of itself.

Whatever runs the graph stands behind the forecaster, so that nothing here knows ONNX Runtime; nor does it know files
or how a network is fitted.
"""

from collections.abc import Iterator
from math import sin
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.commands import RequestForecast
from bot.core.events import ForecastReady
from bot.core.forecast import Forecast
from bot.core.gaps import Segment
from bot.core.market import Candle
from bot.core.window import Window
from strategies.forecasting.audit import (
    Check,
    MakeMarket,
    Pipeline,
    Seen,
    another_future,
    differing,
    unchanged,
)
from strategies.forecasting.audit_skill import (
    found_at_its_rate,
    leak_rule,
    no_skill,
    planted_hit_rate,
    recorded_leak_rule,
)
from strategies.forecasting.bundle import Bundle
from strategies.forecasting.folds import gap_between
from strategies.forecasting.serving import BundleForecaster

SYMBOL: Final = "BTC/USDT"
"""What a made market is called; no forecast depends on it."""

_SEED: Final = 77
_FUTURES: Final = 5
_KNOWN: Final = 1_200
"""Forecasts that are compared; those that come before the first of them are the warm-up's."""
_ALONE: Final = 64
"""Forecasts that are asked for as live does, one candle after the other."""
_JUDGED: Final = 6_000


class Served(Struct, frozen=True, eq=False):
    """A bundle, what serves it, and the pipeline that feeds it."""

    bundle: Bundle
    forecaster: BundleForecaster
    pipeline: Pipeline

    def forecasts(self, series: Segment) -> "Told":
        """What the bundle says of every candle of a stretch whose row no longer depends on where it begins."""
        pipeline = self.pipeline
        first = pipeline.features.warm_up + pipeline.window - 1
        rows = pipeline.make_rows(pipeline.features, series.open_time_ms, series.ohlcv)
        made = self.forecaster.forecast_rows(SYMBOL, rows, first)
        closes = series.ohlcv[first:, 3]
        next_return = np.append(np.log(closes[1:] / closes[:-1]), np.nan)
        return Told(series.open_time_ms[first:], _numbers(made), next_return)


class Told(Struct, frozen=True, eq=False):
    """Forecasts as numbers, `(n, 4)`: probability, expectation, bounds; and what followed, NaN after the last."""

    open_time_ms: NDArray[np.int64]
    numbers: NDArray[np.float64]
    next_return: NDArray[np.float64]

    @property
    def p_up(self) -> NDArray[np.float64]:
        """Probabilities of "up", `(n,)`."""
        return self.numbers[:, 0]


def served_checks(served: Served, market: MakeMarket) -> Iterator[Check]:
    """Make every check that needs no fit, cheapest first."""
    yield from recorded_leak_rule(served.bundle.metrics)
    if (folds := recorded_folds(served)) is not None:
        yield folds
    yield known_forecasts(served, market)
    yield one_at_a_time(served, market)
    yield white_noise(served, market)
    theory = served.bundle.metrics.get("theoretical_hit_rate")
    if theory is not None:
        yield from planted_edge(served, market, float(theory))


def fresh_leak_rule(served: Served, parts: list[Segment]) -> Check:
    """Apply the leak rule to candles that came after everything the bundle has seen, a market's stretch each."""
    pipeline, data = served.pipeline, served.bundle.data
    # A window of candles that were never learnt from: what the first of them reads begins after the training.
    from_ms = data.trained_until_ms + pipeline.window * pipeline.timeframe.ms
    needed = pipeline.features.warm_up + pipeline.window
    told = [served.forecasts(part) for part in parts if len(part) > needed]
    p_up = np.concatenate([np.empty(0), *(one.p_up[one.open_time_ms >= from_ms] for one in told)])
    came = np.concatenate([np.empty(0), *(one.next_return[one.open_time_ms >= from_ms] for one in told)])
    known = np.isfinite(came)
    return leak_rule("leak rule, fresh candles", p_up[known], came[known], None)


def known_forecasts(served: Served, market: MakeMarket) -> Check:
    """Check that no forecast changes with what comes after it."""
    pipeline = served.pipeline
    warm = pipeline.features.warm_up + pipeline.window
    series = market(pipeline.timeframe, 0.3, _SEED, warm + _KNOWN)
    was = served.forecasts(series).numbers
    seen = Seen()
    for number in range(_FUTURES):
        cut = warm + 97 + number * (_KNOWN - 131) // _FUTURES
        other = Segment(series.open_time_ms, another_future(series.ohlcv, cut, _SEED + number), series.filled)
        now = served.forecasts(other).numbers
        known = cut - warm + 1
        seen += Seen(differing(was[:known], now[:known]), was[:known].size, differing(was[known:], now[known:]))
    return unchanged("another future: forecasts", seen, _FUTURES)


def one_at_a_time(served: Served, market: MakeMarket) -> Check:
    """Check that candles pushed one by one, as live does, give the bits of a whole history."""
    pipeline = served.pipeline
    series = market(pipeline.timeframe, 0.3, _SEED, pipeline.features.warm_up + pipeline.window + _ALONE)
    whole = served.forecasts(series).numbers
    window = Window(pipeline.features, pipeline.window, pipeline.timeframe.ms)
    alone: list[Forecast] = []
    for opened, values in zip(series.open_time_ms.tolist(), series.ohlcv.tolist(), strict=True):
        window.push(Candle(opened, *values))
        if window.ready:
            asked = RequestForecast(opened + pipeline.timeframe.ms, (SYMBOL,), window.rows()[None])
            answer = served.forecaster.forecast(asked)
            alone += answer.forecasts if isinstance(answer, ForecastReady) else ()
    numbers = _numbers(alone)
    changed = differing(whole, numbers)
    detail = f"{numbers.size} values of {len(alone)} forecasts compared"
    blind = "" if len(alone) else "no forecast was made"
    return Check("serving equals history", "values changed", float(changed), 0.0, 0.0, detail, blind=blind)


def white_noise(served: Served, market: MakeMarket) -> Check:
    """Check that the bundle foretells nothing where nothing can be foretold."""
    series = market(served.pipeline.timeframe, 0.0, _SEED, _JUDGED)
    told = served.forecasts(series)
    return no_skill("white noise, served", told.p_up[:-1], told.next_return[:-1], "independent returns")


def planted_edge(served: Served, market: MakeMarket, theory: float) -> Iterator[Check]:
    """Check a bundle that was made for a planted edge on fresh candles with just that edge."""
    rho = sin(np.pi * (theory - 0.5))
    told = served.forecasts(market(served.pipeline.timeframe, rho, _SEED, _JUDGED))
    p_up, came = told.p_up[:-1], told.next_return[:-1]
    yield found_at_its_rate("planted AR(1), served", p_up, came, planted_hit_rate(rho))
    yield leak_rule("leak rule, fresh candles", p_up, came, theory)


def recorded_folds(served: Served) -> Check | None:
    """Check that purge and embargo lay between training and validation; None where the bundle does not tell."""
    fold: dict[str, Any] | None = served.bundle.metrics.get("training", {}).get("fold")
    if fold is None:
        return None
    step = served.pipeline.timeframe.ms
    gap = (fold["validation"]["from_ms"] - fold["train"]["until_ms"]) / step
    needed = gap_between(served.pipeline.window, served.pipeline.rule.horizon, step) / step
    stated = served.bundle.data.trained_until_ms >= fold["validation"]["until_ms"]
    detail = "between training and validation; the stated span " + ("covers both" if stated else "is too short")
    blind = "" if stated else "the bundle says that it has seen less than it has"
    return Check("recorded purge and embargo", "candles", float(gap), needed, None, detail, blind=blind)


def _numbers(forecasts: list[Forecast]) -> NDArray[np.float64]:
    told = [(one.p_up, one.expected_return, one.lower, one.upper) for one in forecasts]
    return np.array(told, dtype=np.float64).reshape(-1, 4)
