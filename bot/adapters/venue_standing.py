"""
How we stand with a venue: whether it may be spoken to, whether it takes orders, and which markets it has closed.

What it refuses for reasons of its own is not tried again at once: a ban grows with every request during it, and a key
that was refused stays refused. Sans-I/O.
"""

from collections.abc import Mapping

from msgspec import Struct

from bot.adapters.order_messages import Answered, Outcome, Refusal, Refused, RenewRules, RulesHeard
from bot.adapters.order_outputs import OrderOutput
from bot.adapters.order_patience import OrderPatience
from bot.core.events import Halt, MarketBarred
from bot.core.market import Instrument


class _Closed(Struct, frozen=True):
    """A market that takes no orders: tried again after a pause, and closed for twice as long if that is refused."""

    reason: str
    until_ms: int
    pause_ms: int


class VenueStanding:
    """What the venue's refusals mean for everything that we want of it."""

    def __init__(self, instruments: Mapping[str, Instrument], patience: OrderPatience) -> None:
        self._instruments = instruments
        self._misfits = dict.fromkeys(instruments, "")
        self._patience = patience
        self._silent_until_ms = 0
        self._silence = ""
        self._no_orders_until_ms = 0
        self._down = ""
        self._key_refused_until_ms: int | None = None
        self._closed: dict[str, _Closed] = {}
        self._told = dict.fromkeys(instruments, "")

    @property
    def silent_until_ms(self) -> int:
        """Before this nothing at all is asked or sent."""
        return self._silent_until_ms

    @property
    def is_down(self) -> bool:
        """Whether the venue said that it is closed as a whole."""
        return bool(self._down)

    @property
    def due_ms(self) -> int | None:
        """When the next market is tried again; None where none is closed."""
        return min((closed.until_ms for closed in self._closed.values() if closed.reason), default=None)

    @property
    def orders_from_ms(self) -> int:
        """Before this no order is sent."""
        return max(self._silent_until_ms, self._no_orders_until_ms)

    def heard_from(self, due_ms: int | None) -> int | None:
        """When something that is due then, if anything is, can be asked."""
        return None if due_ms is None else max(due_ms, self._silent_until_ms)

    def no_order(self, now: int) -> str:
        """Why no order at all can be sent now; empty where one can."""
        if now < self._silent_until_ms:
            return self._silence
        return "the venue takes no more orders for the moment" if now < self._no_orders_until_ms else ""

    def no_entry(self, symbol: str, now: int) -> str:
        """Why no entry can be sent in a market now; empty where one can."""
        return self.no_order(now) or self._reason(symbol)

    def learn(
        self, outcome: Outcome | None, symbol: str, now: int, out: list[OrderOutput], *, was_order: bool = False
    ) -> None:
        """Take what became of a request about a market, which was an order or something else."""
        if isinstance(outcome, Refused):
            self._refused(outcome, symbol, now, out, was_order=was_order)
        elif isinstance(outcome, Answered):
            if was_order:
                self._closed.pop(symbol, None)
            self.spoke(now, out)

    def spoke(self, now: int, out: list[OrderOutput]) -> None:
        """The venue has answered as it should: it is not down, and the key is good."""
        self._down, self._key_refused_until_ms = "", None
        self._tell(now, out)

    def fit(self, heard: RulesHeard, *, is_watched: bool, now: int, out: list[OrderOutput]) -> None:
        """
        See whether what we would send keeps the rules of a market.

        A run keeps the grid that it began with. Where the venue has a coarser one now, or takes no stops any more, what
        is bought could not be protected: every entry would be followed by an exit.
        """
        instrument = self._instruments.get(heard.symbol)
        if instrument is not None:
            self._misfits[heard.symbol] = _misfit(instrument, heard, is_watched=is_watched)
            self._tell(now, out)

    def look(self, now: int, out: list[OrderOutput]) -> None:
        """Let markets be tried again whose pause is over."""
        for symbol, closed in self._closed.items():
            if closed.reason and now >= closed.until_ms:
                self._closed[symbol] = _Closed("", closed.until_ms, closed.pause_ms)
                self._tell(now, out)

    def _refused(self, refused: Refused, symbol: str, now: int, out: list[OrderOutput], *, was_order: bool) -> None:
        patience, retry_at_ms = self._patience, refused.retry_at_ms or 0
        match refused.refusal:
            case Refusal.LIMITED if was_order:
                self._no_orders_until_ms = max(self._no_orders_until_ms, retry_at_ms or now + patience.limited_ms)
            case Refusal.LIMITED:
                self._fall_silent(retry_at_ms or now + patience.limited_ms, refused.reason)
            case Refusal.BLOCKED:
                self._down = refused.reason
                self._fall_silent(retry_at_ms or now + patience.blocked_ms, refused.reason)
            case Refusal.CREDENTIALS:
                until_ms = retry_at_ms or now + patience.credentials_ms
                self._fall_silent(until_ms, refused.reason)
                self._refuse_key(refused.reason, until_ms, now, out)
            case Refusal.MAINTENANCE:
                self._down = refused.reason
            case Refusal.MARKET_CLOSED:
                self._close(symbol, refused.reason, now)
                out.append(RenewRules(symbol))
            case Refusal.RULES if was_order:
                out.append(RenewRules(symbol))
            case _:
                return
        self._tell(now, out)

    def _fall_silent(self, until_ms: int, reason: str) -> None:
        if until_ms > self._silent_until_ms:
            self._silent_until_ms, self._silence = until_ms, reason

    def _refuse_key(self, reason: str, until_ms: int, now: int, out: list[OrderOutput]) -> None:
        # Requests that were on their way together are refused together: that is told once. A refusal after the pause
        # is told again, since somebody may have resumed meanwhile.
        if self._key_refused_until_ms is None or now >= self._key_refused_until_ms:
            self._key_refused_until_ms = until_ms
            advice = "check the key, its rights and its addresses at the venue, then resume"
            out.append(Halt(now, f"the venue refuses our key: {reason}; {advice}"))

    def _close(self, symbol: str, reason: str, now: int) -> None:
        before = self._closed.get(symbol)
        patience = self._patience
        if before and before.reason and now < before.until_ms:
            return  # a cancel is asked again meanwhile: that is no new try of the market
        pause_ms = min(2 * before.pause_ms, patience.longest_closed_ms) if before else patience.closed_ms
        self._closed[symbol] = _Closed(reason or "the market is closed", now + pause_ms, pause_ms)

    def _reason(self, symbol: str) -> str:
        closed = self._closed.get(symbol)
        return self._down or (closed.reason if closed else "") or self._misfits.get(symbol, "")

    def _tell(self, now: int, out: list[OrderOutput]) -> None:
        for symbol, told in self._told.items():
            reason = self._reason(symbol)
            if bool(reason) is not bool(told):
                self._told[symbol] = reason
                out.append(MarketBarred(now, symbol, reason))


def _misfit(instrument: Instrument, heard: RulesHeard, *, is_watched: bool) -> str:
    """Why what is written by the run's own grid would be refused; empty where it would not."""
    lots = [step for step in heard.lot_steps if instrument.lot_step % step]
    ticks = [step for step in heard.tick_sizes if instrument.tick_size % step]
    advice = "start a new run, which takes the new rules"
    if lots:
        return f"the venue's lot step is {lots[0].normalize():f} now, ours is {instrument.lot_step}: {advice}"
    if ticks:
        return f"the venue's tick size is {ticks[0].normalize():f} now, ours is {instrument.tick_size}: {advice}"
    if not (heard.takes_stops or is_watched):
        return f"the venue takes no stops there any more: {advice}"
    return ""
