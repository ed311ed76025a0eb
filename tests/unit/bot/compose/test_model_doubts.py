"""The watch over a run's model, put together from its bundle."""

import numpy as np
import pytest

from bot.adapters.model_records import Life
from bot.adapters.model_watch import ModelWatch
from bot.compose.model_doubts import watch_model
from bot.core.events import ForecastReady
from bot.core.forecast import Doubt, Forecast
from strategies.forecasting.bundle import Bundle, load_bundle
from strategies.forecasting.drift import Drift
from strategies.forecasting.features import SHIPPED
from tests.command_line import DEMO_BUNDLE
from tests.hourly_bars import BTC, ETH, bar, closed, closes


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(DEMO_BUNDLE, SHIPPED)


def play(watch: ModelWatch[Drift], prices: dict[str, np.ndarray]) -> list[Drift]:
    """Show a watch the closes of some markets, each with a forecast that always says the same."""
    doubts = []
    for number in range(len(prices[BTC])):
        for symbol, closing in prices.items():
            watch.hear(closed(bar(number, float(closing[number])), symbol))
        said = tuple(Forecast(symbol, 0.5, 0.0, -0.02, 0.02, 0.0) for symbol in prices)
        watch.hear(ForecastReady(closes(number), closes(number), said))
        doubts += watch.take()
    return doubts


def path(seed: int, sigma: float, count: int = 500) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(sigma * np.random.default_rng(seed).standard_normal(count)))


def test_markets_are_doubted_one_by_one(bundle: Bundle) -> None:
    doubts = play(watch_model(bundle, None), {BTC: path(1, 0.04), ETH: path(2, 0.011)})

    assert {doubt.symbol for doubt in doubts} == {BTC}
    assert doubts[-1].level is Doubt.STOP


def test_the_end_of_a_models_life_stops_every_market(bundle: Bundle) -> None:
    life = Life(closes(10), "the model has outlived its 60 days")

    doubts = play(watch_model(bundle, life), {BTC: path(3, 0.01, 20)})

    assert doubts == [Drift(closes(10), "", Doubt.STOP, "the model has outlived its 60 days")]
