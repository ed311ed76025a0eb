"""
What the engine knows: plain values that can be written into a snapshot and read back.

Nothing here decides anything. What changes all the time is a dataclass and not a `msgspec.Struct`: setting a field is
what the one does faster.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import Struct

from bot.core.commands import CancelOrder, SubmitOrder
from bot.core.forecast import Doubt
from bot.core.market import Candle, Timeframe
from bot.core.orders import ZERO, Approved, Order
from bot.core.portfolio import Portfolio
from bot.core.window import WindowState
from risk.breakers import BreakerState
from risk.limits import RiskLimits

VOLATILITY_SPAN = 60
"""Span, in candles, of the exponential average behind a market's sigma."""

ATR_LENGTH = 14
"""Candles of Wilder's average true range."""


class EngineSettings(Struct, frozen=True):
    """
    What the engine must be told once.

    `id_prefix` is a function of the run, eight characters of `[a-z0-9]`. A forecast is too old after
    `forecast_deadline_ms`; an instant waits `batch_deadline_ms` for its last market. A position may be without a
    working stop for `unprotected_ms`, and the account is compared with the venue's every `reconcile_ms`; 0 is never,
    for a broker inside the process that answers at once.
    """

    timeframe: Timeframe
    limits: RiskLimits
    window_length: int
    forecast_deadline_ms: int
    batch_deadline_ms: int
    id_prefix: str
    unprotected_ms: int = 0
    reconcile_ms: int = 0


@dataclass(slots=True)
class MarketState:
    """
    One market: what was seen of it and what is under way in it.

    `asked` is the span that history was asked for, `held_back` are the candles that wait for its answer. The ids
    name working orders; empty is none. `pending_exit` is an exit that waits until the resting stop is out of the
    way; `unprotected` is the code of the last reason why a position could not be given a stop, `bare_since_ms` since
    when it has none that works, and `retreated_ms` when an exit last ended before all was sold, or a stop was lost.
    `suspended` is what is wrong with a market's data, `barred` why its place of execution takes no entries, `least`
    and `most` what it has named as the bounds of an order since the run began (0 where it has not), `missing` how much
    of what is held the account has not got to sell, `doubt` how far the model's forecasts of it are trusted and
    `doubted` why.
    """

    symbol: str
    mark: float = 0.0
    last: Candle | None = None
    sigma_squared: float = 0.0
    atr: float = 0.0
    signal_price: float = 0.0
    asked: tuple[int, int] | None = None
    held_back: list[Candle] = field(default_factory=list)
    suspended: str = ""
    barred: str = ""
    least: Decimal = ZERO
    most: Decimal = ZERO
    missing: Decimal = ZERO
    reported_ms: int = -1
    doubt: Doubt = Doubt.NONE
    doubted: str = ""
    entry_id: str = ""
    exit_id: str = ""
    stop_id: str = ""
    pending_exit: Approved | None = None
    stop_price: Decimal | None = None
    stopped_ms: int = -1
    unprotected: str = ""
    bare_since_ms: int = -1
    retreated_ms: int = -1

    @property
    def busy(self) -> bool:
        """Whether an entry or an exit is under way."""
        return bool(self.entry_id or self.exit_id or self.pending_exit is not None)

    @property
    def against_entries(self) -> str:
        """Why nothing may be bought where it is traded; what is held may be sold all the same. Empty if nothing is."""
        return self.barred or (f"{self.missing} of what is held cannot be sold" if self.missing else "")

    def forget(self, order_id: str) -> None:
        """An order is over."""
        if order_id == self.entry_id:
            self.entry_id = ""
        elif order_id == self.exit_id:
            self.exit_id = ""
        elif order_id == self.stop_id:
            self.stop_id = ""


@dataclass(slots=True)
class EngineState:
    """
    Everything that the next decision depends on, but for the windows, which are saved beside it.

    `drift` is why the venue's books cannot be trusted, `flattening` why all is being sold, `foreign` what lies in the
    account beside ours. `trades_seen` names the order of each trade that was counted, and `fills` is how
    many there were.
    """

    portfolio: Portfolio
    breakers: BreakerState
    markets: dict[str, MarketState]
    time_ms: int = 0
    sequence: int = 0
    instant_ms: int = -1
    decided_ms: int = -1
    reported: int = 0
    timer_set: bool = False
    awaiting_ms: int = -1
    asked_ms: int = -1
    awaiting: tuple[str, ...] = ()
    operator_halt: str = ""
    flattening: str = ""
    drift: str = ""
    foreign: dict[str, Decimal] = field(default_factory=dict)
    model_ready: bool = False
    reconciled: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    finished: dict[str, Order] = field(default_factory=dict)
    trades_seen: dict[str, str] = field(default_factory=dict)
    fills: int = 0
    unanswered: dict[str, SubmitOrder | CancelOrder] = field(default_factory=dict)
    orders_day: int = -1
    orders_today: int = 0
    forecasts_dropped: int = 0


class Snapshot(Struct):
    """An engine, as bytes hold it."""

    state: EngineState
    windows: dict[str, WindowState]
