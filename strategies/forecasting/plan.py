"""How to fit a network, as a value: what can be asked for before TensorFlow is there."""

from msgspec import Struct


class Plan(Struct, frozen=True):
    """
    How to fit.

    `patience` is the number of epochs without a better validation loss after which it ends. `scaler` is one of the
    names in `scaling.SCALERS`.
    """

    seed: int = 7
    threads: int = 1
    epochs: int = 10
    batch: int = 128
    learning_rate: float = 3e-3
    patience: int = 3
    scaler: str = "robust"
