"""How long a compared row takes to answer for one window: measured where it has a graph, else said to be unknown."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns
from typing import Final

import numpy as np

from bot.adapters.model_runtime import OnnxRuntime
from strategies.forecasting.comparison.fitting import Fitted
from strategies.forecasting.comparison.roster import MEMBERS, NETWORKS
from strategies.forecasting.comparison.table import Entry, Serving
from strategies.forecasting.datasets import Dataset

_WARM_UP: Final = 50
_CALLS: Final = 400

_WITHOUT: Final = {
    "LightGBM": "no graph: it would be answered by LightGBM's own library",
    "ARIMA": "no graph: a filter over the series, by statsmodels",
    "ETS": "no graph: one sum a candle",
    "ridge": "no graph: one product of the last row",
    "logistic": "no graph: one product of the last row",
}


def serving_of(fitted: Fitted, dataset: Dataset) -> Serving:
    """Measure the graph of a fit: the median of many calls with one window, on one thread of ONNX Runtime."""
    run = OnnxRuntime(fitted.graph)
    window = np.ascontiguousarray(dataset.windows(dataset.rows, np.array([0], dtype=np.int64)))  # (1, T, F)
    times = []
    for _ in range(_WARM_UP + _CALLS):
        began = perf_counter_ns()
        run(window)
        times.append(perf_counter_ns() - began)
    how = "ONNX Runtime, one window, one thread, median"
    return Serving(median(times[_WARM_UP:]) / 1e3, f"{how}; no bundle: {fitted.objection}" if fitted.objection else how)


def no_graph(row: str) -> Serving:
    """Say why a row has no figure."""
    return Serving(None, _WITHOUT.get(row, "no graph: a rule of one line"))


def sum_of_members(entries: Sequence[Entry]) -> Serving:
    """What the graphs of all members take one after the other; those without a graph come on top, and are named."""
    members = [entry for entry in entries if entry.row in MEMBERS]
    networks = [entry for entry in members if entry.row in NETWORKS]
    times = [entry.serving.microseconds * len(entry.fits[0]) for entry in networks if entry.serving.microseconds]
    rest = [entry.row for entry in members if entry.row not in NETWORKS]
    graphs = sum(len(entry.fits[0]) for entry in networks)
    note = f"the sum of {graphs} member graphs" + (f"; without {', '.join(rest)}, which have none" if rest else "")
    return Serving(sum(times) if times else None, note if times else "no member has a graph")
