"""
The CNN-LSTM of the textbooks: convolution, pooling, LSTM.

Pooling halves the candles and blurs the last one, and nothing leads around it; it stands here to be compared with the
causal one, which has neither fault. This module imports TensorFlow; only training does.
"""

from typing import Final

from strategies.forecasting.architectures.ends import way_in, way_out
from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers = keras.layers

POOL: Final = 2
"""Candles that become one."""


def build_network(shape: Architecture) -> keras.Model:
    """Build the network: scaled windows `(B, T, F)` in, `(B, 2)` out: mean in units of σ, logit of "up"."""
    l2 = keras.regularizers.L2(shape.l2)
    window, found = way_in(shape)  # (B, T, F)
    for kernel in shape.kernels:
        convolution = layers.Conv1D(shape.filters, kernel, padding="same", activation="relu", kernel_regularizer=l2)
        found = convolution(found)  # (B, T, filters)
    pooled = layers.MaxPooling1D(POOL)(found)  # (B, T / 2, filters)
    memory = layers.LSTM(shape.lstm_units, kernel_regularizer=l2)(pooled)  # (B, lstm)
    return way_out(shape, window, memory)  # (B, 2)
