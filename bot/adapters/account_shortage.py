"""
Coins that our fills bought and the account has not got to sell: gone, or locked by orders that are not ours.

A venue that refuses a sell for want of coins has said so little that nothing can be decided from it. A look at the
account says how much there is: that is sold and protected, and the engine is told of the rest. It is looked for again
until all of it is there. Sans-I/O.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from bot.adapters.order_fate import OrderFate
from bot.adapters.order_messages import AccountLookedUp, Balance, OrderReport
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.core.events import HoldingShort
from bot.core.market import Instrument
from bot.core.orders import SELL, ZERO

_SOON: Final = 3
"""So many looks in a row come soon after each other, since balances lag; those after them take their time."""


class AccountShortage:
    """
    What is missing in each of our markets.

    Args:
        instruments: Our markets.
        patience: Durations.
    """

    def __init__(self, instruments: Mapping[str, Instrument], patience: OrderPatience) -> None:
        self._instruments = instruments
        self._patience = patience
        self._missing: dict[str, Decimal] = {}
        self._looks = 0
        self._due_ms: int | None = None

    @property
    def due_ms(self) -> int | None:
        """When the account is to be looked at again; None while nothing is missing."""
        return self._due_ms

    def see(
        self,
        seen: AccountLookedUp,
        own: Mapping[str, Decimal],
        fates: Iterable[OrderFate],
        now: int,
        out: list[OrderOutput],
    ) -> None:
        """
        Take a look at the account.

        Args:
            seen: The look, which was answered.
            own: What is ours, by asset.
            fates: Our orders.
            now: The time.
            out: Gets what is missing, where that is news, and then what becomes of the orders that waited for it.
        """
        if seen.balances is None or seen.open_orders is None:
            return
        by_market: dict[str, list[OrderFate]] = {symbol: [] for symbol in self._missing}
        for fate in fates:
            by_market.setdefault(fate.intent.symbol, []).append(fate)
        is_open = False
        for symbol, ours in sorted(by_market.items()):
            waiting = [fate for fate in ours if fate.lacks_coins]
            if not waiting and symbol not in self._missing:
                continue
            instrument = self._instruments[symbol]
            balance = seen.balances.get(instrument.base, Balance())
            is_still = all(_is_still(fate, seen.asked_at_ms) for fate in ours)
            if is_still:
                there = balance.free + sum((_held_by(fate, seen.open_orders) for fate in ours), ZERO)
                self._tell(symbol, own.get(instrument.base, ZERO), there, balance, now, out)
            lots = instrument.quantize_quantity(balance.free)
            most = lots if lots >= instrument.min_quantity else ZERO
            for fate in waiting:
                fate.found(most, seen.asked_at_ms, now, out, is_told=is_still and symbol in self._missing)
                is_open = is_open or fate.lacks_coins
        self._plan(now, is_open=is_open)

    def begin_epoch(self) -> None:
        """Nothing was held at a venue that begins anew."""
        self._missing.clear()
        self._due_ms = None

    def _tell(
        self, symbol: str, own: Decimal, there: Decimal, balance: Balance, now: int, out: list[OrderOutput]
    ) -> None:
        missing = max(own - there, ZERO)
        if missing == self._missing.get(symbol, ZERO):
            return
        self._looks = 0
        if missing:
            self._missing[symbol] = missing
        else:
            del self._missing[symbol]
        base = self._instruments[symbol].base
        locked = min(missing, max(balance.total - there, ZERO))
        why = f", and {locked} are locked by orders that are not ours" if locked else ""
        reason = f"of {own} {base} that are ours the account has {there} to sell{why}" if missing else ""
        out.append(HoldingShort(now, symbol, missing, reason))

    def _plan(self, now: int, *, is_open: bool) -> None:
        if not (self._missing or is_open):
            self._due_ms, self._looks = None, 0
            return
        self._looks += 1
        self._due_ms = now + (self._patience.drift_ms if self._looks <= _SOON else self._patience.live_poll_ms)


def _held_by(fate: OrderFate, shown: Iterable[OrderReport]) -> Decimal:
    """What one of our sells holds of the coins, as a list of open orders shows it."""
    if fate.intent.side is not SELL:
        return ZERO
    return sum((report.quantity - report.executed for report in shown if fate.record.concerns(report)), ZERO)


def _is_still(fate: OrderFate, asked_ms: int) -> bool:
    """Whether nothing of an order is on the move that a look at the account, asked for then, could have missed."""
    record = fate.record
    if fate.is_pending and not (fate.is_at_venue and not record.takes_liquidity):
        return False
    return record.trades.is_complete and (record.heard_ms <= asked_ms or record.confirmed_ms >= asked_ms)
