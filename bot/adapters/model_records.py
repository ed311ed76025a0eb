"""What a registry keeps of each model beside its bundle. Values only; knows nothing of files."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from bot.adapters.model_files import BundleFacts
from bot.core.gate_names import GATE_NAMES


class ModelNote(Struct, frozen=True):
    """When a model came to the registry, from where, and how long after its last candle it may be used."""

    added_at_ms: int
    life_ms: int
    origin: str


class KeptGate(Struct, frozen=True):
    """What one gate said: its figure, None where it was not measured, and all of it in words."""

    name: str
    passed: bool
    said: str
    figure: float | None = None


class KeptVerdict(Struct, frozen=True):
    """
    What all gates said of a challenger beside the model that was in use then, None where there was none.

    `shadowed` counts the forecasts of `[from_ms, until_ms]` that were compared, `candles` names what they were made
    of, and `attempt` says how often a challenger was held against this model on candles that overlap these.
    """

    challenger: str
    champion: str | None
    at_ms: int
    from_ms: int
    until_ms: int
    shadowed: int
    gates: tuple[KeptGate, ...]
    candles: str = ""
    attempt: int = 1

    @property
    def passed(self) -> bool:
        """Whether every gate that there is was asked and passed."""
        return not self._unasked() and all(gate.passed for gate in self.gates)

    def refusals(self) -> str:
        """The gates that were not passed, or not asked, in words."""
        failed = [f"{gate.name}: {gate.said}" for gate in self.gates if not gate.passed]
        return "; ".join([*failed, *(f"{name}: it was not asked" for name in self._unasked())])

    def overlaps(self, from_ms: int, until_ms: int) -> bool:
        """Whether it is about candles of `[from_ms, until_ms]`."""
        return self.from_ms <= until_ms and from_ms <= self.until_ms

    def _unasked(self) -> list[str]:
        asked = {gate.name for gate in self.gates}
        return [name for name in GATE_NAMES if name not in asked]


class Standing(Struct, frozen=True):
    """The model in use, and in words what had to be put right to find it."""

    facts: BundleFacts
    path: Path
    remarks: tuple[str, ...] = ()


class ModelRow(Struct, frozen=True):
    """
    One model of a registry; `facts` is None and `difference` says why where its bundle is damaged.

    `verdict` is the last one, `verdicts` are all, in order of time.
    """

    fingerprint: str
    state: Literal["current", "former", "challenger", "damaged"]
    facts: BundleFacts | None
    note: ModelNote | None
    verdict: KeptVerdict | None
    difference: str | None = None
    verdicts: tuple[KeptVerdict, ...] = ()

    @property
    def expires_ms(self) -> int | None:
        """When it may no longer be used; None where nothing is known of it."""
        return self.facts.trained_until_ms + self.note.life_ms if self.facts and self.note else None


class Life(Struct, frozen=True):
    """How long a model may be used: entries stop at the first close from `until_ms` on, for this `reason`."""

    until_ms: int
    reason: str
