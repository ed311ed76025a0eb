"""An engine whose venue is played by a test, and what its commands ask for."""

from collections.abc import Iterable
from decimal import Decimal

from bot.core.commands import AnyCommand, CancelOrder, Deed, SubmitOrder
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    ModelReady,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    SessionStarted,
)
from bot.core.market import Candle
from bot.core.orders import Intent
from bot.engine.engine import Engine
from risk.breakers import TradingState
from tests.hourly_bars import BTC, T0, closed
from tests.made_orders import fill


def deeds(commands: Iterable[AnyCommand]) -> list[Deed]:
    """What leaves for the broker."""
    return [command for command in commands if isinstance(command, (SubmitOrder, CancelOrder))]


class Driver:
    """An engine whose venue is played by the test: every event is fed by hand, every command looked at."""

    def __init__(self, core: Engine, *, bundle: str = "") -> None:
        self.engine = core
        self.commands: list[AnyCommand] = []
        self.feed(SessionStarted(T0))
        for symbol in core.state.markets:
            self.feed(Backfilled(T0, symbol, 0, T0, ()))
        self.feed(AccountReconciled(T0))
        if bundle:
            self.feed(ModelReady(T0, bundle))

    def feed(self, *events: AnyEvent) -> list[AnyCommand]:
        """Feed events; return what the last one caused."""
        new: list[AnyCommand] = []
        for event in events:
            new = self.engine.process(event)
            self.commands += new
        return new

    def close(self, candle: Candle, symbol: str = BTC) -> list[AnyCommand]:
        """Close a candle."""
        return self.feed(closed(candle, symbol))

    def filled(
        self,
        wish: Intent,
        price: str,
        quantity: str | None = None,
        *,
        trade_id: str = "",
        fee: str = "0",
        fee_asset: str = "USDT",
    ) -> list[AnyCommand]:
        """Execute an order, wholly unless a quantity is given."""
        done = fill(
            wish.side,
            quantity or str(wish.quantity),
            price,
            fee=fee,
            fee_asset=fee_asset,
            order_id=wish.client_order_id,
            trade_id=trade_id or f"{wish.client_order_id}-{price}-{quantity}",
            symbol=wish.symbol,
        )
        return self.feed(OrderFilled(self.engine.time_ms, done))

    def cancelled(self, order_id: str) -> list[AnyCommand]:
        """Answer a cancel."""
        return self.feed(OrderCancelled(self.engine.time_ms, order_id, "cancelled"))

    def rejected(self, order_id: str) -> list[AnyCommand]:
        """Refuse an order."""
        return self.feed(OrderRejected(self.engine.time_ms, order_id, "no"))

    def held(self, symbol: str = BTC) -> Decimal:
        """What is held of a market."""
        return self.engine.state.portfolio.position(symbol).quantity


def state_of(core: Engine) -> TradingState:
    """What may be traded now."""
    return core.trading_state


def submits(commands: Iterable[AnyCommand]) -> list[Intent]:
    """Orders that leave for the broker."""
    return [command.approved.intent for command in commands if isinstance(command, SubmitOrder)]


def cancels(commands: Iterable[AnyCommand]) -> list[str]:
    """Orders that are asked back."""
    return [command.client_order_id for command in commands if isinstance(command, CancelOrder)]
