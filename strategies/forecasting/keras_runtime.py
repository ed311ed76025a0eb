"""
Runs a bundle's network in Keras: the reference that the exported graph is proven against.

Built from our own code and the bundle's plain numbers; no file is handed to a Keras loader, which could run code
out of it. This module imports TensorFlow.
"""

import numpy as np
from numpy.typing import NDArray

from bot.core.errors import ModelError
from strategies.forecasting.architectures.kinds import build_kind
from strategies.forecasting.backend import use_threads
from strategies.forecasting.bundle import Architecture


class KerasRuntime:
    """
    A network with given weights, called like a function.

    Args:
        architecture: What to build.
        weights: Its arrays, in the network's own order.

    Raises:
        ModelError: The arrays do not fit the architecture.
    """

    def __init__(self, architecture: Architecture, weights: tuple[NDArray[np.float32], ...]) -> None:
        use_threads(1)
        self._network = build_kind(architecture.kind, architecture)
        wanted = [tuple(array.shape) for array in self._network.weights]
        found = [array.shape for array in weights]
        if wanted != found:
            raise ModelError(f"weights.npz holds arrays of {found}, architecture.json needs {wanted}")
        self._network.set_weights(list(weights))

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs `(B, 2)` for scaled windows `(B, T, F)`, one window at a time: Keras's sums depend on the batch."""
        answers = [self._network.predict_on_batch(windows[at : at + 1]) for at in range(len(windows))]
        return np.concatenate(answers).astype(np.float32)
