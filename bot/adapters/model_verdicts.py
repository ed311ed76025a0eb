"""
What the gates said of each challenger, every time they were asked.

One file a challenger, a sealed line a verdict. A verdict never replaces another one: who asks until the answer
pleases leaves a trace, and pays for each attempt. Knows nothing of what a gate measures.
"""

from pathlib import Path

from bot.adapters.model_records import KeptVerdict
from bot.adapters.model_seal import sealed, unsealed, write_whole
from bot.core.errors import ModelError, StorageError


class ModelVerdicts:
    """The verdicts of one registry. Writers hold its lock; readers need none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def append(self, verdict: KeptVerdict) -> None:
        """
        Write a verdict behind the others.

        Raises:
            StorageError: The disk refused.
        """
        lines = self._lines(verdict.challenger)
        write_whole(self._folder / verdict.challenger, b"".join([*lines, sealed(verdict)]))

    def of(self, challenger: str) -> tuple[KeptVerdict, ...]:
        """Every verdict on a challenger that is whole, in order of time."""
        return tuple(one for one in map(self._read, self._lines(challenger)) if one is not None)

    def last(self, challenger: str) -> KeptVerdict | None:
        """The newest verdict on a challenger; None where there is none, or it is damaged."""
        lines = self._lines(challenger)
        return self._read(lines[-1]) if lines else None

    def attempt(self, challenger: str, champion: str | None, candles: str, span: tuple[int, int]) -> int:
        """
        Count, from 1, how often anybody was held against a model on candles that overlap these.

        The same challenger on the same candles is the same attempt: its answer cannot change.

        Args:
            challenger: Who is judged.
            champion: The model in use, None where there is none.
            candles: What names the candles.
            span: First and last close of them.
        """
        kept = [one for path in self._folder.glob("*") if not path.name.startswith(".") for one in self.of(path.name)]
        asked = {
            (one.challenger, one.candles): one.attempt
            for one in kept
            if one.champion == champion and one.overlaps(*span)
        }
        return asked.get((challenger, candles), 1 + len(asked))

    def _lines(self, challenger: str) -> list[bytes]:
        path = self._folder / challenger
        try:
            return path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error

    def _read(self, line: bytes) -> KeptVerdict | None:
        try:
            return unsealed(line, KeptVerdict, str(self._folder))
        except ModelError:
            return None
