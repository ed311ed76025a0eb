"""
What a challenger must prove alone: that its graph is the trained network, how fast it is, and that it knows no future.

Invented markets are handed in, so that the embedded exchange stays known to the command line alone.
"""

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np
from msgspec import Struct

from bot.adapters.model_runtime import OnnxRuntime
from bot.core import gate_names as names
from bot.core.commands import RequestForecast
from bot.core.errors import ModelError
from bot.core.market import Timeframe
from strategies.forecasting.audit import Check, MakeMarket, Pipeline
from strategies.forecasting.audit_served import Served, known_forecasts, white_noise
from strategies.forecasting.bundle import Bundle, load_bundle
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.gates import Measured
from strategies.forecasting.serving import BundleForecaster

_ASKED: Final = 200
"""Forecasts whose median says how long one takes."""


class Candidate(Struct, frozen=True, eq=False):
    """A model as it is judged: its bundle, what runs its graph, and what serves it."""

    bundle: Bundle
    run: OnnxRuntime
    forecaster: BundleForecaster

    @staticmethod
    def load(path: Path) -> "Candidate":
        """Load a bundle; that it reproduces its test vectors is a gate's question."""
        bundle = load_bundle(path, SHIPPED)
        run = OnnxRuntime(bundle.graph)
        return Candidate(bundle, run, BundleForecaster(bundle, run))


def proofs(candidate: Candidate, market: MakeMarket) -> dict[str, Measured]:
    """Measure what needs no stored candles, by the name of the gate that asks for it."""
    bundle = candidate.bundle
    pipeline = Pipeline(SHIPPED, bundle.features.window, Timeframe(bundle.data.timeframe))
    served = Served(bundle, candidate.forecaster, pipeline)
    noise, known = white_noise(served, market), known_forecasts(served, market)
    return {
        # The network as it is trained, shown a market in which nothing can be known; that the way of training finds
        # nothing in one is the audit's question.
        names.WHITE_NOISE: Measured(float(noise.held), _said(noise)),
        names.SHUFFLED_FUTURE: Measured(None if known.blind else known.figure, _said(known)),
        names.PARITY: parity(candidate),
        names.LATENCY: latency(candidate),
    }


def parity(candidate: Candidate) -> Measured:
    """How far the served graph lies from the outputs that the training run recorded."""
    vectors = candidate.bundle.vectors
    try:
        candidate.forecaster.prove()
    except ModelError as error:
        return Measured(None, str(error))
    outputs = candidate.run(candidate.bundle.scaler.function()(vectors.windows()))
    return Measured(float(np.abs(outputs - vectors.outputs).max()), f"{len(outputs)} test vectors at every batch size")


def latency(candidate: Candidate) -> Measured:
    """Median time of one forecast, once the first ones have warmed up what can be."""
    window = candidate.bundle.vectors.windows()[:1]
    request = RequestForecast(0, ("BTC/USDT",), window)
    taken = []
    for _ in range(_ASKED):
        began = perf_counter()
        candidate.forecaster.forecast(request)
        taken.append(1e6 * (perf_counter() - began))
    return Measured(median(taken), f"the slowest of {_ASKED} took {max(taken):,.0f} microseconds")


def _said(check: Check) -> str:
    return check.blind or check.detail
