"""A bundle may carry what its model is used to; one without is what it always was."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import ModelError
from strategies.forecasting.bundle import HABITS, Contents, load_bundle
from strategies.forecasting.drift_reference import Habits, measure_habits
from strategies.forecasting.packing import write_bundle


@pytest.fixture
def habits() -> Habits:
    random = np.random.default_rng(1)
    rows = random.standard_normal((500, 3)).astype(np.float32)
    return measure_habits(("change", "body", "log_sigma"), rows, random.random(500), window=100)


def test_habits_travel_with_the_bundle(tmp_path: Path, contents: Contents, features, habits: Habits) -> None:
    write_bundle(tmp_path / "made", "made", replace(contents, habits=habits), lambda path: None)

    found = load_bundle(tmp_path / "made", features).habits

    assert found == habits
    assert [column.name for column in habits.columns] == ["change", "body", "log_sigma", "p_up"]


def test_a_bundle_without_habits_has_none_and_no_file_of_them(tmp_path: Path, contents: Contents, features) -> None:
    write_bundle(tmp_path / "made", "made", contents, lambda path: None)

    assert load_bundle(tmp_path / "made", features).habits is None
    assert not (tmp_path / "made" / HABITS).exists()


def test_damaged_habits_are_refused(tmp_path: Path, contents: Contents, features, habits: Habits) -> None:
    write_bundle(tmp_path / "made", "made", replace(contents, habits=habits), lambda path: None)
    (tmp_path / "made" / HABITS).write_text("{}")

    with pytest.raises(ModelError, match=r"habits\.json is damaged or foreign"):
        load_bundle(tmp_path / "made", features)


def test_habits_that_were_lost_are_missed(tmp_path: Path, contents: Contents, features, habits: Habits) -> None:
    write_bundle(tmp_path / "made", "made", replace(contents, habits=habits), lambda path: None)
    (tmp_path / "made" / HABITS).unlink()

    with pytest.raises(ModelError, match=r"no readable habits\.json"):
        load_bundle(tmp_path / "made", features)
