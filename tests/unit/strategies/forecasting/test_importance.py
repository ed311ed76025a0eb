"""What forecasts rest on, of networks of which it is known."""

from collections.abc import Callable

import numpy as np
import pytest

from bot.core.errors import DataError
from bot.core.gaps import Segment
from bot.core.window import FeatureSet
from strategies.forecasting.bundle import Bundle, Contents
from strategies.forecasting.datasets import Dataset, build_dataset
from strategies.forecasting.features import NAMES
from strategies.forecasting.importance import (
    BLOCK,
    GROUPS,
    Explanation,
    Importance,
    _exchanged,
    explain,
    groups_of,
    steps_of,
)
from strategies.forecasting.serving import Run

HOUR_MS = 3_600_000
WINDOW = 8


@pytest.fixture(scope="module")
def dataset(features: FeatureSet, segment_of: Callable[..., Segment]) -> Dataset:
    random = np.random.default_rng(11)
    returns = random.standard_normal(1_500)
    for at in range(1, len(returns)):
        returns[at] = 0.6 * returns[at - 1] + 0.8 * returns[at]
    return build_dataset([segment_of(0.01 * returns)], features, WINDOW, HOUR_MS)


def follows(windows: np.ndarray) -> np.ndarray:
    """Expect that the last move goes on: one column of the last row, and nothing else."""
    return np.repeat(windows[:, -1, :1], 2, axis=1).astype(np.float32)


def told_by(contents: Contents, dataset: Dataset, run: Run = follows, repeats: int = 3) -> Explanation:
    fields = {name: getattr(contents, name) for name in Contents.__struct_fields__}
    bundle = Bundle(name="made", fingerprint="f" * 64, **fields)
    return explain(bundle, run, dataset, ("BTC/USDT",), repeats, lambda done, total: None)


def by_name(parts: tuple[Importance, ...]) -> dict[str, Importance]:
    return {one.part: one for one in parts}


def test_what_a_forecast_rests_on_is_found_and_nothing_else(contents: Contents, dataset: Dataset) -> None:
    told = told_by(contents, dataset)
    groups, steps = by_name(told.groups), by_name(told.steps)

    assert told.wrong < 0.4
    assert told.groups[0].part == "change"
    assert groups["change"].brier.clear
    assert groups["change"].direction.rise == pytest.approx(0.5 - told.wrong, abs=0.05)
    assert steps["0"].brier.rise == pytest.approx(groups["change"].brier.rise, rel=0.2)
    for idle in (groups["candle shape"], groups["volatility"], *(steps[str(back)] for back in range(1, WINDOW))):
        assert (idle.brier.rise, idle.brier.error, idle.direction.rise) == (0.0, 0.0, 0.0)
        assert not idle.brier.clear


def test_a_network_that_knows_nothing_rests_on_nothing_that_can_be_told(contents: Contents, dataset: Dataset) -> None:
    told = told_by(contents, dataset, lambda windows: follows(windows[:, ::-1]))

    assert told.brier > 0.25
    assert not any(one.direction.clear for one in told.groups)


def test_the_same_question_has_the_same_answer(contents: Contents, dataset: Dataset) -> None:
    assert told_by(contents, dataset) == told_by(contents, dataset)


def test_windows_change_places_in_blocks_and_each_is_given_once() -> None:
    donors = _exchanged(1_000, 4)

    assert sorted(donors.tolist()) == list(range(1_000))
    together = ((np.diff(donors) == 1) | (np.diff(donors) == -999)).sum()
    assert together >= 999 - 1_000 // BLOCK - 2
    assert (donors != np.arange(1_000)).mean() > 0.9
    assert _exchanged(1_000, 5).tolist() != donors.tolist()


def test_every_shipped_column_is_in_one_group_and_a_stranger_stands_for_itself() -> None:
    grouped = groups_of((*NAMES, "fear_greed_value"))

    assert set(grouped) == {*GROUPS, "fear_greed_value"}
    assert sorted(place for places in grouped.values() for place in places) == list(range(len(NAMES) + 1))


@pytest.mark.parametrize("window", [8, 12, 60, 64])
def test_every_candle_of_a_window_is_in_one_step(window: int) -> None:
    steps = steps_of(window)

    assert [back for _, backs in steps for back in backs] == list(range(window))
    assert steps[0][0] == "0"


def test_too_few_moves_are_refused(contents: Contents, dataset: Dataset) -> None:
    with pytest.raises(DataError, match="960 are needed"):
        told_by(contents, dataset.between(0, 500 * HOUR_MS))
