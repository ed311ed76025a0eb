"""A retraining: what a death leaves is found again, and the model in use stays until it is beaten."""

import shutil
from pathlib import Path

import pytest

from bot.adapters.model_records import KeptGate, KeptVerdict, ModelNote
from bot.adapters.model_registry import ModelRegistry
from bot.compose.challenge import ChallengeRequest
from bot.compose.retraining_cycle import Retrained, RetrainRequest, is_unfinished, last_began_ms, retrain_once
from bot.core.errors import DataError, ModelError
from bot.core.gate_names import GATE_NAMES
from tests.command_line import DEMO_BUNDLE
from tests.made_models import UNSEEN_MS, made_model, write_shadow_candles

HOUR_MS = 3_600_000


class Lab:
    """A registry with a model in use, candles, a trainer that only copies, and gates that say what they are told."""

    def __init__(self, folder: Path) -> None:
        self.candles = write_shadow_candles(folder / "BTC_USDT-1h.csv", 100)
        self.folder = folder / "models"
        self.registry = ModelRegistry(self.folder, lambda: 0)
        self.champion = self.registry.add(DEMO_BUNDLE, ModelNote(0, 1, "made")).fingerprint
        self.registry.promote(self.champion, forced=True)
        self.made = made_model(folder, "challenger", skill=1.0)
        self.passes = True
        self.trained: list[int] = []
        self.told: list[str] = []
        self.fails: Exception | None = None
        self.dies_judging = False

    def retrain(self, *, promotes: bool = True, seed: int = 7, shadow: int = 48) -> Retrained:
        challenge = ChallengeRequest((self.candles,))
        request = RetrainRequest(self.folder, challenge, shadow, 60 * 24 * HOUR_MS, {"seed": str(seed)}, promotes)
        return retrain_once(request, self._train, self._judge, self.told.append, lambda: 1_000)

    def _train(self, until_ms: int, out: Path, work: Path) -> None:
        self.trained.append(until_ms)
        if self.fails is not None:
            raise self.fails
        shutil.copytree(self.made, out)

    def _judge(self, registry: ModelRegistry, fingerprint: str) -> KeptVerdict:
        if self.dies_judging:
            raise ModelError("killed")
        gates = tuple(KeptGate(name, self.passes, "as told") for name in GATE_NAMES)
        verdict = KeptVerdict(fingerprint, registry.in_use(), 1_000, 0, 1, 500, gates)
        registry.keep_verdict(verdict)
        return verdict


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_challenger_that_passes_every_gate_is_used(lab: Lab) -> None:
    done = lab.retrain()

    assert done.promoted
    assert lab.registry.in_use() == done.challenger != lab.champion
    note = lab.registry.note(done.challenger)
    assert note is not None
    assert note.life_ms == 60 * 24 * HOUR_MS


def test_the_shadow_window_is_kept_from_the_training(lab: Lab) -> None:
    lab.retrain(shadow=48)

    assert lab.trained == [UNSEEN_MS + (100 - 48) * HOUR_MS]


def test_a_challenger_that_fails_a_gate_is_kept_and_not_used(lab: Lab) -> None:
    lab.passes = False

    done = lab.retrain()

    assert not done.promoted
    assert lab.registry.in_use() == lab.champion
    assert {row.state for row in lab.registry.rows()} == {"current", "challenger"}


def test_a_person_may_keep_the_last_word(lab: Lab) -> None:
    done = lab.retrain(promotes=False)

    assert lab.registry.in_use() == lab.champion
    lab.registry.promote(done.challenger)
    assert lab.registry.in_use() == done.challenger


def test_nothing_new_is_nothing_to_train(lab: Lab) -> None:
    first, second = lab.retrain(), lab.retrain()

    assert second.challenger == first.challenger
    assert not second.is_new
    assert len(lab.trained) == 1


def test_a_challenger_that_was_gone_back_from_is_not_promoted_on_old_candles(lab: Lab) -> None:
    lab.retrain()
    ModelRegistry(lab.folder, lambda: 1_000).roll_back(reason="it lost money")

    done = lab.retrain(seed=8)

    assert not done.promoted
    assert lab.registry.in_use() == lab.champion
    assert any("gone back from since the last candle" in said for said in lab.told)


def test_new_candles_or_another_setting_are_something_new(lab: Lab) -> None:
    lab.retrain()
    lab.retrain(seed=8)
    write_shadow_candles(lab.candles, 101)
    lab.retrain(seed=8)

    assert len(lab.trained) == 3


def test_a_training_that_failed_leaves_the_model_in_use_and_is_done_again(lab: Lab) -> None:
    lab.fails = ModelError("the loss was never finite")
    with pytest.raises(ModelError):
        lab.retrain()
    assert is_unfinished(lab.folder)
    assert lab.registry.in_use() == lab.champion
    lab.fails = None

    assert lab.retrain().promoted
    assert not is_unfinished(lab.folder)
    assert "going on with the training that was begun" in lab.told


def test_a_cycle_that_goes_on_trains_on_the_candles_that_it_began_with(lab: Lab) -> None:
    lab.fails = ModelError("killed")
    with pytest.raises(ModelError):
        lab.retrain()
    write_shadow_candles(lab.candles, 130)
    lab.fails = None

    lab.retrain()

    assert lab.trained[0] == lab.trained[1]


def test_a_bundle_that_was_trained_before_a_death_is_not_trained_again(lab: Lab) -> None:
    lab.dies_judging = True
    with pytest.raises(ModelError):
        lab.retrain()
    lab.dies_judging = False

    assert lab.retrain().promoted
    assert len(lab.trained) == 1
    assert "the challenger is trained already" in lab.told


def test_a_death_between_promotion_and_its_note_does_not_judge_a_model_beside_itself(lab: Lab) -> None:
    done = lab.retrain()
    (note,) = lab.folder.glob("work/*/done")
    note.unlink()
    shutil.copytree(lab.made, note.parent / "bundle")

    again = lab.retrain()

    assert again.promoted
    assert again.challenger == done.challenger
    assert len(lab.registry.story().changes) == 2


def test_when_the_last_cycle_began_is_known(lab: Lab) -> None:
    assert last_began_ms(lab.folder) is None
    lab.retrain()
    assert last_began_ms(lab.folder) == 1_000


def test_a_shadow_that_leaves_nothing_to_learn_from_is_refused(lab: Lab) -> None:
    with pytest.raises(DataError, match="smaller --shadow"):
        lab.retrain(shadow=10**6)
