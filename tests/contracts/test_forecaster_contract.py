"""What every `Forecaster` keeps to: the shipped bundles, and whatever stands in for a model elsewhere."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.adapters.model_runtime import OnnxRuntime
from bot.core.commands import RequestForecast
from bot.core.events import ForecastFailed, ForecastReady
from bot.core.ports import Forecaster
from strategies.forecasting.bundle import load_bundle, sliding_windows
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.history_forecaster import FeatureHistory, HistoryForecaster
from strategies.forecasting.serving import BundleForecaster

BUNDLES = Path(__file__).parents[2] / "strategies/forecasting/bundles"
HOUR_MS = 3_600_000
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def shipped(name: str) -> BundleForecaster:
    bundle = load_bundle(BUNDLES / name, SHIPPED)
    return BundleForecaster(bundle, OnnxRuntime(bundle.graph))


def reference() -> Forecaster:
    return shipped("reference-btc-1h")


def demo() -> Forecaster:
    return shipped("demo")


def history() -> Forecaster:
    times = HOUR_MS * np.arange(len(rows()), dtype=np.int64)
    return HistoryForecaster(shipped("demo"), {one: [FeatureHistory(times, rows())] for one in SYMBOLS}, HOUR_MS)


def rows() -> NDArray[np.float32]:
    """Rows of the size that the demo's network is used to."""
    return load_bundle(BUNDLES / "demo", SHIPPED).vectors.rows


def request_at(end: int, symbols: tuple[str, ...] = SYMBOLS) -> RequestForecast:
    """Ask with the window that ends with row `end`, at the close of that row's candle."""
    window = rows()[end - 59 : end + 1]
    return RequestForecast((end + 1) * HOUR_MS, symbols, np.stack([window] * len(symbols)))


@pytest.fixture(params=[reference, demo, history])
def forecaster(request: pytest.FixtureRequest) -> Forecaster:
    make: Callable[[], Forecaster] = request.param
    return make()


def answered(answer: ForecastReady | ForecastFailed) -> ForecastReady:
    assert isinstance(answer, ForecastReady)
    return answer


def test_it_has_a_name_with_the_first_digits_of_a_fingerprint(forecaster: Forecaster) -> None:
    name, _, digits = forecaster.name.partition("@")

    assert name
    assert len(digits) == 12
    int(digits, 16)


def test_it_answers_for_the_instant_and_every_symbol_in_order(forecaster: Forecaster) -> None:
    answer = answered(forecaster.forecast(request_at(70)))

    assert answer.at_ms == answer.close_time_ms == 71 * HOUR_MS
    assert tuple(forecast.symbol for forecast in answer.forecasts) == SYMBOLS


def test_what_it_says_hangs_together(forecaster: Forecaster) -> None:
    for forecast in answered(forecaster.forecast(request_at(80))).forecasts:
        assert 0.0 < forecast.p_up < 1.0
        assert (forecast.expected_return > 0.0) == (forecast.p_up > 0.5)
        assert forecast.lower < forecast.expected_return < forecast.upper
        assert forecast.break_even_bps == pytest.approx(1e4 * abs(forecast.expected_return))


def test_the_same_question_has_the_same_answer_alone_or_in_company(forecaster: Forecaster) -> None:
    together = answered(forecaster.forecast(request_at(75))).forecasts
    alone = answered(forecaster.forecast(request_at(75, SYMBOLS[:1]))).forecasts

    assert alone == together[:1]


def test_a_question_about_no_market_has_an_empty_answer(forecaster: Forecaster) -> None:
    empty = RequestForecast(HOUR_MS, (), np.empty((0, 60, len(SHIPPED.names)), dtype=np.float32))

    assert answered(forecaster.forecast(empty)).forecasts == ()


@pytest.mark.parametrize("name", ["reference-btc-1h", "demo"])
def test_a_shipped_bundle_fits_the_shipped_features_and_proves_itself(name: str) -> None:
    shipped(name).prove()


@pytest.mark.parametrize("name", ["reference-btc-1h", "demo"])
def test_a_shipped_bundle_gives_a_history_the_bits_of_single_questions(name: str) -> None:
    forecaster = shipped(name)
    made = rows()
    together = forecaster.forecast_rows("BTC/USDT", made, 59)
    windows = sliding_windows(made, 60)

    for number in range(0, len(windows), 7):
        asked = RequestForecast(0, ("BTC/USDT",), windows[number : number + 1])
        assert answered(forecaster.forecast(asked)).forecasts[0] == together[number]


@pytest.mark.parametrize("name", ["reference-btc-1h", "demo"])
def test_a_shipped_bundle_is_small(name: str) -> None:
    assert sum(file.stat().st_size for file in (BUNDLES / name).iterdir()) < 500_000
