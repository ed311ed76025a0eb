"""A registry: what is in use, how it changes, and what happens when something in it is not what was written."""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters.model_files import check_bundle
from bot.adapters.model_history import HISTORY, POINTER
from bot.adapters.model_records import KeptGate, KeptVerdict, ModelNote
from bot.adapters.model_registry import ModelRegistry, life_of, resolve_bundle
from bot.core.errors import ConfigError, ModelError
from bot.core.gate_names import GATE_NAMES, PARITY
from tests.command_line import DEMO_BUNDLE

REFERENCE = DEMO_BUNDLE.with_name("reference-btc-1h")
NOTE = ModelNote(1_000, 60 * 86_400_000, "made by hand")
DEMO, BTC = check_bundle(DEMO_BUNDLE).fingerprint, check_bundle(REFERENCE).fingerprint


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry") / "models"
    registry = ModelRegistry(folder)
    registry.add(DEMO_BUNDLE, NOTE)
    registry.add(REFERENCE, NOTE)
    return folder


@pytest.fixture
def registry(added: Path, tmp_path: Path) -> ModelRegistry:
    """Two models, neither of them in use."""
    ticks = iter(range(1_000, 10_000_000, 1_000))
    shutil.copytree(added, tmp_path / "models")
    return ModelRegistry(tmp_path / "models", lambda: next(ticks))


@pytest.fixture
def two(registry: ModelRegistry) -> ModelRegistry:
    """The demo's model was promoted first, then the reference."""
    registry.promote(DEMO, forced=True)
    registry.promote(BTC, forced=True)
    return registry


def judged(challenger: str, champion: str | None, *failed: str, until_ms: int = 1, candles: str = "") -> KeptVerdict:
    """A verdict that names every gate, and says that these were failed."""
    gates = tuple(KeptGate(name, name not in failed, "as made") for name in GATE_NAMES)
    return KeptVerdict(challenger, champion, 5, 0, until_ms, 500, gates, candles)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def bundle_file(registry: ModelRegistry, fingerprint: str, name: str = "model.onnx") -> Path:
    return registry.path(fingerprint) / name


def test_a_model_is_kept_under_its_fingerprint_with_every_byte(registry: ModelRegistry) -> None:
    assert check_bundle(registry.path(DEMO), DEMO).name == "demo"
    assert {row.fingerprint: row.state for row in registry.rows()} == {DEMO: "challenger", BTC: "challenger"}


def test_adding_a_model_again_changes_nothing(registry: ModelRegistry) -> None:
    registry.add(DEMO_BUNDLE, ModelNote(9_999, 1, "again"))

    assert registry.note(DEMO) == NOTE


def test_a_registry_without_a_promotion_has_no_model_in_use(registry: ModelRegistry) -> None:
    with pytest.raises(ModelError, match="nothing was ever promoted there"):
        registry.current()


