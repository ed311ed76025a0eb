"""Studies without networks: what is drawn, what is lost and found again, and who does what."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bot.adapters.trial_ledger import TrialLedger
from bot.adapters.trial_records import TrialRecord
from bot.compose.tuning_work import Assignment
from bot.compose.tuning_workers import MOST_LOST, run_workers
from bot.core.errors import DataError, ModelError
from bot.core.gaps import Segment
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold
from strategies.forecasting.tuning_course import FoldAnswer
from strategies.forecasting.tuning_space import default_configuration, parameters_of, search_space, seed_of
from tests.study_stand_in import (
    FOLDS,
    SEED,
    always_killed,
    answer_of_hash,
    assignment_in,
    course_of,
    held,
    killed_once,
    made_candles,
    without_candles,
    work,
)

ROOT = Path(__file__).parents[4]


def told(records: tuple[TrialRecord, ...]) -> list[tuple[object, ...]]:
    """What a study says of its trials, without what a clock or an accident decides."""
    return [
        (one.number, one.state, one.loss, one.parameters, [(fold.loss, fold.epochs) for fold in one.folds])
        for one in records
    ]


def worker(folder: Path, trials: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.study_stand_in", str(folder), str(trials)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def begun_by(process: "subprocess.Popen[str]") -> tuple[int, int]:
    """The fold that a worker has begun: its seed and the first moment of its validation part."""
    assert process.stdout is not None
    seed, moment = process.stdout.readline().split()
    return int(seed), int(moment)


def go_on(process: "subprocess.Popen[str]", folds: int = 1) -> None:
    assert process.stdin is not None
    process.stdin.write(folds * "\n")
    process.stdin.flush()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialRecord, ...]:
    assignment = assignment_in(tmp_path_factory.mktemp("undisturbed"), 7)
    work(assignment, answer_of_hash)
    return assignment.ledger().records()


def test_the_first_trial_is_the_default_and_every_trial_is_kept_with_all_that_it_was(
    undisturbed: tuple[TrialRecord, ...],
) -> None:
    assert [record.number for record in undisturbed] == list(range(7))
    assert undisturbed[0].parameters == parameters_of(default_configuration("CNN-LSTM", SHIPPED), SHIPPED)
    assert len({str(record.parameters) for record in undisturbed}) == 7
    for record in undisturbed:
        assert set(record.parameters) == set(search_space("CNN-LSTM"))
        assert record.versions == {"network": "none"}
        assert record.attempts == 1
        assert record.loss == pytest.approx(np.mean([fold.loss for fold in record.folds]))
        assert record.state == ("complete" if len(record.folds) == FOLDS else "pruned")


def test_a_worker_that_is_killed_loses_one_fold_and_nothing_is_done_or_counted_twice(
    tmp_path: Path, undisturbed: tuple[TrialRecord, ...]
) -> None:
    process = worker(tmp_path, 7)
    seen = []
    for _ in range(FOLDS + 1):
        seen.append(begun_by(process))
        go_on(process)
    lost = begun_by(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert lost[0] == seed_of(SEED, 1, "fit")

    again: list[tuple[int, int]] = []

    def begun(configuration: Configuration, fold: Fold) -> None:
        again.append((configuration.plan.seed, fold.validation.from_ms))

    assignment = assignment_in(tmp_path, 7)
    work(assignment, held(begun))

    assert again[0] == lost
    assert not set(again) & set(seen)
    records = assignment.ledger().records()
    assert told(records) == told(undisturbed)
    assert [record.attempts for record in records] == [1, 2, 1, 1, 1, 1, 1]


def test_two_processes_work_on_one_study_and_share_its_trials(tmp_path: Path) -> None:
    one, two = worker(tmp_path, 4), worker(tmp_path, 4)
    first = begun_by(one), begun_by(two)
    assert first[0][0] != first[1][0]

    for process in (one, two):
        go_on(process, 4 * FOLDS)
    rest = [process.communicate()[0] for process in (one, two)]

    assert one.returncode == two.returncode == 0
    lines = [line for words in rest for line in words.splitlines()]
    assert len({*lines, *(f"{seed} {moment}" for seed, moment in first)}) == len(lines) + 2 == 4 * FOLDS
    records = assignment_in(tmp_path, 4).ledger().records()
    assert [(record.number, record.state) for record in records] == [(number, "complete") for number in range(4)]


def test_more_trials_can_be_asked_for_later_and_are_the_same_as_if_asked_for_at_once(
    tmp_path: Path, undisturbed: tuple[TrialRecord, ...]
) -> None:
    for trials in (3, 7):
        work(assignment_in(tmp_path, trials), answer_of_hash)

    assert told(assignment_in(tmp_path, 7).ledger().records()) == told(undisturbed)


def test_what_lies_in_the_test_parts_changes_nothing_in_any_trial(
    tmp_path: Path, undisturbed: tuple[TrialRecord, ...]
) -> None:
    (honest,) = made_candles()
    clean = course_of([honest])
    poison = honest.ohlcv.copy()
    tested = honest.open_time_ms >= clean.tried_until_ms
    poison[tested, :4] *= np.linspace(1.0, 9.0, int(tested.sum()))[:, None]
    poisoned = course_of([Segment(honest.open_time_ms, poison, honest.filled)])
    assert not np.array_equal(poisoned.whole.next_return, clean.whole.next_return)

    assignment = assignment_in(tmp_path, 7, poisoned)
    work(assignment, answer_of_hash)

    assert told(assignment.ledger().records()) == told(undisturbed)


def test_a_trial_that_loses_more_than_the_median_is_given_up_after_a_fold(tmp_path: Path) -> None:
    assignment = assignment_in(tmp_path, 4)
    space, first = search_space("CNN-LSTM"), parameters_of(default_configuration("CNN-LSTM", SHIPPED), SHIPPED)
    ledger = TrialLedger(tmp_path, space, first, lambda number, what: seed_of(SEED, number, what), startup=2)
    losses = {seed_of(SEED, number, "fit"): loss for number, loss in enumerate((1.0, 1.1, 1.2, 0.9))}

    def answer(configuration: Configuration, dataset: Dataset, fold: Fold) -> FoldAnswer:
        return replace(answer_of_hash(configuration, dataset, fold), loss=losses[configuration.plan.seed])

    work(assignment, answer, ledger)

    assert [record.state for record in ledger.records()] == ["complete", "complete", "pruned", "complete"]
    assert [len(record.folds) for record in ledger.records()] == [FOLDS, FOLDS, 1, FOLDS]
    assert ledger.records()[2].loss == pytest.approx(1.2)


def test_a_trial_that_cannot_be_judged_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    assignment = assignment_in(tmp_path, 3)

    def answer(configuration: Configuration, dataset: Dataset, fold: Fold) -> FoldAnswer:
        if configuration.plan.seed == seed_of(SEED, 1, "fit"):
            raise ModelError("the fit never had a finite validation loss")
        return answer_of_hash(configuration, dataset, fold)

    work(assignment, answer)

    records = assignment.ledger().records()
    assert [record.state for record in records] == ["complete", "failed", "complete"]
    assert records[1].reason == "the fit never had a finite validation loss"


def run(assignment: Assignment, work: object) -> list[str]:
    words: list[str] = []
    run_workers(assignment, 1, lambda done: None, words.append, work)  # type: ignore[arg-type]
    return words


def test_a_worker_that_is_lost_is_replaced(tmp_path: Path) -> None:
    assignment = assignment_in(tmp_path, 2)

    words = run(assignment, killed_once)

    assert words == ["a worker was lost (exit code -9); its trial is taken up again"]
    assert [record.attempts for record in assignment.ledger().records()] == [2, 1]
    assert all(record.state == "complete" for record in assignment.ledger().records())


def test_the_error_of_a_worker_is_the_error_of_the_study(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no candles"):
        run(assignment_in(tmp_path, 2), without_candles)


@pytest.mark.proof
def test_workers_that_never_get_anywhere_end_the_study(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"{MOST_LOST + 1} workers were lost"):
        run(assignment_in(tmp_path, 2), always_killed)
