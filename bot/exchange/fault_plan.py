"""
Which fault strikes now: rules with their counts and dice, and the log of those that did.

The same rules, seed and occasions give the same faults. Knows nothing of how a fault is carried out.
"""

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from bot.exchange.faults import AnyFault, Fault
from bot.exchange.occasions import Occasion
from bot.exchange.wire_log import WireLog

_F = TypeVar("_F", bound=Fault)


class _Armed:
    """A rule, and how often it fitted and struck."""

    def __init__(self, rule: AnyFault, dice: Random) -> None:
        self.rule = rule
        self._dice = dice
        self._seen = 0
        self._struck = 0

    def strikes(self, occasion: Occasion) -> bool:
        where = self.rule.where
        if not where.fits(occasion) or self._struck == where.times:
            return False
        self._seen += 1
        if self._seen <= where.skip or (where.chance < 1.0 and self._dice.random() >= where.chance):
            return False
        self._struck += 1
        return True


class FaultPlan:
    """
    The faults of one exchange.

    Args:
        rules: Asked in this order.
        seed: For the rules that leave it to chance, and for jitter.
    """

    def __init__(self, rules: Iterable[AnyFault] = (), seed: int = 0) -> None:
        self.log = WireLog()
        self.dice = Random(f"{seed} jitter")  # noqa: S311 - dice, not keys
        self._seed = seed
        self._armed: dict[type[Fault], list[_Armed]] = {}
        self._count = 0
        self.is_watched = False
        self.add(rules)

    @property
    def is_idle(self) -> bool:
        """Whether nothing can go wrong and nobody wants to know: then there is nothing to ask the plan."""
        return not (self._count or self.is_watched)

    @property
    def rules(self) -> list[AnyFault]:
        """The rules, by kind and in their order."""
        return [armed.rule for kind in self._armed.values() for armed in kind]

    def add(self, rules: Iterable[AnyFault]) -> None:
        """Arm more rules; those that stand keep their counts."""
        for rule in rules:
            dice = Random(f"{self._seed} rule {self._count}")  # noqa: S311 - likewise
            self._armed.setdefault(type(rule), []).append(_Armed(rule, dice))
            self._count += 1

    def clear(self) -> None:
        """Disarm every rule. What struck stays in the log."""
        self._armed.clear()
        self._count = 0

    def first(self, kind: type[_F], occasion: Occasion) -> _F | None:
        """The first rule of a kind that strikes now. Later ones are not asked, and count nothing."""
        for armed in self._armed.get(kind, ()):
            if armed.strikes(occasion):
                return self._note(armed, kind, occasion)
        return None

    def every(self, kind: type[_F], occasion: Occasion) -> list[_F]:
        """All rules of a kind that strike now."""
        armed_rules = self._armed.get(kind, ())
        return [self._note(armed, kind, occasion) for armed in armed_rules if armed.strikes(occasion)]

    def covering(self, kind: type[_F], occasion: Occasion) -> list[_F]:
        """Rules of a kind whose selector fits, without counting, chance or note in the log."""
        rules = (armed.rule for armed in self._armed.get(kind, ()) if armed.rule.where.fits(occasion))
        return [rule for rule in rules if isinstance(rule, kind)]

    def _note(self, armed: _Armed, kind: type[_F], occasion: Occasion) -> _F:
        rule = armed.rule
        assert isinstance(rule, kind)  # noqa: S101 - rules are kept by their type
        self.log.strike(rule, occasion)
        return rule
