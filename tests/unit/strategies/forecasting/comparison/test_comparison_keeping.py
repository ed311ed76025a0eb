from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.errors import StorageError
from strategies.forecasting.comparison.fitting import FitTask, Fitted
from strategies.forecasting.comparison.keeping import Shelf
from strategies.forecasting.comparison.question import Question
from strategies.forecasting.evaluation import Learnt, Scored
from strategies.forecasting.folds import Fold, Span
from strategies.forecasting.plan import Plan

TASK = FitTask(
    "CNN", "d" * 64, Fold(Span(0, 1), Span(2, 3), Span(4, 5)), None, Plan(), exported=False, made_with=("a 1",)
)


def fitted() -> Fitted:
    numbers = np.random.default_rng(1).normal(size=(7, 4))
    scored = Scored(*numbers.T[[0, 1, 2, 3, 0, 1, 2]])
    return Fitted(Learnt(scored, numbers[:, :2], numbers[:3, :2], 12), 1.5, 3, 2, b"graph", "an objection")


def test_a_fit_comes_back_to_the_bit(tmp_path: Path) -> None:
    shelf, made = Shelf(tmp_path / "fits"), fitted()
    assert not shelf.has("one")
    shelf.keep("one", made)
    found = shelf.fitted("one")

    assert found is not None
    for name in Scored.__struct_fields__:
        np.testing.assert_array_equal(getattr(found.learnt.scored, name), getattr(made.learnt.scored, name))
    np.testing.assert_array_equal(found.learnt.before, made.learnt.before)
    assert (found.seconds, found.epochs, found.best_epoch, found.graph, found.objection) == (
        *(1.5, 3, 2),
        b"graph",
        "an objection",
    )
    assert found.learnt.parameters == 12


@pytest.mark.parametrize("left", [0, 40, -30])
def test_a_torn_fit_is_none(tmp_path: Path, left: int) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep("one", fitted())
    path = tmp_path / "fit-one.npz"
    path.write_bytes(path.read_bytes()[:left])

    assert not shelf.has("one")


def test_a_data_set_comes_back_and_a_missing_one_is_named(question_of: Callable[..., Question], tmp_path: Path) -> None:
    dataset = question_of(np.random.default_rng(1).normal(0.0, 0.01, 2_000)).dataset
    shelf = Shelf(tmp_path)
    shelf.keep_dataset("made", dataset)
    found = shelf.dataset("made")

    assert (found.window, found.horizon, found.names) == (dataset.window, dataset.horizon, dataset.names)
    np.testing.assert_array_equal(found.rows, dataset.rows)
    np.testing.assert_array_equal(found.ends, dataset.ends)
    with pytest.raises(StorageError, match="other"):
        shelf.dataset("other")


def test_the_address_of_a_task_depends_on_all_of_it() -> None:
    others = [
        replace(TASK, row="GRU"),
        replace(TASK, data="e" * 64),
        replace(TASK, plan=Plan(seed=8)),
        replace(TASK, exported=True),
        replace(TASK, made_with=("a 2",)),
    ]

    assert len({task.address for task in (TASK, *others)}) == 6
    assert msgspec.json.decode(msgspec.json.encode(TASK), type=FitTask).address == TASK.address
