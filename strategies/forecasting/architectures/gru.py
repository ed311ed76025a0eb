"""
The GRU: a memory with two gates where an LSTM has three, and a quarter fewer weights.

Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP. This module imports TensorFlow;
only training does.
"""

from strategies.forecasting.architectures.ends import way_in, way_out
from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers = keras.layers


def build_network(shape: Architecture) -> keras.Model:
    """Build the network: scaled windows `(B, T, F)` in, `(B, 2)` out: mean in units of σ, logit of "up"."""
    l2 = keras.regularizers.L2(shape.l2)
    window, noisy = way_in(shape)  # (B, T, F)
    memory = layers.GRU(shape.lstm_units, kernel_regularizer=l2)(noisy)  # (B, lstm)
    return way_out(shape, window, memory)  # (B, 2)
