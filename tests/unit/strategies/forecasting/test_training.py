"""The parts that compute with TensorFlow: one small network is fitted once and looked at from all sides."""

from collections.abc import Callable
from math import asin, pi
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bot.adapters.model_runtime import OnnxRuntime
from bot.core.errors import ConfigError, DataError, ModelError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.architectures.kinds import build_kind
from strategies.forecasting.backend import environment, keras, use_threads
from strategies.forecasting.bundle import Architecture, DataSpan, load_bundle
from strategies.forecasting.course import Course, plan_course
from strategies.forecasting.evaluation import figures
from strategies.forecasting.export import check_graph, export_graph, export_with_objection
from strategies.forecasting.folds import Lengths
from strategies.forecasting.keras_runtime import KerasRuntime
from strategies.forecasting.networks import build_network, joint_loss
from strategies.forecasting.recipe import Recipe, make_bundle
from strategies.forecasting.serving import BundleForecaster
from strategies.forecasting.training import Fit, Plan, fit, weights_sha256
from strategies.forecasting.walk_forward import Task, learn, run_task, walk_forward

HOUR_MS = 3_600_000
WINDOW = 8
RHO = 0.6
SMALL = Architecture(WINDOW, 3, filters=4, kernels=(3, 2), lstm_units=6, dense_units=6)
PLAN = Plan(epochs=3, batch=64, learning_rate=1e-2)


def planted(count: int, rho: float, seed: int) -> np.ndarray:
    """Returns whose neighbours are correlated."""
    random = np.random.default_rng(seed)
    returns = np.empty(count)
    last = 0.0
    for number, shock in enumerate(random.standard_normal(count)):
        last = rho * last + np.sqrt(1.0 - rho * rho) * shock
        returns[number] = 0.01 * last
    return returns


def course(features: FeatureSet, segment_of: Callable[..., Segment], rho: float, seed: int = 1) -> Course:
    return plan_course([segment_of(planted(3_000, rho, seed))], features, WINDOW, HOUR_MS, Lengths(), 1)


def silent(done: int, total: int) -> None:
    """Show nothing."""


def fit_small(planned: Course) -> Fit:
    spans = planned.shipped.train, planned.shipped.validation
    train, validation = (planned.dataset.between(span.from_ms, span.until_ms) for span in spans)
    return fit(SMALL, PLAN, train, validation, silent)


@pytest.fixture(scope="module")
def planned(features: FeatureSet, segment_of: Callable[..., Segment]) -> Course:
    return course(features, segment_of, RHO)


def test_a_planted_edge_is_found_by_every_seed_and_no_more_than_was_planted(planned: Course) -> None:
    best = 0.5 + asin(RHO) / pi
    finished: list[int] = []
    task = Task(SMALL, PLAN, planned.dataset, planned.shipped)
    judged = walk_forward(task, planned.judged_on, (7, 8), best, map, finished.append)

    assert finished == [1, 2]
    assert [fold.seed for fold in judged.folds] == [7, 8]
    assert [fold.figures for fold in judged.folds] == list(judged.pooled)
    for together in judged.pooled:
        assert together.hit_rate_low < best < together.hit_rate_high + 0.03
        assert together.brier < 0.22
        assert together.mae_bps < together.persistence_mae_bps
        assert together.coverage == pytest.approx(0.9, abs=0.06)


def test_white_noise_holds_nothing_to_find(features: FeatureSet, segment_of: Callable[..., Segment]) -> None:
    noise = course(features, segment_of, 0.0, seed=2)
    judged = figures(run_task(Task(SMALL, PLAN, noise.dataset, noise.judged_on[0])))

    assert judged.hit_rate == pytest.approx(0.5, abs=3.0 * 0.5 / judged.moves**0.5)
    assert judged.brier > 0.245


def test_a_bundle_is_made_again_to_the_bit_and_served_alike_by_both_runtimes(
    planned: Course, features: FeatureSet, tmp_path: Path
) -> None:
    data = DataSpan("d" * 64, ("BTC/USDT",), "1h", planned.trained_from_ms, planned.trained_until_ms, 3_001, "made")
    recipe = Recipe("small", features, SMALL, PLAN, planned.shipped, data, 0.7)
    steps: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        steps.append((done, total))

    outcome = make_bundle(recipe, planned.dataset, None, tmp_path / "small", OnnxRuntime, note)

    # The same seed, data and number of threads: the same bits.
    assert outcome.weights_sha256 == weights_sha256(fit_small(planned).weights)
    bundle = load_bundle(tmp_path / "small", features)
    assert bundle.fingerprint == outcome.fingerprint
    assert weights_sha256(bundle.weights) == outcome.weights_sha256 == bundle.metrics["training"]["weights_sha256"]
    assert steps[-1][0] == steps[-1][1]
    exported, rebuilt = OnnxRuntime(bundle.graph), KerasRuntime(bundle.architecture, bundle.weights)
    BundleForecaster(bundle, rebuilt).prove()
    windows = np.random.default_rng(1).standard_normal((64, WINDOW, 3)).astype(np.float32)
    np.testing.assert_allclose(exported(windows), rebuilt(windows), atol=1e-5)


