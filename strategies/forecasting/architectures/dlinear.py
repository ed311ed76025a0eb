"""
DLinear: a moving average and what is left of it, each weighed candle by candle; the linear rival of every deep net.

Zeng et al. (2023), "Are Transformers Effective for Time Series Forecasting?", AAAI 37, with weights of each column's
own. Their sums go through the head that all networks share. This module imports TensorFlow; only training does.
"""

from typing import Final

from strategies.forecasting.architectures.ends import way_in, way_out
from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers = keras.layers

TREND: Final = 25
"""Candles in the moving average: the paper's."""


def build_network(shape: Architecture) -> keras.Model:
    """Build the network: scaled windows `(B, T, F)` in, `(B, 2)` out: mean in units of σ, logit of "up"."""
    l2 = keras.regularizers.L2(shape.l2)
    window, noisy = way_in(shape)  # (B, T, F)
    # Centred, but within the window, all of which is past; its ends average what there is.
    trend = layers.AveragePooling1D(TREND, strides=1, padding="same")(noisy)  # (B, T, F)
    rest = layers.Subtract()([noisy, trend])  # (B, T, F)
    # A kernel as long as the window has one place to stand: a weight for every candle of every column.
    weighed = [layers.DepthwiseConv1D(shape.window, depthwise_regularizer=l2)(part) for part in (trend, rest)]
    total = layers.Add()(weighed)  # (B, 1, F)
    return way_out(shape, window, total[:, 0, :])  # (B, 2)
