"""
Models on the disk, by fingerprint, and which of them is used.

    FOLDER/bundles/FINGERPRINT/    a bundle, as it was trained
    FOLDER/notes/FINGERPRINT       when it came, from where, and how long it may be used
    FOLDER/verdicts/FINGERPRINT    what the gates said of it as a challenger (`model_verdicts`)
    FOLDER/current, history        the model in use, and every change of that (`model_history`)

Every byte of a bundle is compared with its manifest before it is used. Nothing is ever thrown away, so the model
before is always there to go back to. A challenger that has not passed every gate against the model in use is not
promoted, nor one that was gone back from since its verdict, unless somebody insists, which is written down. Knows
nothing of what a gate measures.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from bot.adapters.clock import SystemClock
from bot.adapters.model_files import BundleFacts, check_bundle, copy_bundle, put_aside
from bot.adapters.model_history import Change, ModelHistory, Story
from bot.adapters.model_records import KeptVerdict, Life, ModelNote, ModelRow, Standing
from bot.adapters.model_seal import read_kept, sealed, write_whole
from bot.adapters.model_verdicts import ModelVerdicts
from bot.core.errors import ConfigError, ModelError, StorageError
from bot.core.market import DAY_MS

REFERENCE: Final = "registry:"
"""What a path begins with that names the model in use of a registry, and not a bundle."""

_BUNDLES: Final = "bundles"
_LOCK: Final = "registry.lock"
_CLOCK: Final = SystemClock()
_SHORTEST_PREFIX: Final = 4
_PRINT: Final = re.compile("[0-9a-f]{64}")


class ModelRegistry:
    """
    A folder of models.

    Args:
        folder: Where it is; made by the first model that is added.
        now_ms: Tells the time of a change.
    """

    def __init__(self, folder: Path, now_ms: Callable[[], int] = _CLOCK.now_ms) -> None:
        self.folder = folder
        self._now_ms = now_ms
        self._bundles = folder / _BUNDLES
        self._history = ModelHistory(folder)
        self._verdicts = ModelVerdicts(folder / "verdicts")

    def add(self, bundle: Path, note: ModelNote) -> BundleFacts:
        """
        Take a copy of a bundle; one that is there already stays, with its note, unless it is damaged.

        Raises:
            ModelError: The bundle is not whole.
            StorageError: The disk refused.
        """
        facts = check_bundle(bundle)
        target = self.path(facts.fingerprint)
        with self._writing():
            if self._difference(facts.fingerprint) is not None:
                put_aside(target)
                copy_bundle(bundle, target)
            if self.note(facts.fingerprint) is None:
                write_whole(self._kept("notes", facts.fingerprint), sealed(note))
        return facts

    def path(self, fingerprint: str) -> Path:
        """Where a bundle is, or would be."""
        return self._bundles / fingerprint

    def find(self, name: str) -> str:
        """
        The fingerprint that a name, a fingerprint or the first digits of one stand for.

        Raises:
            ConfigError: No model is meant by it, or more than one.
        """
        prints = self._fingerprints()
        found = [one for one in prints if len(name) >= _SHORTEST_PREFIX and one.startswith(name)]
        found = found or [one for one in prints if self._name(one) == name]
        if len(found) != 1:
            told = ", ".join(f"{self._name(one) or 'damaged'}@{one[:12]}" for one in found or prints) or "nothing"
            raise ConfigError(f"{name} names {len(found)} models of {self.folder}: choose one of {told}")
        return found[0]

    def current(self) -> Standing:
        """
        The model in use, checked. Where it or the pointer is damaged, go back to the last good one and say so.

        Raises:
            ModelError: No model was ever promoted, or none that was is whole.
            StorageError: The disk refused.
        """
        story = self._history.read()
        if story.pointed is not None and self._difference(story.pointed.model) is None:
            return self._standing(story.pointed.model)
        if story.newest is None:
            told = "; ".join(story.damage) or "nothing was ever promoted there"
            raise ModelError(f"{self.folder} has no model in use: {told}; `candlewick models promote NAME` chooses one")
        with self._writing():
            return self._go_back(self._history.read())

    def in_use(self) -> str | None:
        """The fingerprint of the model in use, whole or not; None where there is none."""
        newest = self._history.read().newest
        return newest.model if newest else None

    def promote(self, fingerprint: str, *, forced: bool = False) -> Change | None:
        """
        Use a model from now on.

        Args:
            fingerprint: A model of this registry.
            forced: Overrule the gates; the history will say so.

        Returns:
            What was written, None where it is in use already.

        Raises:
            ModelError: The bundle is damaged, or it did not pass every gate against the model in use.
            StorageError: The disk refused.
        """
        with self._writing():
            facts = check_bundle(self.path(fingerprint), fingerprint)
            story = self._history.read()
            if story.pointed is not None and story.pointed.model == fingerprint:
                return None
            refusal = self.refusal(fingerprint)
            if refusal is not None and not forced:
                raise ModelError(f"{facts.name}@{fingerprint[:12]} is not promoted: {refusal}")
            reason = f"by force, though {refusal}" if refusal else "it passed every gate"
            return self._history.write("promoted", fingerprint, self._now_ms(), reason, forced=refusal is not None)

    def roll_back(self, to: str | None = None, reason: str = "asked for") -> Change:
        """
        Use a model again that was in use before.

        Args:
            to: Its fingerprint; the last whole one before this if None.
            reason: Why, in words.

        Raises:
            ModelError: There is none, it is damaged, or it was never in use.
            StorageError: The disk refused.
        """
        with self._writing():
            story = self._history.read()
            if to is not None and to not in story.models()[1:]:
                raise ModelError(f"{to[:12]} was never in use before this one: `candlewick models promote` takes it")
            if to is None:
                to = next((one for one in story.in_turn()[1:] if self._difference(one) is None), None)
            if to is None:
                raise ModelError(f"{self.folder} has no whole model that was in use before: nothing to go back to")
            check_bundle(self.path(to), to)
            return self._history.write("rolled back", to, self._now_ms(), reason, forced=False)

    def keep_verdict(self, verdict: KeptVerdict) -> None:
        """Write down what the gates said, behind what they said before."""
        with self._writing():
            self._verdicts.append(verdict)

    def verdict(self, fingerprint: str) -> KeptVerdict | None:
        """What the gates said last of a challenger; None where nothing was, or what is kept is damaged."""
        return self._verdicts.last(fingerprint)

    def attempt(self, challenger: str, candles: str, span: tuple[int, int]) -> int:
        """Count, from 1, how often the model in use was challenged on candles that overlap these."""
        return self._verdicts.attempt(challenger, self.in_use(), candles, span)

    def refusal(self, fingerprint: str) -> str | None:
        """Why a model is not promoted without force; None where nothing speaks against it."""
        verdict, story, champion = self.verdict(fingerprint), self._history.read(), self.in_use()
        if verdict is None or verdict.challenger != fingerprint:
            return "no gate has judged it: `candlewick models judge` or `candlewick retrain` does"
        if verdict.champion != champion:
            judged, used = (one[:12] if one else "no model" for one in (verdict.champion, champion))
            return f"it was judged beside {judged}, and {used} is in use: judge it again"
        left_ms = story.left_ms(fingerprint)
        if left_ms is not None and verdict.until_ms <= left_ms:
            return "it was gone back from since the last candle that it was judged on: judge it again on later ones"
        return None if verdict.passed else verdict.refusals()

    def note(self, fingerprint: str) -> ModelNote | None:
        """When a model came, and how long it lives; None where that is not known."""
        return read_kept(self._kept("notes", fingerprint), ModelNote)

    def rows(self) -> tuple[ModelRow, ...]:
        """Every model, in the order in which they came."""
        story = self._history.read()
        rows = [self._row(one, story) for one in self._fingerprints()]
        return tuple(sorted(rows, key=lambda row: (row.note.added_at_ms if row.note else 0, row.fingerprint)))

    def story(self) -> Story:
        """Every change of the model in use, and what of it is damaged."""
        return self._history.read()

    def _go_back(self, story: Story) -> Standing:
        """Find the last whole model that was in use, and use it; the pointer's own where only the pointer is lost."""
        differences = {one: self._difference(one) for one in story.models()}
        whole = [one for one, difference in differences.items() if difference is None]
        told = "; ".join((*story.damage, *filter(None, differences.values())))
        if not whole:
            raise ModelError(f"{self.folder} has no whole model to go back to: {told}")
        if story.pointed is None or story.pointed.model != whole[0]:
            self._history.write("rolled back", whole[0], self._now_ms(), told, forced=False)
            told = f"{told}; went back to {self._name(whole[0])}@{whole[0][:12]}, the last good model"
        return self._standing(whole[0], *((told,) if told else ()))

    def _standing(self, fingerprint: str, *remarks: str) -> Standing:
        return Standing(check_bundle(self.path(fingerprint), fingerprint), self.path(fingerprint), remarks)

    def _row(self, fingerprint: str, story: Story) -> ModelRow:
        note, verdict = self.note(fingerprint), self.verdict(fingerprint)
        verdicts = self._verdicts.of(fingerprint)
        try:
            facts = check_bundle(self.path(fingerprint), fingerprint)
        except ModelError as error:
            return ModelRow(fingerprint, "damaged", None, note, verdict, str(error), verdicts)
        models = story.models()
        state: Literal["current", "former", "challenger"] = "challenger"
        if fingerprint in models:
            state = "current" if models[0] == fingerprint else "former"
        return ModelRow(fingerprint, state, facts, note, verdict, verdicts=verdicts)

    def _difference(self, fingerprint: str) -> str | None:
        """What is wrong with a bundle; None where it is whole."""
        try:
            check_bundle(self.path(fingerprint), fingerprint)
        except ModelError as error:
            return str(error)
        return None

    def _name(self, fingerprint: str) -> str | None:
        try:
            return check_bundle(self.path(fingerprint), fingerprint).name
        except ModelError:
            return None

    def _fingerprints(self) -> list[str]:
        if not self.folder.is_dir():
            raise ConfigError(f"{self.folder} is no registry: `candlewick models add BUNDLE` or `retrain` makes one")
        return sorted(path.name for path in self._bundles.glob("*") if _PRINT.fullmatch(path.name))

    def _kept(self, kind: str, fingerprint: str) -> Path:
        return self.folder / kind / fingerprint

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the registry's lock, which the kernel takes back when its holder dies."""
        try:
            self._bundles.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._history.settle()
            yield
        finally:
            os.close(descriptor)


def resolve_bundle(path: Path, tell: Callable[[str], None]) -> Path:
    """
    The folder of a bundle, where `registry:FOLDER` stands for the model in use of a registry.

    Args:
        path: A bundle's folder, or such a reference.
        tell: Called with every sentence about what had to be put right.

    Raises:
        ModelError: The registry has no whole model that was ever in use.
        StorageError: The disk refused.
    """
    text = str(path)
    if not text.startswith(REFERENCE):
        return path
    standing = ModelRegistry(Path(text.removeprefix(REFERENCE))).current()
    for remark in standing.remarks:
        tell(remark)
    return standing.path


def life_of(bundle: Path) -> Life | None:
    """How long the model in a registry's folder may be used; None for a bundle that lies elsewhere."""
    registry = ModelRegistry(bundle.parent.parent)
    note = registry.note(bundle.name)
    if note is None or bundle.parent.name != _BUNDLES:
        return None
    until_ms = check_bundle(bundle, bundle.name).trained_until_ms + note.life_ms
    return Life(until_ms, f"the model has outlived the {note.life_ms / DAY_MS:g} days after its last candle")
