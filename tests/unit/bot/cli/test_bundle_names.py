import json
import shutil
from pathlib import Path

import pytest

from bot.adapters.model_records import ModelNote
from bot.adapters.model_registry import ModelRegistry
from bot.cli.bundles import bundle_folder
from bot.core.errors import ModelError
from bot.core.market import DAY_MS
from tests.command_line import DEMO_BUNDLE, called, candle_words, refused, told, write_markets

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """A registry with the demonstration's model in use."""
    made = ModelRegistry(tmp_path / "models")
    facts = made.add(DEMO_BUNDLE, ModelNote(0, 60 * DAY_MS, "a test"))
    made.promote(facts.fingerprint, forced=True)
    return made


def test_a_bundle_is_named_by_its_folder_or_by_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundle_folder(str(DEMO_BUNDLE)) == DEMO_BUNDLE
    assert bundle_folder("demo") == DEMO_BUNDLE
    Path("demo").mkdir()
    assert bundle_folder("demo") == Path("demo"), "a folder of one's own comes first"


def test_the_model_in_use_of_a_registry_has_a_name(registry: ModelRegistry) -> None:
    assert bundle_folder(f"registry:{registry.folder}") == registry.current().path


def test_a_registry_that_is_named_as_a_bundle_is_recognised(registry: ModelRegistry) -> None:
    with pytest.raises(ModelError) as refusal:
        bundle_folder(str(registry.folder))
    folder = registry.folder
    assert str(refusal.value) == (
        f"{folder} is a registry of models and no bundle: registry:{folder} is the model that it has in use"
    )


def test_a_bundle_that_is_nowhere_is_told_what_may_be_named(capfd: Capture, tmp_path: Path) -> None:
    words = ["replay", "--candles", "a.csv", "--out", tmp_path / "run", "--bundle", "nowhere"]
    assert refused(called(capfd, *words), ModelError.exit_code) == (
        "there is no bundle nowhere: name its folder, one that is shipped (demo, reference-btc-1h), "
        "or registry:FOLDER for the model in use of a registry"
    )


@pytest.mark.parametrize("verb", ["live", "paper", "replay", "parity", "audit"])
def test_every_verb_that_takes_a_bundle_says_how_it_is_named(capfd: Capture, verb: str) -> None:
    said = " ".join(called(capfd, verb, "--help").stdout.split())
    assert "a folder, a shipped one by its name (reference-btc-1h, demo), or registry:FOLDER" in said


def test_a_replay_takes_a_registrys_model(registry: ModelRegistry, tmp_path: Path, capfd: Capture) -> None:
    files = write_markets(tmp_path, 800, symbols=("BTC/USDT",))
    bundle = f"registry:{registry.folder}"
    summary = told(
        called(capfd, "replay", *candle_words(files), "--bundle", bundle, "--out", tmp_path / "run", "--json")
    )
    assert summary["forecasts"] > 0
    assert summary["finished"] is True


def test_an_audit_takes_a_registrys_model(registry: ModelRegistry, capfd: Capture) -> None:
    ended = called(capfd, "audit", registry.folder)
    assert "is a registry of models and no bundle" in refused(ended, ModelError.exit_code)
    planted = called(capfd, "audit", f"registry:{registry.folder}", "--plant", "nothing", "--json")
    assert json.loads(planted.stdout)["error"].startswith("there is no leak 'nothing' to plant here")


def test_what_a_registry_had_to_put_right_is_said(registry: ModelRegistry, tmp_path: Path, capfd: Capture) -> None:
    # A second model is used, and its folder is lost: the one before takes over.
    other = shutil.copytree(DEMO_BUNDLE.with_name("reference-btc-1h"), tmp_path / "other")
    facts = registry.add(other, ModelNote(1, DAY_MS, "a test"))
    registry.promote(facts.fingerprint, forced=True)
    shutil.rmtree(registry.current().path)
    capfd.readouterr()
    assert bundle_folder(f"registry:{registry.folder}").is_dir()
    said = capfd.readouterr()
    assert "the last good model" in said.err
    assert said.out == ""
