"""A challenger beside the model in use: who passes, who does not, and that nobody else is promoted."""

from pathlib import Path

import pytest

from bot.adapters.model_records import KeptVerdict, ModelNote
from bot.adapters.model_registry import ModelRegistry
from bot.compose import challenge_proofs
from bot.compose.challenge import ChallengeRequest, judge_challenger
from bot.compose.challenge_proofs import Candidate
from bot.core import gate_names as names
from bot.core.errors import ConfigError, ModelError
from strategies.forecasting.audit import Check
from strategies.forecasting.gates import GATES, Measured
from tests.made_models import invented, made_model, write_shadow_candles

NOTE = ModelNote(0, 60 * 86_400_000, "made")


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shadow_candles(tmp_path_factory.mktemp("candles") / "BTC_USDT-1h.csv")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelRegistry:
    """A registry whose model in use has little skill, on a machine of a known speed."""
    monkeypatch.setattr(challenge_proofs, "latency", lambda candidate: Measured(50.0, "a quiet machine"))
    # These take seconds, and have a test of their own.
    for name in ("known_forecasts", "white_noise"):
        monkeypatch.setattr(challenge_proofs, name, lambda served, market: Check("as told", "values", 0.0, 0.0, 0.0))
    registry = ModelRegistry(tmp_path / "models", lambda: 0)
    weak = registry.add(made_model(tmp_path, "weak", skill=0.1), NOTE)
    registry.promote(weak.fingerprint, forced=True)
    return registry


def judged(registry: ModelRegistry, bundle: Path, candles: Path) -> KeptVerdict:
    fingerprint = registry.add(bundle, NOTE).fingerprint
    return judge_challenger(registry, fingerprint, ChallengeRequest((candles,)), invented, 5)


def failed(verdict: KeptVerdict) -> set[str]:
    return {gate.name for gate in verdict.gates if not gate.passed}


def test_a_better_challenger_passes_every_gate_and_is_promoted(
    registry: ModelRegistry, tmp_path: Path, candles: Path
) -> None:
    verdict = judged(registry, made_model(tmp_path, "strong", skill=1.0), candles)

    assert failed(verdict) == set()
    assert [gate.name for gate in verdict.gates] == [gate.name for gate in GATES]
    assert verdict.shadowed >= 690
    registry.promote(verdict.challenger)
    assert registry.in_use() == verdict.challenger


def test_a_model_that_knows_no_future_proves_it(tmp_path: Path) -> None:
    measured = challenge_proofs.proofs(Candidate.load(made_model(tmp_path, "strong", skill=1.0)), invented)

    assert measured[names.SHUFFLED_FUTURE].figure == 0.0
    assert measured[names.WHITE_NOISE].figure == 1.0
    assert measured[names.PARITY].figure == pytest.approx(0.0, abs=1e-5)
    assert (measured[names.LATENCY].figure or 0.0) > 0.0


def test_a_worse_challenger_is_not_promoted_but_by_force(
    registry: ModelRegistry, tmp_path: Path, candles: Path
) -> None:
    verdict = judged(registry, made_model(tmp_path, "contrary", skill=-1.0), candles)

    assert {names.BRIER, names.BRIER_TEST, names.PINBALL_TEST} <= failed(verdict)
    with pytest.raises(ModelError, match="Brier score: -"):
        registry.promote(verdict.challenger)
    change = registry.promote(verdict.challenger, forced=True)
    assert change is not None
    assert change.forced


def test_a_model_beside_itself_is_not_better(registry: ModelRegistry, tmp_path: Path, candles: Path) -> None:
    verdict = judged(registry, tmp_path / "weak", candles)

    assert names.BRIER_TEST in failed(verdict)


@pytest.mark.usefixtures("registry")
def test_a_first_model_is_judged_beside_somebody_who_knows_nothing(tmp_path: Path, candles: Path) -> None:
    empty = ModelRegistry(tmp_path / "empty", lambda: 0)

    verdict = judged(empty, made_model(tmp_path, "strong", skill=1.0), candles)

    assert verdict.champion is None
    # The invented market is one in which the rule is nearly the best that can be done.
    assert failed(verdict) == {names.BRIER_TEST}
    assert "below that of the reversal rule" in verdict.refusals()


def test_a_champion_whose_life_ends_is_followed_by_its_like(
    tmp_path: Path, registry: ModelRegistry, candles: Path
) -> None:
    ending = ModelRegistry(tmp_path / "ending", lambda: 0)
    proven = ending.add(made_model(tmp_path, "proven", skill=1.0), ModelNote(0, 30 * 86_400_000, "made"))
    ending.promote(proven.fingerprint, forced=True)
    like = made_model(tmp_path, "like", skill=0.95)

    assert names.BRIER_TEST not in failed(judged(ending, like, candles))
    assert names.BRIER_TEST in failed(judged(ending, tmp_path / "weak", candles))
    registry.promote(registry.add(tmp_path / "proven", NOTE).fingerprint, forced=True)
    assert names.BRIER_TEST in failed(judged(registry, like, candles))


def test_judging_on_other_candles_until_it_passes_is_counted(
    registry: ModelRegistry, tmp_path: Path, candles: Path
) -> None:
    strong = made_model(tmp_path, "strong", skill=1.0)
    shorter = tmp_path / "BTC_USDT-1h.csv"
    shorter.write_text("\n".join(candles.read_text().splitlines()[:-20]) + "\n")

    attempts = [judged(registry, strong, file).attempt for file in (candles, shorter, candles, shorter)]

    assert attempts == [1, 2, 1, 2]


def test_a_challenger_of_one_seed_fails_the_gate_of_seeds_alone(
    registry: ModelRegistry, tmp_path: Path, candles: Path
) -> None:
    verdict = judged(registry, made_model(tmp_path, "alone", skill=1.0, seed_spread=None), candles)

    assert failed(verdict) == {names.SEED_SPREAD}


def test_a_graph_that_is_not_the_trained_network_fails_its_gate(
    registry: ModelRegistry, tmp_path: Path, candles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strategies.forecasting.serving.TOLERANCE", -1.0)

    verdict = judged(registry, made_model(tmp_path, "strong", skill=1.0), candles)

    assert failed(verdict) == {names.PARITY}


def test_candles_of_another_timeframe_are_refused(registry: ModelRegistry, tmp_path: Path, candles: Path) -> None:
    fingerprint = registry.in_use() or ""
    four_hours = tmp_path / "BTC_USDT-4h.csv"
    lines = candles.read_text().splitlines()
    four_hours.write_text("\n".join([lines[0], *lines[1::4]]) + "\n")

    with pytest.raises(ConfigError, match="foresee candles of 1h, the files hold 4h"):
        judge_challenger(registry, fingerprint, ChallengeRequest((four_hours,)), invented, 5)
