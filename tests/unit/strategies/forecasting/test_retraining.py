"""When a model is trained again, and fits that are not made twice."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import Struct

from bot.core.errors import ConfigError
from strategies.forecasting.evaluation import Scored
from strategies.forecasting.retraining import Schedule, remembering, schedule_of

DAY_MS = 86_400_000


class MadeDataset(Struct, frozen=True, eq=False):
    window: int
    rows: Any


class MadeTask(Struct, frozen=True, eq=False):
    """What stands for a fit: like a `Task`, and decided by the same things."""

    plan: int
    dataset: MadeDataset


def result(number: int) -> Scored:
    column = np.random.default_rng(number).standard_normal(5)
    return Scored(*(column + at for at in range(7)))


class Runner:
    """Runs tasks one after the other, counts them, and dies when it is told to."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.ran: list[int] = []
        self._dies_after = dies_after

    def __call__(self, run_task: Callable[[Any], Scored], tasks: Iterable[Any]) -> Iterator[Scored]:
        for task in tasks:
            if len(self.ran) == self._dies_after:
                raise KeyboardInterrupt
            self.ran.append(task.plan)
            yield run_task(task)


DATASET = MadeDataset(60, np.arange(12.0).reshape(6, 2))


def fits(folder: Path, runner: Runner, plans: range = range(4), dataset: MadeDataset = DATASET) -> list[Scored]:
    run: Any = remembering(runner, folder)
    return list(run(lambda task: result(task.plan), [MadeTask(plan, dataset) for plan in plans]))


def same(one: list[Scored], other: list[Scored]) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one, other, strict=True)
        for name in Scored.__struct_fields__
    )


def test_fits_that_were_finished_before_a_death_are_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fits(tmp_path, Runner(dies_after=2))
    second = Runner()

    found = fits(tmp_path, second)

    assert second.ran == [2, 3]
    assert same(found, [result(plan) for plan in range(4)])


def test_a_kept_result_has_the_bits_of_the_fit(tmp_path: Path) -> None:
    first, again = fits(tmp_path, Runner()), fits(tmp_path, Runner(dies_after=0))

    assert same(first, again)


def test_a_result_that_is_torn_is_made_again(tmp_path: Path) -> None:
    fits(tmp_path, Runner())
    torn = min(tmp_path.glob("*.npz"))
    torn.write_bytes(torn.read_bytes()[:-30])
    second = Runner()

    found = fits(tmp_path, second)

    assert len(second.ran) == 1
    assert same(found, [result(plan) for plan in range(4)])


def test_a_draft_counts_for_nothing(tmp_path: Path) -> None:
    fits(tmp_path, Runner())
    for path in tmp_path.glob("*.npz"):
        path.rename(path.with_suffix(".draft"))
    second = Runner()

    fits(tmp_path, second)

    assert second.ran == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [MadeDataset(60, DATASET.rows + 1e-12), MadeDataset(61, DATASET.rows), MadeDataset(60, DATASET.rows.reshape(2, 6))],
)
def test_other_data_is_another_fit(tmp_path: Path, other: MadeDataset) -> None:
    fits(tmp_path, Runner())
    second = Runner()

    fits(tmp_path, second, dataset=other)

    assert second.ran == [0, 1, 2, 3]


def ms(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(("words", "days"), [("daily", 1), ("weekly", 7), ("12d", 12)])
def test_a_schedule_adds_its_days(words: str, days: int) -> None:
    schedule = schedule_of(words, lambda text: int(text.removesuffix("d")) * DAY_MS)

    assert schedule.next_ms(ms(2024, 2, 27, 6)) == ms(2024, 2, 27, 6) + days * DAY_MS


@pytest.mark.parametrize(
    ("last", "following"),
    [
        ((2024, 1, 15, 6), (2024, 2, 15, 6)),
        ((2024, 12, 15), (2025, 1, 15)),
        ((2024, 1, 31), (2024, 2, 29)),
        ((2023, 1, 31), (2023, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_one(last: tuple[int, ...], following: tuple[int, ...]) -> None:
    assert Schedule(None).next_ms(ms(*last)) == ms(*following)


def test_a_schedule_without_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="write daily, weekly, monthly or 7d"):
        schedule_of("0d", lambda text: 0)
