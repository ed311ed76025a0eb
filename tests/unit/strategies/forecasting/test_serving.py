import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from bot.core.commands import RequestForecast
from bot.core.errors import ModelError
from bot.core.events import ForecastFailed, ForecastReady
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Bundle, Contents, load_bundle
from strategies.forecasting.calibration import sigmoid
from strategies.forecasting.packing import write_bundle
from strategies.forecasting.serving import BATCHES, BundleForecaster, batches

WINDOW, WIDTH = 8, 3

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@pytest.fixture
def bundle(tmp_path: Path, contents: Contents, features: FeatureSet) -> Bundle:
    write_bundle(tmp_path / "made", "made", contents, lambda folder: None)
    return load_bundle(tmp_path / "made", features)


@pytest.fixture
def forecaster(bundle: Bundle, run: Run) -> BundleForecaster:
    return BundleForecaster(bundle, run)


def history(count: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(8).standard_normal((count, WIDTH)).astype(np.float32)
    rows[:, 2] -= 5.0
    return rows


def ask(windows: NDArray[np.float32]) -> RequestForecast:
    return RequestForecast(7_000, tuple(f"M{number}/USDT" for number in range(len(windows))), windows)


def answered(answer: ForecastReady | ForecastFailed) -> ForecastReady:
    assert isinstance(answer, ForecastReady)
    return answer


def test_it_is_named_after_its_bundle(forecaster: BundleForecaster, bundle: Bundle) -> None:
    assert forecaster.name == f"made@{bundle.fingerprint[:12]}"


def test_every_symbol_is_answered_in_order_for_the_instant_asked_for(forecaster: BundleForecaster) -> None:
    answer = answered(forecaster.forecast(ask(np.stack([history(WINDOW), history(WINDOW)]))))

    assert (answer.at_ms, answer.close_time_ms, answer.latency_ms) == (7_000, 7_000, 0.0)
    assert [forecast.symbol for forecast in answer.forecasts] == ["M0/USDT", "M1/USDT"]


def test_the_return_is_in_the_volatility_of_the_last_row(forecaster: BundleForecaster) -> None:
    calm = history(WINDOW)
    wild = calm.copy()
    wild[-1, 2] += np.float32(np.log(2.0))
    one, two = answered(forecaster.forecast(ask(np.stack([calm, wild])))).forecasts

    # The scaled row changes too, but the stand-in network does not look at the volatility.
    assert two.p_up == one.p_up
    assert two.expected_return == pytest.approx(2.0 * one.expected_return, rel=1e-5)
    assert two.upper - two.lower == pytest.approx(2.0 * (one.upper - one.lower), rel=1e-5)


def test_the_probability_is_the_calibrated_logit(forecaster: BundleForecaster) -> None:
    window = np.zeros((1, WINDOW, WIDTH), dtype=np.float32)
    window[0, -1] = (3.0, 2.0, -4.0)

    # The second column is halved by the scaler: 3 - 2 / 2.
    assert answered(forecaster.forecast(ask(window))).forecasts[0].p_up == sigmoid(2.0)


@given(count=st.integers(0, 500))
def test_batches_cover_everything_once_in_proven_sizes(count: int) -> None:
    cuts = list(batches(count))

    assert [index for start, stop in cuts for index in range(start, stop)] == list(range(count))
    assert all(stop - start in BATCHES for start, stop in cuts)


def test_a_history_gives_the_bits_of_one_question_at_a_time(forecaster: BundleForecaster) -> None:
    rows = history(90)
    together = forecaster.forecast_rows("M0/USDT", rows, WINDOW - 1)
    alone = [
        answered(forecaster.forecast(ask(rows[None, end - WINDOW + 1 : end + 1]))).forecasts[0]
        for end in range(WINDOW - 1, 90)
    ]

    assert together == alone


def test_a_history_can_be_entered_later(forecaster: BundleForecaster) -> None:
    rows = history(50)

    assert forecaster.forecast_rows("X", rows, 20) == forecaster.forecast_rows("X", rows, WINDOW - 1)[20 - WINDOW + 1 :]
    assert forecaster.forecast_rows("X", rows, 50) == []


@pytest.mark.parametrize(("rows", "first_end"), [(np.zeros((20, 2)), 7), (np.zeros((20, 3)), 6), (np.zeros(20), 7)])
def test_a_history_of_another_shape_is_refused(
    forecaster: BundleForecaster, rows: NDArray[np.float32], first_end: int
) -> None:
    with pytest.raises(ModelError, match="reads rows of 3 columns from row 7 on"):
        forecaster.forecast_rows("X", rows.astype(np.float32), first_end)


def test_a_window_of_another_shape_is_refused(forecaster: BundleForecaster) -> None:
    with pytest.raises(ModelError, match=r"reads windows of \(8, 3\)"):
        forecaster.forecast(ask(np.zeros((1, WINDOW + 1, WIDTH), dtype=np.float32)))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_broken_feature_is_a_failure_that_names_the_market(forecaster: BundleForecaster, broken: float) -> None:
    windows = np.stack([history(WINDOW), history(WINDOW)])
    windows[1, 3, 0] = broken
    answer = forecaster.forecast(ask(windows))

    assert answer == ForecastFailed(7_000, 7_000, "the window of M1/USDT holds a feature that is not finite")
    with pytest.raises(ModelError, match="feature row 3 of the history of X is not finite"):
        forecaster.forecast_rows("X", windows[1], WINDOW - 1)


def test_a_broken_answer_is_a_failure_that_names_the_market(bundle: Bundle, run: Run) -> None:
    def break_all(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return run(windows) * np.float32(np.nan)

    answer = BundleForecaster(bundle, break_all).forecast(ask(history(WINDOW)[None]))

    assert answer == ForecastFailed(7_000, 7_000, "the model's answer for M0/USDT is not finite")


def test_a_graph_that_falls_over_is_a_failure_in_its_own_words(bundle: Bundle) -> None:
    def fall_over(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        raise ModelError("a node has failed")

    answer = BundleForecaster(bundle, fall_over).forecast(ask(history(WINDOW)[None]))

    assert answer == ForecastFailed(7_000, 7_000, "a node has failed")


@pytest.mark.parametrize("part", [np.s_[:1], np.s_[:, :1]])
def test_an_answer_is_never_spread_over_others(bundle: Bundle, run: Run, part: slice) -> None:
    model = BundleForecaster(bundle, lambda windows: run(windows)[part])

    answer = model.forecast(ask(np.stack([history(WINDOW), history(WINDOW)])))

    assert isinstance(answer, ForecastFailed)
    assert answer.reason.startswith("the model answered 2 windows with an array of")
    with pytest.raises(ModelError, match="the model answered"):
        model.prove()


def test_a_sound_runtime_proves_itself_at_every_batch_size(bundle: Bundle, run: Run) -> None:
    seen = set()

    def note(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.add(len(windows))
        return run(windows)

    BundleForecaster(bundle, note).prove()

    assert {1, 2, 16, 32} <= seen == set(BATCHES)


@pytest.mark.parametrize("error", [2e-5, np.nan])
def test_a_runtime_that_is_off_is_refused(bundle: Bundle, run: Run, error: float) -> None:
    with pytest.raises(ModelError, match="does not reproduce its test vectors"):
        BundleForecaster(bundle, lambda windows: run(windows) + np.float32(error)).prove()


def test_bits_that_depend_on_the_batch_size_are_refused_and_the_cpu_named(bundle: Bundle, run: Run) -> None:
    with pytest.raises(ModelError, match="other bits at batch 1 than at batch 32 on this CPU"):
        BundleForecaster(bundle, lambda windows: run(windows) + np.float32(1e-6 if len(windows) == 1 else 0)).prove()


def test_a_bundle_without_a_volatility_cannot_forecast(bundle: Bundle, run: Run) -> None:
    columns = replace(bundle.features, names=("change", "body", "other"))

    with pytest.raises(ModelError, match="no column 'log_sigma'"):
        BundleForecaster(replace(bundle, features=columns), run)


def test_serving_imports_nothing_that_is_slow() -> None:
    modules = "strategies.forecasting.serving, strategies.forecasting.bundle, bot.adapters.model_runtime"
    heavy = "{'tensorflow', 'keras', 'onnx', 'pandas', 'pyarrow', 'numba'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
