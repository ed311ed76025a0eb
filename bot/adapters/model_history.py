"""
Which model is used, and every change of that: one pointer, and a history that only grows.

The pointer holds the newest change whole, and is replaced by one rename: that is the moment at which a change
happens. Only then is the same line added to the history, and whoever finds it missing there adds it first, so a
death at any moment leaves the change done or not begun. Each line names the seal of the one before. Knows nothing of
what a model is.
"""

import os
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from bot.adapters.model_seal import seal_of, sealed, unsealed, write_whole
from bot.core.errors import ModelError, StorageError

POINTER: Final = "current"
HISTORY: Final = "history"

_FIRST: Final = "0" * 64
"""What the first change follows."""

Action = Literal["promoted", "rolled back"]


class Change(Struct, frozen=True):
    """
    One change of the model in use, `number` counted from 1.

    `model` and `before` are fingerprints, `forced` says that the gates were overruled, `previous` is the seal of the
    change before.
    """

    number: int
    at_ms: int
    action: Action
    model: str
    before: str | None
    forced: bool
    reason: str
    previous: str


class Story(Struct, frozen=True):
    """
    What pointer and history say.

    `pointed` is None where the pointer is missing or damaged; `changes` are those that can be trusted, in order;
    `damage` says in words what cannot.
    """

    pointed: Change | None
    changes: tuple[Change, ...]
    damage: tuple[str, ...]

    @property
    def newest(self) -> Change | None:
        """The change that counts: the pointer's, or the history's last where the pointer is lost."""
        return self.pointed or (self.changes[-1] if self.changes else None)

    def left_ms(self, model: str) -> int | None:
        """When a model was last gone back from; None if it never was."""
        left = [change.at_ms for change in self.changes if change.action == "rolled back" and change.before == model]
        return max(left, default=None)

    def in_turn(self) -> tuple[str, ...]:
        """The model in use, the one that it followed, and so on; one that was gone back from is not among them."""
        turn: list[str] = []
        for change in self.changes:
            if change.model in turn:
                del turn[turn.index(change.model) :]
            turn.append(change.model)
        return tuple(reversed(turn))

    def models(self) -> tuple[str, ...]:
        """Every model that was ever in use, each once: those of `in_turn`, then the others, the newest first."""
        return tuple(dict.fromkeys([*self.in_turn(), *(change.model for change in reversed(self.changes))]))


class ModelHistory:
    """The pointer and the history of one registry. Writers hold its lock; readers need none."""

    def __init__(self, folder: Path) -> None:
        self._pointer = folder / POINTER
        self._history = folder / HISTORY

    def read(self) -> Story:
        """
        Read both, trusting nothing that does not carry its own seal.

        Raises:
            StorageError: The disk refused.
        """
        changes, damage, last = self._lines()
        try:
            pointed = self._pointed()
        except ModelError as error:
            return Story(None, changes, (*damage, str(error)))
        newest = changes[-1] if changes else None
        if pointed is None:
            lost = (f"{self._pointer} is gone, the history ends with change {newest.number}",) if newest else ()
            return Story(None, changes, (*damage, *lost))
        if newest is not None and pointed.number < newest.number:
            told = f"{self._pointer} holds change {pointed.number}, the history ends with {newest.number}"
            return Story(None, changes, (*damage, told))
        if newest is None or pointed.number > newest.number:
            if pointed.previous != last:
                damage = (*damage, f"{self._history} lacks changes before number {pointed.number}")
            changes = (*changes, pointed)
        return Story(pointed, changes, damage)

    def write(self, action: Action, model: str, at_ms: int, reason: str, *, forced: bool) -> Change:
        """
        Make a change, once everything before it is settled; it has happened when this returns.

        Args:
            action: What is done.
            model: The model that is used from now on.
            at_ms: When.
            reason: Why, in words.
            forced: Whether the gates were overruled.

        Raises:
            StorageError: The disk refused; the change has happened or not, wholly.
        """
        story = self.read()
        _, _, last = self._lines()
        newest = story.newest
        number = max((change.number for change in story.changes), default=0) + 1
        change = Change(number, at_ms, action, model, newest.model if newest else None, forced, reason, last)
        write_whole(self._pointer, sealed(change))
        self._append(sealed(change))
        return change

    def settle(self) -> None:
        """Add the pointer's change to the history, where a death kept it from being there."""
        story, (changes, _, _) = self.read(), self._lines()
        if story.pointed is not None and story.pointed not in changes:
            self._append(sealed(story.pointed))

    def _pointed(self) -> Change | None:
        try:
            line = self._pointer.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{self._pointer} cannot be read: {error.strerror}") from error
        return unsealed(line, Change, str(self._pointer))

    def _lines(self) -> tuple[tuple[Change, ...], tuple[str, ...], str]:
        """Changes that can be trusted, what is wrong with the others, and the seal of the last line."""
        changes: list[Change] = []
        damage: list[str] = []
        previous = _FIRST
        for number, line in enumerate(self._whole_lines(), start=1):
            place = f"line {number} of {self._history}"
            try:
                change = unsealed(line, Change, place)
            except ModelError as error:
                damage.append(str(error))
            else:
                if change.previous != previous:
                    damage.append(f"{place} does not follow the line before it: lines are missing or exchanged")
                changes.append(change)
            previous = seal_of(line)
        return tuple(changes), tuple(damage), previous

    def _whole_lines(self) -> list[bytes]:
        try:
            data = self._history.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self._history} cannot be read: {error.strerror}") from error
        # What follows the last line feed is the rest of a write that died: the pointer still holds it.
        return data.split(b"\n")[:-1]

    def _append(self, line: bytes) -> None:
        try:
            descriptor = os.open(self._history, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            with os.fdopen(descriptor, "r+b") as file:
                end = file.read().rfind(b"\n") + 1
                file.truncate(end)
                file.seek(end)
                file.write(line)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise StorageError(f"{self._history} cannot be written: {error.strerror}") from error
