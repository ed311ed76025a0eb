"""
The causal CNN-LSTM: convolutions that look back only, an LSTM over what they found, one head for two answers.

There is no pooling between the convolutions and the LSTM, and two paths lead around them: pooling blurs the last
candle, which holds most of what can be known of the next one. This module imports TensorFlow; only training does.
"""

from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers, ops = keras.layers, keras.ops


def build_network(shape: Architecture) -> keras.Model:
    """
    Build the network: scaled windows `(B, T, F)` in, `(B, 2)` out: mean in units of σ, logit of "up".

    With the default widths and 25 features it has about 16,000 weights.
    """
    l2 = keras.regularizers.L2(shape.l2)
    window = keras.Input((shape.window, shape.features), name="window")  # (B, T, F)
    noisy = layers.GaussianNoise(shape.noise)(window)  # (B, T, F)
    found = noisy
    for kernel in shape.kernels:
        found = layers.Conv1D(shape.filters, kernel, padding="causal", activation="relu", kernel_regularizer=l2)(
            found
        )  # (B, T, filters)
    both = layers.Concatenate()([found, noisy])  # (B, T, filters + F)
    memory = layers.LSTM(shape.lstm_units, kernel_regularizer=l2)(both)  # (B, lstm)
    last = noisy[:, -1, :]  # (B, F)
    joined = layers.Concatenate()([memory, last])  # (B, lstm + F)
    kept = layers.Dropout(shape.dropout)(joined)  # (B, lstm + F)
    hidden = layers.Dense(shape.dense_units, activation="relu", kernel_regularizer=l2)(kept)  # (B, dense)
    return keras.Model(window, layers.Dense(2, name="mean_and_logit")(hidden))  # (B, 2)


def joint_loss(truth: keras.KerasTensor, answer: keras.KerasTensor) -> keras.KerasTensor:
    """
    Huber loss (δ = 1) of the mean plus cross-entropy of the direction, `(B,)`.

    Args:
        truth: `(B, 1)` returns in units of σ. A zero one has no direction and is left out of the cross-entropy.
        answer: `(B, 2)` outputs of the network.
    """
    move = truth[:, 0]  # (B,)
    error = ops.abs(move - answer[:, 0])  # (B,)
    huber = ops.where(error <= 1.0, 0.5 * ops.square(error), error - 0.5)  # (B,)
    # log(1 + exp(-s)) with s > 0 when the logit has the sign of the move.
    direction = ops.sign(move)  # (B,)
    entropy = ops.abs(direction) * ops.softplus(-direction * answer[:, 1])  # (B,)
    return huber + entropy  # (B,)
