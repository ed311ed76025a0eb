"""The watch over a run's model: one drift monitor a market, and the end of the model's life."""

from bot.adapters.model_records import Life
from bot.adapters.model_scores import Truth
from bot.adapters.model_watch import ModelWatch
from bot.core.forecast import Doubt
from strategies.forecasting.bundle import Bundle
from strategies.forecasting.drift import Drift, DriftMonitor
from strategies.forecasting.drift_levels import DriftLimits
from strategies.forecasting.drift_reference import band_of


def watch_model(bundle: Bundle, life: Life | None, limits: DriftLimits | None = None) -> ModelWatch[Drift]:
    """
    Make the watch over a run's model.

    Args:
        bundle: The model; what it is used to, and how good it was on unseen candles, is in there.
        life: How long it may be used.
        limits: When to worry.

    Returns:
        A watch whose doubts are of one market, or of all where the symbol is empty.
    """
    band = band_of(bundle.metrics)
    monitors: dict[str, DriftMonitor] = {}

    def judge(truth: Truth) -> Drift | None:
        monitor = monitors.get(truth.forecast.symbol)
        if monitor is None:
            monitor = monitors[truth.forecast.symbol] = DriftMonitor(bundle.habits, band, limits)
        return monitor.observe(truth.at_ms, truth.forecast, truth.outcome, truth.row)

    return ModelWatch(judge, life, lambda at_ms, reason: Drift(at_ms, "", Doubt.STOP, reason))
