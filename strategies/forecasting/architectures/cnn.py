"""
The CNN: convolutions that look back only, what they find at the end and on average, no memory.

LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", in one dimension and causal. This
module imports TensorFlow; only training does.
"""

from strategies.forecasting.architectures.ends import way_in, way_out
from strategies.forecasting.backend import keras
from strategies.forecasting.bundle import Architecture

layers = keras.layers


def build_network(shape: Architecture) -> keras.Model:
    """Build the network: scaled windows `(B, T, F)` in, `(B, 2)` out: mean in units of σ, logit of "up"."""
    l2 = keras.regularizers.L2(shape.l2)
    window, found = way_in(shape)  # (B, T, F)
    for kernel in shape.kernels:
        convolution = layers.Conv1D(shape.filters, kernel, padding="causal", activation="relu", kernel_regularizer=l2)
        found = convolution(found)  # (B, T, filters)
    usual = layers.GlobalAveragePooling1D()(found)  # (B, filters)
    both = layers.Concatenate()([found[:, -1, :], usual])  # (B, 2 filters)
    return way_out(shape, window, both)  # (B, 2)
