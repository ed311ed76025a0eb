"""How bad is too bad: the levels of doubt in a model, where each begins, and how one answer is put."""

from collections.abc import Callable

from msgspec import Struct

from bot.core.forecast import Doubt


class Finding(Struct, frozen=True):
    """One answer: how many standard errors it is from what is expected, in words, and the level that it may reach."""

    errors: float
    say: Callable[[], str]
    most: Doubt = Doubt.STOP


class DriftLimits(Struct, frozen=True):
    """
    Standard errors at which each level begins; a level is left when every answer is `ease` below it.

    A column's spread counts for `spread_weight` of its standard errors: what is usual is known from a few windows of
    the training part only, and there are many columns. Spreads whose stability index is below `watched_index` never
    count, those below `shifted_index` only warn: many rows make small shifts sure, which does not make them matter.
    """

    warn: float = 4.0
    cut: float = 5.0
    stop: float = 6.0
    ease: float = 1.0
    spread_weight: float = 0.6
    watched_index: float = 0.10
    shifted_index: float = 0.25

    def level(self, finding: Finding, grace: float = 0.0) -> Doubt:
        """The level of one answer, were it `grace` standard errors worse."""
        errors = finding.errors + grace
        if errors >= self.stop:
            reached = Doubt.STOP
        elif errors >= self.cut:
            reached = Doubt.CUT
        else:
            reached = Doubt.WARN if errors >= self.warn else Doubt.NONE
        return min(reached, finding.most)
