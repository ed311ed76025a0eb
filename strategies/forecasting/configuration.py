"""
A way of training as values: what a study chooses, and what a recipe file tells `candlewick train`.

Needs no TensorFlow, so that who chooses, writes or reads need not import it.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bot.core.errors import ConfigError
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.plan import Plan

RECIPE_FORMAT: Final = 1


class Configuration(Struct, frozen=True):
    """The shape of a network, and how it is fitted."""

    architecture: Architecture
    plan: Plan = Plan()


class RecipeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A configuration on the disk, with the features that it is made for, and where it comes from in words.

    The columns that it mutes are told by name as well, for who reads it.
    """

    format: int
    features: str
    features_version: str
    kept_from_network: tuple[str, ...]
    configuration: Configuration
    remark: str


def recipe_text(configuration: Configuration, features: FeatureSet, remark: str) -> bytes:
    """Give a recipe file's bytes: the same for the same configuration."""
    kept = tuple(features.names[column] for column in configuration.architecture.muted)
    recipe = RecipeFile(RECIPE_FORMAT, features.name, features.version, kept, configuration, remark)
    return msgspec.json.format(msgspec.json.encode(recipe), indent=2) + b"\n"


def read_recipe(path: Path, features: FeatureSet) -> RecipeFile:
    """
    Read a recipe file.

    Args:
        path: Where it is.
        features: What the network is going to see.

    Raises:
        ConfigError: It cannot be read, or is made for other features; the message says what differs.
    """
    try:
        recipe = msgspec.json.decode(path.read_bytes(), type=RecipeFile)
    except OSError as error:
        raise ConfigError(f"the recipe {path} cannot be read: {error.strerror}; name another file") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a recipe: {error}; `candlewick tune` writes one") from None
    if recipe.format != RECIPE_FORMAT:
        raise ConfigError(f"the recipe {path} has format {recipe.format}, this version reads {RECIPE_FORMAT}")
    columns = len(features.names)
    if (recipe.features, recipe.features_version) != (features.name, features.version):
        raise ConfigError(
            f"the recipe {path} is made for features {recipe.features} {recipe.features_version[:12]}, these are "
            f"{features.name} {features.version[:12]}: tune again"
        )
    shape = recipe.configuration.architecture
    if shape.features != columns or not set(shape.muted) <= set(range(columns)):
        raise ConfigError(f"the recipe {path} names columns that the {columns} features do not have: tune again")
    return recipe
