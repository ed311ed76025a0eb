"""`candlewick models` and `candlewick retrain` as a person calls them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.model_files import check_bundle
from bot.adapters.model_records import KeptGate, KeptVerdict, ModelNote
from bot.adapters.model_registry import ModelRegistry
from bot.cli import retrain as retraining
from bot.core.errors import DataError
from bot.core.gate_names import GATE_NAMES, PARITY
from tests.command_line import DEMO_BUNDLE, called, candlewick, refused, told
from tests.made_models import made_model, write_shadow_candles

REFERENCE = DEMO_BUNDLE.with_name("reference-btc-1h")
DEMO, BTC = check_bundle(DEMO_BUNDLE).fingerprint, check_bundle(REFERENCE).fingerprint
DAY_MS = 86_400_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A registry with two models, the demonstration's in use."""
    registry = ModelRegistry(tmp_path / "models", lambda: 1)
    registry.add(DEMO_BUNDLE, ModelNote(1, 60 * DAY_MS, "made"))
    registry.add(REFERENCE, ModelNote(2, 36_500 * DAY_MS, "made"))
    registry.promote(DEMO, forced=True)
    return registry.folder


def test_models_are_listed_with_their_state_and_their_expiry(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    said = called(capfd, "models", "list", "--registry", folder).stdout

    assert f"demo@{DEMO[:12]}  current, trained until 2024-01-01, EXPIRED on 2024-03-01: it makes no entries" in said
    assert f"reference-btc-1h@{BTC[:12]}  challenger, trained until 2024-06-01, may be used until 2124-05-08" in said


def test_a_list_for_machines_says_the_same(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    listed = told(called(capfd, "models", "list", "--registry", folder, "--json"))

    assert [(row["fingerprint"], row["state"], row["expired"]) for row in listed["models"]] == [
        (DEMO, "current", True),
        (BTC, "challenger", False),
    ]
    assert listed["damage"] == []


def test_a_damaged_model_is_listed_with_its_difference(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "bundles" / BTC / "model.onnx").write_bytes(b"another graph")

    said = called(capfd, "models", "list", "--registry", folder).stdout

    assert f"?@{BTC[:12]}  damaged: " in said
    assert "model.onnx is damaged: its sha256 is" in said


def test_a_model_without_a_verdict_is_not_promoted(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    ended = called(capfd, "models", "promote", "reference-btc-1h", "--registry", folder)

    assert "no gate has judged it" in refused(ended, 4)


def test_force_is_written_into_the_history(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    done = told(called(capfd, "models", "promote", BTC[:8], "--force", "--registry", folder, "--json"))
    assert done["change"]["forced"]

    said = called(capfd, "models", "show", "reference-btc-1h", "--registry", folder).stdout
    assert f"promoted to {BTC[:12]}, by force: by force, though no gate has judged it" in said


def test_a_rollback_names_the_model_that_is_used_again(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    called(capfd, "models", "promote", BTC, "--force", "--registry", folder)

    ended = called(capfd, "models", "rollback", "--registry", folder)

    assert ended.stdout == f"went back to {DEMO[:12]}\n"
    assert "nothing to go back to" in refused(called(capfd, "models", "rollback", "--registry", folder), 4)
    assert told(called(capfd, "models", "rollback", "--to", BTC, "--registry", folder, "--json"))["changed"]


def test_a_bundle_is_added(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    added = told(called(capfd, "models", "add", DEMO_BUNDLE, "--life", "9d", "--registry", tmp_path / "new", "--json"))

    assert added["fingerprint"] == DEMO
    note = ModelRegistry(tmp_path / "new").note(DEMO)
    assert note is not None
    assert note.life_ms == 9 * DAY_MS


def test_a_folder_that_is_no_registry_is_refused(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sentence = refused(called(capfd, "models", "list", "--registry", tmp_path / "nowhere"), 2)

    assert "is no registry: `candlewick models add BUNDLE`" in sentence


def test_a_worse_challenger_is_judged_and_refused(
    capfd: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    candles = write_shadow_candles(tmp_path / "BTC_USDT-1h.csv")
    called(capfd, "models", "add", made_model(tmp_path, "contrary", skill=-1.0), "--registry", folder)

    ended = called(capfd, "models", "judge", "contrary", "--candles", candles, "--registry", folder)

    assert ended.returncode == 4
    assert "FAILED  Brier score: -" in ended.stdout
    assert "passed  shuffled future: 0, must be at most 0" in ended.stdout
    assert "Brier score" in refused(called(capfd, "models", "promote", "contrary", "--registry", folder), 4)


def test_every_verdict_is_listed_and_says_what_was_not_measured(
    capfd: pytest.CaptureFixture[str], folder: Path
) -> None:
    gates = tuple(KeptGate(name, name != PARITY, "as made") for name in GATE_NAMES)
    refusal = KeptVerdict(BTC, DEMO, 5, 0, 1, 500, gates)
    registry = ModelRegistry(folder)
    registry.keep_verdict(refusal)
    registry.keep_verdict(replace(refusal, attempt=2, gates=gates[:1]))

    said = called(capfd, "models", "show", BTC, "--registry", folder).stdout
    listed = told(called(capfd, "models", "show", BTC, "--registry", folder, "--json"))

    assert "judged 1 of 2" in said
    assert f"failed 1 of {len(GATE_NAMES)} gates" in said
    assert "latency: it was not asked" in said
    assert said.count("not measured, and so not passed: whether the way of training finds something") == 2
    assert [verdict["attempt"] for verdict in listed["verdicts"]] == [1, 2]
    assert not listed["passed"]


def test_what_a_run_forecast_is_what_its_model_says_again(
    capfd: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    candles = write_shadow_candles(tmp_path / "BTC_USDT-1h.csv", 100)
    called(capfd, "replay", "--candles", candles, "--bundle", DEMO_BUNDLE, "--out", tmp_path / "run")
    called(capfd, "models", "add", made_model(tmp_path, "weak", skill=0.1), "--registry", folder)
    words = ("models", "judge", "weak", "--candles", candles, "--registry", folder, "--json")

    again, recorded = told(called(capfd, *words)), told(called(capfd, *words, "--run", tmp_path / "run"))

    assert recorded["shadowed"] == again["shadowed"] > 90
    assert [gate for gate in recorded["gates"] if gate["name"] != "latency"] == [
        gate for gate in again["gates"] if gate["name"] != "latency"
    ]


def test_a_run_of_another_model_is_refused(capfd: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    candles = write_shadow_candles(tmp_path / "BTC_USDT-1h.csv", 60)
    called(capfd, "replay", "--candles", candles, "--bundle", REFERENCE, "--out", tmp_path / "run")
    words = ("models", "judge", "demo", "--candles", candles, "--registry", folder, "--run", tmp_path / "run")

    assert f"used model {BTC[:12]}, in use is {DEMO[:12]}" in refused(called(capfd, *words), 2)


class _Past(Struct):
    """A clock that a test turns."""

    ms: int = 1_000

    def now(self) -> int:
        return self.ms


def test_a_schedule_trains_waits_and_outlives_a_training_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, began = _Past(), list[int]()

    def once(request: Any, asked: Any) -> Any:
        began.append(clock.ms)
        if len(began) == 3:
            raise KeyboardInterrupt
        raise DataError("the candles cannot be read")

    def nap(seconds: float) -> None:
        clock.ms += round(1_000 * seconds)

    monkeypatch.setattr(retraining, "_once", once)
    monkeypatch.setattr(retraining, "_now_ms", clock.now)
    monkeypatch.setattr(retraining._wait, "__defaults__", (nap,))
    command: Command = retraining.retrain
    words = ["--registry", str(tmp_path), "--candles", "none.csv", "--every", "2d"]

    ended = CliRunner().invoke(command, words)

    assert began == [1_000, 1_000 + 2 * DAY_MS, 1_000 + 4 * DAY_MS]
    assert "the candles cannot be read; the model in use stays" in ended.output


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_challenger_is_trained_for_real_judged_and_kept(folder: Path, tmp_path: Path) -> None:
    candles = write_shadow_candles(tmp_path / "BTC_USDT-1h.csv", 2_500)
    words = ("retrain", "--registry", folder, "--candles", candles, "--train-days", 60, "--folds", 1, "--epochs", 1)

    ended = candlewick(*words, "--shadow", 520, "--json")

    assert ended.returncode == 0, ended.stderr
    done = json.loads(ended.stdout.splitlines()[-1])
    bundle = folder / "bundles" / done["challenger"]
    assert done["verdict"]["shadowed"] >= 500
    assert (bundle / "habits.json").exists()
    assert json.loads((bundle / "metrics.json").read_text())["walk_forward"]["seed_spread"] > 0.0
    again = candlewick(*words, "--shadow", 520, "--json")
    assert "nothing has changed since the last training" in again.stderr
    shutil.rmtree(folder)
