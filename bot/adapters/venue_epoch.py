"""
Orders that the venue had and does not know any more: gone one by one, or the venue has begun anew.

Practice venues are emptied about once a month. Then none of our orders has ever been, the balances are others, and to
go on with positions that were bought before would be to sell somebody else's coins. Pure.
"""

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from enum import Enum, auto

from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import Balance
from bot.core.market import Instrument
from bot.core.orders import ZERO


class Verdict(Enum):
    """What the missing orders mean."""

    NOTHING = auto()  # none is missing, or more has to be heard
    GONE = auto()  # those that have vanished are over
    NEW_EPOCH = auto()  # the venue has begun anew


class EpochWatch:
    """
    Judges missing orders together.

    Args:
        instruments: Our markets.
        may_reset: Whether the venue begins anew from time to time; one with real money never does.
    """

    def __init__(self, instruments: Mapping[str, Instrument], *, may_reset: bool) -> None:
        self._instruments = instruments
        self._may_reset = may_reset
        self._before: dict[str, Decimal] = {}
        self._now: dict[str, Decimal] = {}

    def expect(self, own: Mapping[str, Decimal], foreign: Mapping[str, Decimal]) -> None:
        """Go by the books until something is seen: what is ours, and what else there was when they agreed last."""
        if not self._before:
            assets = own.keys() | foreign.keys()
            self._before = {asset: own.get(asset, ZERO) + foreign.get(asset, ZERO) for asset in assets}

    def see(self, balances: Mapping[str, Balance], fates: Iterable[OrderFate], shown: Container[str]) -> None:
        """Remember what is in the account, and what was when all of our orders were last shown to be open."""
        self._now = {asset: balance.total for asset, balance in balances.items()}
        if all(fate.intent.client_order_id in shown for fate in fates if fate.is_at_venue):
            self._before = self._now

    def judge(self, fates: Iterable[OrderFate]) -> Verdict:
        """Say what follows from the orders that have vanished."""
        held = [fate for fate in fates if fate.is_at_venue]
        vanished = [fate for fate in held if fate.is_vanished]
        if not vanished:
            return Verdict.NOTHING
        if not self._may_reset:
            return Verdict.GONE
        if any(fate.absence.is_suspected and not fate.is_vanished for fate in held):
            return Verdict.NOTHING
        # What was sent after the last word of them may stand in a new epoch already: it proves nothing.
        last_ms = max(fate.record.heard_ms for fate in vanished)
        others = [fate for fate in held if not fate.is_vanished and fate.questions.placing.asked_ms <= last_ms]
        since_ms = min(fate.absence.since_ms or 0 for fate in vanished)
        if any(fate.record.heard_ms < since_ms for fate in others):
            return Verdict.NOTHING  # the next look at the open orders says whether they are there
        return Verdict.GONE if others or not self._has_other_money(vanished) else Verdict.NEW_EPOCH

    def forget(self) -> None:
        """A new epoch begins with what is in the account now."""
        self._before = self._now

    def _has_other_money(self, vanished: Iterable[OrderFate]) -> bool:
        """Whether nothing that our orders dealt in is as it was."""
        markets = [self._instruments[fate.intent.symbol] for fate in vanished]
        assets = {asset for market in markets for asset in (market.base, market.quote)}
        return all(self._before.get(asset, ZERO) != self._now.get(asset, ZERO) for asset in assets)
