"""The networks that stand beside the causal CNN-LSTM: built small, looked at, and pushed a few steps."""

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import ConfigError
from strategies.forecasting.architectures.kinds import BUILDERS, build_kind
from strategies.forecasting.backend import keras, tf, use_threads
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.networks import build_network, joint_loss

SMALL = Architecture(8, 3, filters=4, kernels=(3, 2), lstm_units=6, dense_units=6)
HEAD = ("Dropout", "Dense", "Dense")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    """Leave TensorFlow as every other test wants it: the number of threads is fixed by the first computation."""
    use_threads(1)


def windows(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, SMALL.window, SMALL.features)).astype(np.float32)


def head(network: keras.Model) -> list[dict[str, object]]:
    settings = [layer.get_config() for layer in network.layers[-len(HEAD) :]]
    return [{key: value for key, value in one.items() if key != "name"} for one in settings]


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_network_has_the_input_and_the_head_of_the_causal_one(kind: str) -> None:
    network, shipped = build_kind(kind, SMALL), build_network(SMALL)

    assert network.input_shape == shipped.input_shape == (None, 8, 3)
    assert network.output_shape == shipped.output_shape == (None, 2)
    assert tuple(type(layer).__name__ for layer in network.layers[-3:]) == HEAD
    assert head(network) == head(shipped)
    assert network.layers[-1].name == "mean_and_logit"
    assert [layer.stddev for layer in network.layers if "gaussian" in layer.name] == [SMALL.noise]


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_weight_takes_part_and_noise_and_dropout_are_silent_when_serving(kind: str) -> None:
    keras.utils.set_random_seed(3)
    network = build_kind(kind, SMALL)
    batch = windows(64)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(joint_loss(tf.constant(batch[:, -1:, 0]), network(batch)))
    slopes = tape.gradient(loss, network.trainable_weights)

    assert all(slope is not None and np.abs(np.asarray(slope)).max() > 0.0 for slope in slopes)
    np.testing.assert_array_equal(np.asarray(network(batch)), np.asarray(network(batch)))


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_network_learns_what_the_last_candle_says(kind: str) -> None:
    keras.utils.set_random_seed(4)
    network = build_kind(kind, replace(SMALL, filters=8, dropout=0.0, noise=0.0))
    # Eagerly: tracing would take longer than all the steps.
    network.compile(keras.optimizers.Adam(2e-2), loss=joint_loss, run_eagerly=True)
    batch = windows(96, seed=2)
    # The textbook's pooling blurs the last candle with the one before: both say the same here.
    batch[:, -2] = batch[:, -1]
    truth = batch[:, -1:, 0]
    before = float(np.mean(joint_loss(truth, network.predict_on_batch(batch))))
    for _ in range(30):
        network.train_on_batch(batch, truth)
    answers = network.predict_on_batch(batch)

    assert float(np.mean(joint_loss(truth, answers))) < 0.6 * before
    assert ((answers[:, 1] > 0.0) == (truth[:, 0] > 0.0)).mean() > 0.85


@pytest.mark.parametrize("kind", ["CNN", "CNN-LSTM"])
def test_causal_convolutions_see_nothing_later(kind: str) -> None:
    network = build_kind(kind, SMALL)
    convolutions = keras.Model(network.input, [layer.output for layer in network.layers if "conv1d" in layer.name])
    window = windows(1)
    changed = window.copy()
    changed[0, 5:] = 9.0

    for one, two in zip(convolutions(window), convolutions(changed), strict=True):
        np.testing.assert_array_equal(np.asarray(one)[0, :5], np.asarray(two)[0, :5])


def test_dlinear_adds_up_a_trend_and_the_rest_of_it() -> None:
    network = build_kind("DLinear", SMALL)
    subtract = next(layer for layer in network.layers if "subtract" in layer.name)
    noisy, trend = subtract.input
    window = windows(1)
    parts = keras.Model(network.input, [noisy, trend, subtract.output])(window)
    whole, average, rest = (np.asarray(part) for part in parts)

    # A window shorter than the moving average has one mean for all of it.
    np.testing.assert_allclose(average, np.broadcast_to(window.mean(axis=1, keepdims=True), window.shape), atol=1e-6)
    np.testing.assert_allclose(average + rest, whole, atol=1e-6)


def test_sizes_at_the_default_widths() -> None:
    sizes = {kind: build_kind(kind, Architecture(60, 25)).count_params() for kind in BUILDERS}

    assert sizes == {
        "CNN-LSTM": 16_234,
        "CNN-LSTM, textbook": 12_634,
        "CNN": 5_594,
        "LSTM": 7_986,
        "GRU": 6_226,
        "DLinear": 3_500,
    }


def test_an_unknown_network_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no network transformer: choose of CNN-LSTM"):
        build_kind("transformer", SMALL)
