"""
What may be chosen: the values that each part of a configuration can take, and the way from such values to one.

The default configuration is a point of the space, so that a study can begin with it. Knows no data and no network;
the distributions are Optuna's, as plain descriptions.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec.structs import replace
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from bot.core.errors import ConfigError
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.configuration import Configuration

WINDOWS: Final = (20, 40, 60, 80)
"""With the warm-up of the shipped features the longest needs 720 bars, which a venue gives in one answer."""

DEFAULT_WINDOW: Final = 60

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "candle": ("body", "upper_wick", "lower_wick", "true_range"),
    "activity": ("volatility_ratio", "turnover_z", "turnover_trend"),
    "momentum": ("rsi", "macd", "macd_histogram", "trend_distance"),
    "channels": ("mean_distance", "bollinger", "donchian"),
    "calendar": ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos"),
    "level": ("log_sigma",),
}
"""Columns of the shipped features that come and go together; the returns are in no group, and always seen."""

_FITTED_SHAPES: Final = {
    "CNN-LSTM": ("filters", "first_kernel", "second_kernel", "lstm_units", "dense_units", "dropout"),
    "CNN-LSTM, textbook": ("filters", "first_kernel", "second_kernel", "lstm_units", "dense_units", "dropout"),
    "CNN": ("filters", "first_kernel", "second_kernel", "dense_units", "dropout"),
    "LSTM": ("lstm_units", "dense_units", "dropout"),
    "GRU": ("lstm_units", "dense_units", "dropout"),
    "DLinear": (),
}
"""The parts of an `Architecture` that each kind of network reads, beside window, noise, l2 and features."""

KINDS: Final = tuple(_FITTED_SHAPES)

_FITTED_PLANS: Final = ("learning_rate", "batch", "epochs")
"""The parts of a `Plan` that are chosen."""

_SHAPES: Final[Mapping[str, BaseDistribution]] = {
    "filters": IntDistribution(8, 48, step=8),
    "first_kernel": IntDistribution(2, 7),
    "second_kernel": IntDistribution(2, 7),
    "lstm_units": IntDistribution(8, 64, step=8),
    "dense_units": IntDistribution(8, 48, step=8),
    "dropout": FloatDistribution(0.0, 0.6),
}

Parameters = Mapping[str, Any]
"""One value of each dimension, by name: a number or a truth."""


def search_space(kind: str) -> dict[str, BaseDistribution]:
    """
    Give the dimensions for a kind of network, by name, in the order in which they are drawn.

    Raises:
        ConfigError: There is no such kind.
    """
    if kind not in _FITTED_SHAPES:
        raise ConfigError(f"there is no network {kind}: choose of {', '.join(KINDS)}")
    return {
        "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
        "batch": CategoricalDistribution((64, 128, 256)),
        "epochs": IntDistribution(4, 20),
        "window": CategoricalDistribution(WINDOWS),
        **{name: _SHAPES[name] for name in _FITTED_SHAPES[kind]},
        "noise": FloatDistribution(0.0, 0.2),
        "l2": FloatDistribution(1e-6, 1e-2, log=True),
        **{f"sees_{group}": CategoricalDistribution((True, False)) for group in GROUPS},
    }


def default_configuration(kind: str, features: FeatureSet) -> Configuration:
    """Give what is trained where nobody chooses; its seed says nothing."""
    return Configuration(Architecture(DEFAULT_WINDOW, len(features.names), kind=kind))


def parameters_of(configuration: Configuration, features: FeatureSet) -> dict[str, Any]:
    """Give the point of the space at which a configuration lies."""
    shape = configuration.architecture
    seen = {name for column, name in enumerate(features.names) if column not in shape.muted}
    everything = {
        **{name: getattr(configuration.plan, name) for name in _FITTED_PLANS},
        "window": shape.window,
        "filters": shape.filters,
        "first_kernel": shape.kernels[0],
        "second_kernel": shape.kernels[1],
        "lstm_units": shape.lstm_units,
        "dense_units": shape.dense_units,
        "dropout": shape.dropout,
        "noise": shape.noise,
        "l2": shape.l2,
        **{f"sees_{group}": seen >= set(names) for group, names in GROUPS.items()},
    }
    return {name: everything[name] for name in search_space(shape.kind)}


def configured(parameters: Parameters, kind: str, features: FeatureSet, seed: int) -> Configuration:
    """
    Give the configuration at a point of the space.

    Args:
        parameters: One value of every dimension of `search_space(kind)`.
        kind: Of the network.
        features: What there is to be seen of a candle.
        seed: Of the fit.
    """
    default = default_configuration(kind, features)
    shape = {name: parameters[name] for name in ("window", "noise", "l2")}
    shape |= {name: parameters[name] for name in _FITTED_SHAPES[kind] if not name.endswith("_kernel")}
    if "first_kernel" in parameters:
        shape["kernels"] = (parameters["first_kernel"], parameters["second_kernel"])
    hidden = {name for group, names in GROUPS.items() if not parameters[f"sees_{group}"] for name in names}
    muted = tuple(column for column, name in enumerate(features.names) if name in hidden)
    return Configuration(
        replace(default.architecture, muted=muted, **shape),
        replace(default.plan, seed=seed, **{name: parameters[name] for name in _FITTED_PLANS}),
    )


def seed_of(study_seed: int, trial: int, what: str = "") -> int:
    """Give the seed of a trial, 31 bits: the same in every process and on every machine."""
    digest = sha256(f"{study_seed}\0{trial}\0{what}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
