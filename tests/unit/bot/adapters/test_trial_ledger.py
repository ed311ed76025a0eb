"""The ledger of trials: what is drawn, who has what, and what a broken process leaves behind."""

from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from bot.adapters import trial_ledger
from bot.adapters.trial_claims import Claims
from bot.adapters.trial_ledger import JOURNAL, MOST_ATTEMPTS, ClaimLost, RunningTrial, TrialLedger
from bot.adapters.trial_records import FoldRecord
from bot.core.errors import StorageError

SPACE = {
    "rate": FloatDistribution(1e-3, 1.0, log=True),
    "width": IntDistribution(8, 64, step=8),
    "window": CategoricalDistribution((20, 40)),
    "sees": CategoricalDistribution((True, False)),
}
FIRST = {"rate": 0.1, "width": 16, "window": 40, "sees": True}
OUTPUTS = np.zeros((4, 2), dtype=np.float32)


def draw(number: int, what: str) -> int:
    return 1_000 * number + sum(map(ord, what))


def ledger_in(folder: Path, **options: Any) -> TrialLedger:
    return TrialLedger(folder, SPACE, FIRST, draw, **options)


def taken(ledger: TrialLedger, wanted: int = 99) -> RunningTrial:
    trial = ledger.claim(wanted)
    assert trial is not None
    return trial


def record(trial: RunningTrial, loss: float) -> None:
    trial.record(FoldRecord(loss, 1.5, 10, 7), OUTPUTS, {"keras": "3"})


def finish(trial: RunningTrial) -> None:
    """A loss with its minimum inside the space."""
    values = trial.parameters
    record(trial, abs(log10(values["rate"]) + 1.5) + abs(values["width"] - 40) / 40 + values["sees"])
    trial.end()
    trial.let_go()


def drawn(folder: Path, trials: int, lost: int | None = None) -> list[dict[str, Any]]:
    ledger = ledger_in(folder)
    for number in range(trials):
        if number == lost:
            taken(ledger, trials).let_go()
        finish(taken(ledger, trials))
    assert ledger.claim(trials) is None
    assert ledger.is_done(trials)
    return [one.parameters for one in ledger.records()]


def test_a_study_is_drawn_again_to_the_last_value_whoever_was_lost_meanwhile(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    parameters = drawn(tmp_path / "one", 14)

    assert parameters == drawn(tmp_path / "two", 14, lost=12)
    assert parameters[0] == FIRST
    assert len({str(values) for values in parameters}) == 14


@pytest.mark.parametrize("number", [3, 12])
def test_a_trial_that_was_half_drawn_is_drawn_to_its_end_as_it_would_have_been(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    ledger = ledger_in(tmp_path / "two")
    for _ in range(number):
        finish(taken(ledger))
    suggest = trial_ledger._suggest

    def torn(trial: Any, name: str, distribution: BaseDistribution) -> None:
        if name == "window":
            raise KeyboardInterrupt
        suggest(trial, name, distribution)

    with monkeypatch.context() as patch:
        patch.setattr(trial_ledger, "_suggest", torn)
        with pytest.raises(KeyboardInterrupt):
            ledger.claim(99)
    assert set(ledger.records()[number].parameters) == {"rate", "width"}

    again = TrialLedger(tmp_path / "two", SPACE, FIRST, draw, claims=Claims(tmp_path / "fresh"))
    assert taken(again).parameters == drawn(tmp_path / "one", number + 1)[number]


def test_what_a_trial_did_is_kept_and_read_back(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    trial = taken(ledger)
    trial.record(FoldRecord(1.0, 2.5, 10, 7), OUTPUTS + 3, {"keras": "3"})
    record(trial, 2.0)
    trial.end()
    trial.let_go()

    (kept,) = ledger_in(tmp_path).records()
    assert (kept.number, kept.state, kept.loss, kept.attempts) == (0, "complete", 1.5, 1)
    assert kept.folds == (FoldRecord(1.0, 2.5, 10, 7), FoldRecord(2.0, 1.5, 10, 7))
    assert kept.seconds == 4.0
    assert kept.versions == {"keras": "3"}
    np.testing.assert_array_equal(ledger.outputs(0, 0), OUTPUTS + 3)


def test_a_trial_that_is_let_go_is_taken_up_after_the_folds_that_were_done(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    trial = taken(ledger)
    record(trial, 1.0)
    trial.let_go()

    again = taken(ledger_in(tmp_path))

    assert (again.number, again.folds_done) == (0, 1)
    assert not ledger.is_done(1)


def test_a_trial_in_other_hands_is_left_alone(tmp_path: Path) -> None:
    one, two = ledger_in(tmp_path), ledger_in(tmp_path)

    assert taken(one, 1).number == 0
    assert two.claim(1) is None
    assert taken(two, 2).number == 1


def test_who_was_replaced_cannot_write_any_more(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    trial = taken(ledger)
    Claims(tmp_path / "claims").take("trial-0000")

    with pytest.raises(ClaimLost, match="trial 0 was taken over"):
        record(trial, 1.0)
    with pytest.raises(ClaimLost):
        trial.fail("no reason")
    assert ledger.records()[0].state == "running"


def test_a_trial_that_costs_every_process_its_life_is_given_up(tmp_path: Path) -> None:
    for _ in range(MOST_ATTEMPTS):
        taken(ledger_in(tmp_path)).let_go()

    assert taken(ledger_in(tmp_path)).number == 1
    given_up = ledger_in(tmp_path).records()[0]
    assert (given_up.state, given_up.attempts) == ("failed", MOST_ATTEMPTS)
    assert given_up.reason == "3 processes were lost while they worked on it"


def test_a_line_that_was_not_written_to_its_end_is_cut_off(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    finish(taken(ledger))
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":4,"wor')

    finish(taken(ledger))

    assert [one.state for one in ledger_in(tmp_path).records()] == ["complete", "complete"]


def test_a_damaged_journal_and_missing_outputs_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"trial-0000-fold-2\.npy cannot be read"):
        ledger_in(tmp_path).outputs(0, 2)
    (tmp_path / JOURNAL).write_bytes(b"nonsense\n{}\n")

    with pytest.raises(StorageError, match=r"trials\.jsonl is damaged"):
        ledger_in(tmp_path)


def test_what_decides_the_loss_is_said_once_there_are_trials_enough(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    assert ledger.importances() == {}
    for _ in range(12):
        finish(taken(ledger))

    shares = ledger.importances()

    assert set(shares) == set(SPACE)
    assert sum(shares.values()) == pytest.approx(1.0)
