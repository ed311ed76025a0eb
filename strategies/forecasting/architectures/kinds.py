"""
The networks by name: what a table of them, or a recipe, asks for.

This module imports TensorFlow; only training does.
"""

from collections.abc import Callable
from typing import Final

from bot.core.errors import ConfigError
from strategies.forecasting import networks
from strategies.forecasting.architectures import cnn, cnn_lstm_textbook, dlinear, gru, lstm
from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

BUILDERS: Final[dict[str, Callable[[Architecture], keras.Model]]] = {
    "CNN-LSTM": networks.build_network,
    "CNN-LSTM, textbook": cnn_lstm_textbook.build_network,
    "CNN": cnn.build_network,
    "LSTM": lstm.build_network,
    "GRU": gru.build_network,
    "DLinear": dlinear.build_network,
}


def build_kind(kind: str, shape: Architecture) -> keras.Model:
    """
    Build a network of a kind, scaled windows `(B, T, F)` in, `(B, 2)` out.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in BUILDERS:
        raise ConfigError(f"there is no network {kind}: choose of {', '.join(BUILDERS)}")
    return BUILDERS[kind](shape)
