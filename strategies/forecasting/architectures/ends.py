"""
The two ends that all networks share: the way in, with its noise, and the head that gives the two answers.

One head for all, that of the causal CNN-LSTM, so that a comparison is one of what lies between. This module imports
TensorFlow; only training does.
"""

from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers = keras.layers


def way_in(shape: Architecture) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Give the input, scaled windows `(B, T, F)`, and the same with noise, which training adds and serving does not."""
    window = keras.Input((shape.window, shape.features), name="window")  # (B, T, F)
    return window, layers.GaussianNoise(shape.noise)(window)  # (B, T, F) both


def way_out(shape: Architecture, window: keras.KerasTensor, memory: keras.KerasTensor) -> keras.Model:
    """Close a network: from what it found, `(B, any)`, to `(B, 2)`: mean in units of σ, logit of "up"."""
    l2 = keras.regularizers.L2(shape.l2)
    kept = layers.Dropout(shape.dropout)(memory)  # (B, any)
    hidden = layers.Dense(shape.dense_units, activation="relu", kernel_regularizer=l2)(kept)  # (B, dense)
    return keras.Model(window, layers.Dense(2, name="mean_and_logit")(hidden))  # (B, 2)
