"""
What must be true before anything is bought: a proven model, books that agree with the venue's, an operator's leave.

Start-up and recovery are one path: every session is halted until its model and account are proven.
"""

from decimal import Decimal
from typing import Final

from bot.core.commands import AnyCommand, Notify, WakeAt
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    BoundsChanged,
    EpochBegan,
    Flatten,
    Halt,
    HoldingShort,
    MarketBarred,
    ModelDoubted,
    SessionStarted,
)
from bot.core.forecast import Doubt
from bot.core.orders import ZERO
from bot.engine.books import Books
from bot.engine.desk import OrderDesk
from bot.engine.state import EngineState, MarketState
from bot.engine.watch import AccountWatch
from risk.breakers import BreakerState, rearm

RECONCILE_TIMER: Final = "reconcile"


_DOUBTS: Final = {
    Doubt.NONE: "the model is trusted again",
    Doubt.WARN: "the model is watched",
    Doubt.CUT: "the model is doubted, half of the size is traded",
    Doubt.STOP: "the model is not trusted, nothing is bought",
}


class Readiness:
    """
    Keeps what the trading state depends on, but for the breakers.

    Args:
        state: The engine's.
        books: What is asked of the venue, and what it should hold.
        watch: Works out the trading state.
        desk: Takes entries back, and sells.
        reconcile_ms: Between two comparisons with the venue's books; 0 compares at the start of a session alone.
    """

    def __init__(
        self, state: EngineState, books: Books, watch: AccountWatch, desk: OrderDesk, reconcile_ms: int
    ) -> None:
        self._state = state
        self._books = books
        self._watch = watch
        self._desk = desk
        self._reconcile_ms = reconcile_ms

    def on_session(self, event: SessionStarted, out: list[AnyCommand]) -> None:
        """Halt until everything is proven anew, and ask for the comparison of the books."""
        del event
        for market in self._state.markets.values():
            # Who tells of the place of execution begins anew as well, and says only what is different now.
            market.barred, market.least, market.most, market.missing = "", ZERO, ZERO, ZERO
        self._state.model_ready = self._state.reconciled = False
        self._watch.renew()
        self.compare(out)

    def on_model(self) -> None:
        """The model has reproduced its own test vectors."""
        self._state.model_ready = True
        self._watch.renew()

    def compare(self, out: list[AnyCommand]) -> None:
        """Ask the broker to bring its books and ours together."""
        out.append(self._books.reconcile())

    def on_reconciled(self, event: AccountReconciled, out: list[AnyCommand]) -> None:
        """The books agree. Foreign money is watched, said and left alone."""
        state = self._state
        # At the very first look nothing has changed; after a restart, what has since the look before it.
        if state.reconciled or state.foreign:
            self._tell_foreign(event, out)
        state.foreign = event.foreign
        if state.drift:
            out.append(Notify(event.at_ms, "account_agrees", "the venue's books and ours agree again"))
        state.reconciled, state.drift = True, ""
        self._watch.renew()
        self._compare_again(event.at_ms, out)

    def on_drifted(self, event: AccountDrifted, out: list[AnyCommand]) -> None:
        """The books differ: nothing is bought until they agree again."""
        state = self._state
        if state.drift != event.reason:
            text = f"the venue's books and ours differ: {event.reason}; no entries until they agree"
            out.append(Notify(event.at_ms, "account_drifted", text))
        # Halted would keep exits back as well: what is held may always be sold.
        state.reconciled, state.drift = True, event.reason
        self._watch.renew()
        self._desk.take_entries_back(out)
        self._compare_again(event.at_ms, out)

    def on_doubt(self, event: ModelDoubted, out: list[AnyCommand]) -> None:
        """Trust the model's forecasts so far and no further."""
        state = self._state
        markets = [state.markets[event.symbol]] if event.symbol else state.markets.values()
        for market in markets:
            market.doubt, market.doubted = event.doubt, event.reason
            if event.doubt is Doubt.STOP:
                self._desk.take_entry_back(market, out)
        text = f"{event.symbol or 'every market'}: {_DOUBTS[event.doubt]}: {event.reason}"
        out.append(Notify(event.at_ms, "model_doubted", text))

    def on_epoch(self, event: EpochBegan, out: list[AnyCommand]) -> None:
        """The venue has forgotten us: begin again with the whole budget, and sell nothing that is not there."""
        positions = self._state.portfolio.positions.items()
        held = ", ".join(f"{position.quantity} {symbol}" for symbol, position in positions)
        text = f"the venue has begun anew ({event.reason}): {held or 'nothing'} was held there, and is gone"
        out.append(Notify(event.at_ms, "epoch_began", text))
        self._books.begin_epoch()
        self._desk.begin_epoch()
        self._state.breakers = BreakerState()
        self._watch.begin_epoch(self._state.breakers)
        self._watch.renew()

    def on_barred(self, market: MarketState, event: MarketBarred, out: list[AnyCommand]) -> None:
        """The place of execution takes no entries in a market, or does again."""
        if bool(market.barred) is not bool(event.reason):
            what = f"no entries any more: {event.reason}" if event.reason else "entries again"
            code = "market_barred" if event.reason else "market_open"
            out.append(Notify(event.at_ms, code, f"{market.symbol}: {what}"))
        market.barred = event.reason

    def on_bounds(self, market: MarketState, event: BoundsChanged, out: list[AnyCommand]) -> None:
        """The place of execution takes no smaller and no greater order in a market now."""
        market.least, market.most = event.least, event.most
        least, most = (f"{bound.normalize():f}" for bound in (event.least, event.most))
        at_most = f", and no more than {most} at once" if event.most else ""
        text = f"{market.symbol}: no less than {least} can be sold there now{at_most}: what is left below that stays"
        out.append(Notify(event.at_ms, "bounds_changed", text))

    def on_short(self, market: MarketState, event: HoldingShort, out: list[AnyCommand]) -> None:
        """The account has less to sell than is held, or has all of it again: stop and exit are for what is there."""
        market.missing = event.missing
        if event.missing:
            text = f"{market.symbol}: {event.reason}; stop and exit are for what is there"
            out.append(Notify(event.at_ms, "holding_short", text))
        else:
            out.append(Notify(event.at_ms, "holding_whole", f"{market.symbol}: all that is held can be sold again"))
        self._desk.sell_all(out)
        self._desk.protect(market, out)

    def on_halt(self, event: Halt, out: list[AnyCommand]) -> None:
        """Stop trading until somebody says otherwise; protective stops stay."""
        if self._state.operator_halt != event.reason:
            out.append(Notify(event.at_ms, "halted", f"trading is halted: {event.reason}"))
        self._state.operator_halt = event.reason
        self._watch.renew()
        self._desk.take_entries_back(out)

    def on_flatten(self, event: Flatten, out: list[AnyCommand]) -> None:
        """Sell what our own fills bought, and trade no more."""
        self._state.operator_halt = self._state.flattening = event.reason
        self._watch.renew()
        self._desk.take_entries_back(out)
        self._desk.tend(out)

    def on_resume(self) -> None:
        """Lift the operator's halt and a tripped drawdown breaker."""
        self._state.operator_halt = self._state.flattening = ""
        if self._state.breakers.drawdown_tripped:
            rearm(self._state.breakers, self._books.equity())
        self._watch.renew()

    def _compare_again(self, at_ms: int, out: list[AnyCommand]) -> None:
        if self._reconcile_ms:
            out.append(WakeAt(RECONCILE_TIMER, max(at_ms, self._state.time_ms) + self._reconcile_ms))

    def _tell_foreign(self, event: AccountReconciled, out: list[AnyCommand]) -> None:
        before, now = self._state.foreign, event.foreign
        changed = [
            f"{asset} from {before.get(asset, Decimal(0))} to {now.get(asset, Decimal(0))}"
            for asset in sorted(before.keys() | now.keys())
            if before.get(asset) != now.get(asset)
        ]
        if changed:
            text = f"what lies in the account beside ours has changed, and is left alone: {'; '.join(changed)}"
            out.append(Notify(event.at_ms, "foreign_balance", text))
