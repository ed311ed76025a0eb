"""Recipe files: what is written is what is read, and what cannot be used is refused."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from bot.core.errors import ConfigError
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.configuration import Configuration, read_recipe, recipe_text
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.plan import Plan

CHOSEN = Configuration(
    Architecture(40, 25, filters=8, muted=(20, 24)), Plan(seed=3, epochs=6, batch=64, learning_rate=1e-3)
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.json"
    path.write_bytes(recipe_text(CHOSEN, SHIPPED, "It is not shown to be better."))
    return path


def test_what_is_written_is_read_back(written: Path) -> None:
    recipe = read_recipe(written, SHIPPED)

    assert recipe.configuration == CHOSEN
    assert recipe.remark == "It is not shown to be better."
    assert recipe.kept_from_network == ("hour_sin", "log_sigma")


def test_a_recipe_for_other_features_is_refused(written: Path) -> None:
    with pytest.raises(ConfigError, match=r"is made for features candles-25 .*: tune again"):
        read_recipe(written, replace(SHIPPED, version="another"))


def test_a_recipe_with_columns_that_do_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_bytes(recipe_text(replace(CHOSEN, architecture=Architecture(40, 24)), SHIPPED, ""))

    with pytest.raises(ConfigError, match="names columns that the 25 features do not have"):
        read_recipe(path, SHIPPED)


def test_a_recipe_of_another_format_is_refused(written: Path) -> None:
    told = msgspec.json.decode(written.read_bytes())
    written.write_bytes(msgspec.json.encode(told | {"format": 2}))

    with pytest.raises(ConfigError, match="has format 2, this version reads 1"):
        read_recipe(written, SHIPPED)


@pytest.mark.parametrize("text", [b"{}", b"nonsense", b"\xff", b'{"format": "one"}'])
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "recipe.json"
    path.write_bytes(text)

    with pytest.raises(ConfigError, match="is not a recipe"):
        read_recipe(path, SHIPPED)


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_recipe(tmp_path / "recipe.json", SHIPPED)