def test_a_torn_bundle_is_not_taken(registry: ModelRegistry, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(DEMO_BUNDLE, torn)
    (torn / "weights.npz").unlink()

    with pytest.raises(ModelError, match=r"no readable weights\.npz"):
        ModelRegistry(tmp_path / "other").add(torn, NOTE)


def test_a_manifest_cannot_name_files_outside_its_bundle(tmp_path: Path) -> None:
    shutil.copytree(DEMO_BUNDLE, tmp_path / "odd")
    manifest = tmp_path / "odd" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"card.md"', '"../card.md"'))

    with pytest.raises(ModelError, match="no file of a bundle"):
        check_bundle(tmp_path / "odd")


def test_a_model_that_no_gate_judged_is_not_promoted(registry: ModelRegistry) -> None:
    with pytest.raises(ModelError, match="no gate has judged it"):
        registry.promote(DEMO)

    assert registry.in_use() is None


def test_a_model_that_failed_one_gate_of_many_is_not_promoted(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(DEMO, None, PARITY))

    with pytest.raises(ModelError, match="graph parity: as made"):
        registry.promote(DEMO)


@pytest.mark.parametrize("gates", [(), (KeptGate(PARITY, True, "fine"),), (KeptGate("one of its own", True, "fine"),)])
def test_a_verdict_that_lacks_a_gate_passes_nothing(registry: ModelRegistry, gates: tuple[KeptGate, ...]) -> None:
    registry.keep_verdict(replace(judged(DEMO, None), gates=gates))

    with pytest.raises(ModelError, match="latency: it was not asked"):
        registry.promote(DEMO)


def test_a_model_that_was_gone_back_from_needs_a_verdict_on_later_candles(two: ModelRegistry) -> None:
    two.keep_verdict(judged(BTC, DEMO))
    two.roll_back(reason="it lost money")

    with pytest.raises(ModelError, match="gone back from since the last candle that it was judged on"):
        two.promote(BTC)
    two.keep_verdict(judged(BTC, DEMO, until_ms=10**9))
    assert two.promote(BTC) is not None


def test_a_verdict_never_replaces_another(registry: ModelRegistry) -> None:
    refusal, praise = judged(DEMO, None, PARITY), judged(DEMO, None)
    registry.keep_verdict(refusal)
    registry.keep_verdict(praise)

    row = next(row for row in registry.rows() if row.fingerprint == DEMO)

    assert registry.verdict(DEMO) == row.verdict == praise
    assert row.verdicts == (refusal, praise)


def test_attempts_on_candles_that_overlap_are_counted_whoever_made_them(registry: ModelRegistry) -> None:
    def attempt(challenger: str, candles: str, *span: int) -> int:
        return registry.attempt(challenger, candles, (span[0], span[1]))

    assert attempt(DEMO, "a", 0, 9) == 1
    registry.keep_verdict(judged(DEMO, None, until_ms=9, candles="a"))
    registry.keep_verdict(replace(judged(BTC, None, until_ms=9, candles="b"), attempt=2))
    registry.keep_verdict(judged(BTC, DEMO, until_ms=9, candles="c"))

    assert attempt(DEMO, "d", 5, 20) == 3
    assert attempt(DEMO, "d", 10, 20) == 1
    # The same question has the same answer, and is asked once: a death may come between verdict and promotion.
    assert (attempt(DEMO, "a", 0, 9), attempt(BTC, "b", 0, 9)) == (1, 2)


def test_a_damaged_verdict_counts_as_none(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(DEMO, None))
    damage(registry.folder / "verdicts" / DEMO)

    with pytest.raises(ModelError, match="no gate has judged it"):
        registry.promote(DEMO)


def test_a_model_that_passed_every_gate_is_promoted(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(DEMO, None))

    change = registry.promote(DEMO)

    assert change is not None
    assert (change.model, change.before, change.forced) == (DEMO, None, False)
    assert registry.current().path == registry.path(DEMO)


def test_a_verdict_beside_another_champion_does_not_count(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(BTC, None))
    registry.promote(DEMO, forced=True)

    with pytest.raises(ModelError, match="judged beside no model"):
        registry.promote(BTC)


def test_force_is_written_down_with_what_it_overruled(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(DEMO, None, PARITY))

    change = registry.promote(DEMO, forced=True)

    assert change is not None
    assert change.forced
    assert change.reason == "by force, though graph parity: as made"
    assert registry.story().changes == (change,)


def test_force_that_was_not_needed_is_not_called_force(registry: ModelRegistry) -> None:
    registry.keep_verdict(judged(DEMO, None))

    change = registry.promote(DEMO, forced=True)

    assert change is not None
    assert not change.forced


def test_promoting_the_model_in_use_changes_nothing(two: ModelRegistry) -> None:
    assert two.promote(BTC) is None
    assert len(two.story().changes) == 2


def test_rolling_back_uses_the_model_before(two: ModelRegistry) -> None:
    change = two.roll_back()

    assert (change.action, change.model, change.before) == ("rolled back", DEMO, BTC)
    assert two.in_use() == DEMO


def test_a_model_that_was_gone_back_from_is_not_gone_back_to(two: ModelRegistry) -> None:
    two.roll_back()

    with pytest.raises(ModelError, match="nothing to go back to"):
        two.roll_back()
    assert two.roll_back(to=BTC).model == BTC


def test_a_model_that_was_never_in_use_cannot_be_gone_back_to(registry: ModelRegistry) -> None:
    registry.promote(DEMO, forced=True)

    with pytest.raises(ModelError, match="never in use before"):
        registry.roll_back(to=BTC)


def test_a_damaged_model_is_refused_with_the_difference_and_the_one_before_is_used(two: ModelRegistry) -> None:
    damage(bundle_file(two, BTC))

    standing = two.current()

    assert standing.facts.fingerprint == DEMO
    assert "model.onnx is damaged: its sha256 is" in standing.remarks[0]
    assert f"went back to demo@{DEMO[:12]}, the last good model" in standing.remarks[0]
    last = two.story().changes[-1]
    assert (last.action, last.model, last.before) == ("rolled back", DEMO, BTC)
    assert "model.onnx is damaged" in last.reason


def test_going_back_is_done_once(two: ModelRegistry) -> None:
    damage(bundle_file(two, BTC))
    two.current()

    assert two.current().remarks == ()
    assert len(two.story().changes) == 3


def test_a_registry_of_which_nothing_is_whole_says_what_is_wrong_with_each(two: ModelRegistry) -> None:
    damage(bundle_file(two, BTC))
    damage(bundle_file(two, DEMO, "scaler.json"))

    with pytest.raises(ModelError, match=r"no whole model to go back to: .*model\.onnx.*scaler\.json"):
        two.current()


def test_a_manifest_that_was_exchanged_is_refused(two: ModelRegistry) -> None:
    shutil.rmtree(two.path(BTC))
    shutil.copytree(two.path(DEMO), two.path(BTC))

    assert "it is another model's" in two.current().remarks[0]


@pytest.mark.parametrize("content", [b"", b"rubbish", b"0" * 64 + b" {}\n", b"\xff\xfe\x00"])
def test_a_damaged_pointer_is_mended_from_the_history(two: ModelRegistry, content: bytes) -> None:
    (two.folder / POINTER).write_bytes(content)

    standing = two.current()

    assert standing.facts.fingerprint == BTC
    assert f"{POINTER} is damaged" in standing.remarks[0]
    assert two.current().remarks == ()


def test_a_lost_pointer_is_mended_from_the_history(two: ModelRegistry) -> None:
    (two.folder / POINTER).unlink()

    assert two.current().facts.fingerprint == BTC
    assert two.current().remarks == ()


def test_a_pointer_that_is_older_than_the_history_is_not_believed(two: ModelRegistry) -> None:
    old = (two.folder / POINTER).read_bytes()
    two.roll_back()
    (two.folder / POINTER).write_bytes(old)

    standing = two.current()

    assert standing.facts.fingerprint == DEMO
    assert "holds change 2, the history ends with 3" in standing.remarks[0]


def test_a_change_that_died_before_its_line_was_written_has_happened(two: ModelRegistry) -> None:
    history = two.folder / HISTORY
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(lines[0] + lines[1][:40])

    assert two.current().facts.fingerprint == BTC
    two.roll_back()
    assert history.read_bytes().startswith(lines[0] + lines[1])
    assert not two.story().damage
    assert [change.number for change in two.story().changes] == [1, 2, 3]


def test_a_damaged_line_of_the_history_is_named_and_the_others_are_believed(two: ModelRegistry) -> None:
    history = two.folder / HISTORY
    lines = history.read_bytes().splitlines(keepends=True)
    history.write_bytes(lines[0].replace(b"promoted", b"demoted!") + lines[1])

    story = two.story()

    assert "line 1 of" in story.damage[0]
    assert two.current().facts.fingerprint == BTC


def test_a_line_that_was_taken_out_of_the_history_shows(two: ModelRegistry) -> None:
    history = two.folder / HISTORY
    history.write_bytes(history.read_bytes().splitlines(keepends=True)[1])

    assert "lines are missing or exchanged" in two.story().damage[0]


def test_adding_a_damaged_model_again_mends_it(two: ModelRegistry) -> None:
    damage(bundle_file(two, BTC))

    two.add(REFERENCE, NOTE)

    assert two.current().facts.fingerprint == BTC
    assert two.current().remarks == ()


def test_a_model_lives_for_its_stated_time_after_its_last_candle(registry: ModelRegistry) -> None:
    row = next(row for row in registry.rows() if row.fingerprint == DEMO)

    assert row.facts is not None
    assert row.expires_ms == row.facts.trained_until_ms + NOTE.life_ms


def test_a_model_is_found_by_its_name_and_by_its_first_digits(registry: ModelRegistry) -> None:
    assert registry.find("demo") == DEMO
    assert registry.find(BTC[:6]) == BTC


@pytest.mark.parametrize("name", ["nobody", DEMO[:2], ""])
def test_a_name_that_means_no_model_is_refused_with_those_that_there_are(registry: ModelRegistry, name: str) -> None:
    with pytest.raises(ConfigError, match=f"demo@{DEMO[:12]}"):
        registry.find(name)


def test_a_reference_to_a_registry_stands_for_its_model_in_use(two: ModelRegistry) -> None:
    said: list[str] = []

    assert resolve_bundle(Path(f"registry:{two.folder}"), said.append) == two.path(BTC)
    assert said == []


def test_a_reference_says_what_had_to_be_put_right(two: ModelRegistry) -> None:
    said: list[str] = []
    damage(bundle_file(two, BTC))

    assert resolve_bundle(Path(f"registry:{two.folder}"), said.append) == two.path(DEMO)
    assert "went back to demo" in said[0]


def test_any_other_path_stands_for_itself() -> None:
    assert resolve_bundle(DEMO_BUNDLE, pytest.fail) == DEMO_BUNDLE


def test_a_model_of_a_registry_has_a_life_and_any_other_bundle_has_none(registry: ModelRegistry) -> None:
    life = life_of(registry.path(DEMO))

    assert life is not None
    assert life.until_ms == check_bundle(DEMO_BUNDLE).trained_until_ms + NOTE.life_ms
    assert life.reason == "the model has outlived the 60 days after its last candle"
    assert life_of(DEMO_BUNDLE) is None