def test_weights_of_another_network_are_refused(planned: Course) -> None:
    weights = tuple(array.astype(np.float32) for array in build_network(SMALL).get_weights())

    with pytest.raises(ModelError, match=r"architecture\.json needs"):
        KerasRuntime(replace(SMALL, lstm_units=7), weights)


def test_no_window_looks_past_its_last_candle() -> None:
    network = build_network(SMALL)
    convolutions = keras.Model(network.input, [layer.output for layer in network.layers if "conv1d" in layer.name])
    window = np.random.default_rng(1).standard_normal((1, WINDOW, 3)).astype(np.float32)
    changed = window.copy()
    changed[0, 5:] = 9.0

    for one, two in zip(convolutions(window), convolutions(changed), strict=True):
        np.testing.assert_array_equal(np.asarray(one)[0, :5], np.asarray(two)[0, :5])


def test_the_loss_is_huber_plus_cross_entropy_and_a_zero_move_has_no_direction() -> None:
    truth = np.array([[0.5], [-3.0], [0.0]])
    answer = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])

    np.testing.assert_allclose(
        np.asarray(joint_loss(truth, answer)),
        [0.125 + np.log1p(np.exp(-2.0)), 2.5 + np.log1p(np.exp(2.0)), 0.0],
        rtol=1e-6,
    )


def test_a_graph_with_a_foreign_operator_is_refused() -> None:
    import onnx

    model = onnx.load_from_string(export_graph(build_network(SMALL)))
    model.graph.node[0].op_type = "Loop"

    with pytest.raises(ModelError, match=r"not allowed: \['Loop'\]"):
        check_graph(model.SerializeToString())


def test_a_graph_without_its_lstm_is_refused() -> None:
    import onnx

    model = onnx.load_from_string(export_graph(build_network(SMALL)))
    kept = [node for node in model.graph.node if node.op_type != "LSTM"]
    del model.graph.node[:]
    model.graph.node.extend(kept)

    with pytest.raises(ModelError, match="no fused LSTM"):
        check_graph(model.SerializeToString())


def test_an_empty_part_is_named(planned: Course) -> None:
    nothing = planned.dataset.between(0, 0)

    with pytest.raises(DataError, match="validation part has no windows"):
        fit(SMALL, PLAN, planned.dataset, nothing, silent)


def test_the_number_of_threads_cannot_change_within_a_process() -> None:
    build_network(SMALL)(np.zeros((1, WINDOW, 3), dtype=np.float32))

    with pytest.raises(ConfigError, match="train in a process of its own"):
        use_threads(7)


def test_the_environment_names_what_decides_the_bits() -> None:
    said = environment(1)

    assert said["threads"] == "1"
    assert {"python", "tensorflow", "keras", "numpy", "xla", "onednn", "cpu"} <= set(said)


def test_a_fit_reports_its_last_step_and_leaves_memories_that_can_be_exported(planned: Course) -> None:
    spans = planned.shipped.train, planned.shipped.validation
    train, validation = (planned.dataset.between(span.from_ms, span.until_ms) for span in spans)
    steps: list[tuple[int, int]] = []
    fitted = fit(SMALL, replace(PLAN, epochs=1), train, validation, lambda *step: steps.append(step))

    assert steps[-1][0] == steps[-1][1]
    # Laid out step by step while it learnt, and rolled up again afterwards.
    assert not any(getattr(layer, "unroll", False) for layer in fitted.network.layers)
    check_graph(export_graph(fitted.network))


@pytest.mark.parametrize("kind", ["CNN", "CNN-LSTM, textbook", "DLinear"])
def test_other_kinds_are_exported_as_plain_arithmetic_and_served_alike(kind: str) -> None:
    network = build_kind(kind, replace(SMALL, kind=kind))
    run = OnnxRuntime(export_graph(network))
    windows = np.random.default_rng(1).standard_normal((8, WINDOW, 3)).astype(np.float32)

    np.testing.assert_allclose(run(windows), network.predict_on_batch(windows), atol=1e-5)


def test_a_gru_is_exported_with_the_objection_that_it_loops() -> None:
    graph, objection = export_with_objection(build_kind("GRU", replace(SMALL, kind="GRU")))

    assert "Loop" in objection
    assert OnnxRuntime(graph)(np.zeros((1, WINDOW, 3), dtype=np.float32)).shape == (1, 2)


def test_the_kind_of_the_architecture_is_what_is_fitted(planned: Course) -> None:
    task = Task(replace(SMALL, kind="DLinear"), replace(PLAN, epochs=1), planned.dataset, planned.judged_on[0])
    learnt, fitted = learn(task)

    assert learnt.parameters == build_kind("DLinear", SMALL).count_params()
    assert not any(isinstance(layer, keras.layers.RNN) for layer in fitted.network.layers)
    assert len(learnt.after) == len(learnt.scored.p_up)
