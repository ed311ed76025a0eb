"""
Why an order exists and what became of it, from a run's journal alone.

Works for a run that goes on as for one that is finished. Gathers facts; `why_text` makes words of them.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.core.commands import BreakerTripped, CancelOrder, Decided, Deed, Notify, Observation, SubmitOrder, Verdict
from bot.core.events import (
    AnyEvent,
    Flatten,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
    RunStarted,
    SettingsChanged,
)
from bot.core.orders import BUY, MARKET, STOP, ZERO, Intent, Purpose
from bot.core.run_record import RunRecord
from bot.core.status import DecisionView, OrderView
from bot.reporting.decision_context import BY_DECISION, DecisionContext, ForecastView
from bot.reporting.last_known import LastMark
from bot.reporting.ledger import Ledger
from bot.reporting.order_search import find_order
from bot.reporting.own_fills import FilledOrder
from bot.reporting.wording import exact, exact_price

_ALARMS: Final = frozenset({"bare_position", "order_rejected"})
"""Notices after which a position is sold because no stop could be had."""

_STOP_SETTINGS: Final = "stop."


class StopOrigin(Struct, frozen=True):
    """
    Where a stop's price came from.

    It stands `distance_frac` below the `average_price` of what was held; `rule` are the settings of the time.
    `bought_by` is the buy before it, `replaces` the stop before it that had protected the same holding.
    """

    average_price: Decimal
    distance_frac: float
    rule: dict[str, str]
    bought_by: str
    replaces: str


class Step(Struct, frozen=True):
    """Something that happened to an order."""

    at_ms: int
    what: str
    detail: str


class FillView(Struct, frozen=True):
    """One execution; costs in quote currency."""

    at_ms: int
    trade_id: str
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    fee: Decimal
    fee_asset: str
    spread_cost: Decimal
    slippage_cost: Decimal


class OrderStory(Struct, frozen=True):
    """
    One order, from its decision to its end.

    `cause` is what the journal says behind an order that no candle's decision asked for: the sentence of a breaker, an
    operator or an alarm. `its_stop` is the stop that followed what it bought; `account` is the last mark before it.
    """

    order: OrderView
    venue_order_id: str
    cause: str
    decision: DecisionView | None
    forecast: ForecastView | None
    account: LastMark | None
    stop: StopOrigin | None
    its_stop: str
    steps: tuple[Step, ...]
    fills: tuple[FillView, ...]
    traded: Decimal
    fees: dict[str, Decimal]
    spread_cost: Decimal
    slippage_cost: Decimal


def order_story(record: RunRecord, name: str) -> OrderStory:
    """
    Tell the story of one order.

    Args:
        record: The run.
        name: Its client order id, the beginning of it, or `last` for the newest order.

    Raises:
        ConfigError: There is no such order, or more than one; the sentence names those that are near.
    """
    telling = _Telling(record.header, find_order(record, name))
    for entry in record.records():
        telling.take(entry)
    return telling.story()


class _Telling:
    """What is known of one order so far."""

    def __init__(self, header: RunStarted, intent: Intent) -> None:
        self._intent = intent
        self._id = intent.client_order_id
        self._ledger = Ledger(header)
        self._context = DecisionContext(intent.symbol, intent.decided_ms)
        self._settings = header.settings
        self._decided: Decided | None = None
        self._operator = self._breaker = self._alarm = ""
        self._last_buy = self._last_stop = ""
        self._stop: StopOrigin | None = None
        self._its_stop = ""
        self._steps: list[Step] = []
        self._fills: list[FilledOrder] = []

    def take(self, entry: AnyEvent | Deed | Observation) -> None:
        filled = self._ledger.take(entry)
        self._context.take(entry)
        if filled is not None:
            self._take_fill(filled)
        elif isinstance(entry, SubmitOrder):
            self._take_order(entry.approved.intent)
        elif isinstance(entry, Decided | BreakerTripped | Notify | Flatten | SettingsChanged):
            self._take_reason(entry)
        elif getattr(entry, "client_order_id", "") == self._id:
            self._take_step(entry)

    def story(self) -> OrderStory:
        row, order = self._decided, self._ledger.orders[self._id]
        fills = [one.fill for one in self._fills]
        fees: dict[str, Decimal] = {}
        for fill in fills:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, ZERO) + fill.fee
        return OrderStory(
            order=OrderView.of(order, asked_back=any(step.what == "asked back" for step in self._steps)),
            venue_order_id=order.venue_order_id,
            cause=self._cause(),
            decision=None if row is None else DecisionView.of(row),
            forecast=None if row is None else self._context.forecast(row.close_time_ms),
            account=self._context.account,
            stop=self._stop,
            its_stop=self._its_stop,
            steps=tuple(self._steps),
            fills=tuple(
                FillView(
                    one.at_ms,
                    one.fill.trade_id,
                    one.fill.quantity,
                    one.fill.price,
                    one.fill.reference_price,
                    one.fill.fee,
                    one.fill.fee_asset,
                    one.fill.spread_cost,
                    one.fill.slippage_cost,
                )
                for one in self._fills
            ),
            traded=sum((fill.price * fill.quantity for fill in fills), ZERO),
            fees=fees,
            spread_cost=sum((fill.spread_cost for fill in fills), ZERO),
            slippage_cost=sum((fill.slippage_cost for fill in fills), ZERO),
        )

    def _cause(self) -> str:
        match self._intent.purpose:
            case Purpose.BREAKER:
                return self._breaker
            case Purpose.OPERATOR:
                return self._operator
            case Purpose.STOP if self._intent.type is MARKET:
                return self._alarm
            case _:
                return ""

    def _take_reason(self, entry: Decided | BreakerTripped | Notify | Flatten | SettingsChanged) -> None:
        intent, is_told = self._intent, bool(self._steps)
        match entry:
            case Decided() if intent.purpose in BY_DECISION and entry.verdict is Verdict.SUBMITTED:
                if entry.symbol == intent.symbol and entry.close_time_ms <= intent.decided_ms:
                    self._decided = entry
            case BreakerTripped() if entry.at_ms <= intent.decided_ms:
                self._breaker = entry.reason
            case Notify() if entry.code in _ALARMS and entry.at_ms == intent.decided_ms and intent.symbol in entry.text:
                self._alarm = entry.text
            case Flatten() if not is_told:
                self._operator = entry.reason
            case SettingsChanged() if not is_told:
                self._settings = entry.settings
            case _:
                pass

    def _take_order(self, intent: Intent) -> None:
        if intent.symbol != self._intent.symbol:
            return
        is_stop = intent.type is STOP
        if intent is self._intent or intent.client_order_id == self._id:
            named = intent.limit_price or intent.stop_price
            at = "the market" if named is None else exact_price(named)
            self._step("approved by risk and handed over", f"{intent.side} {exact(intent.quantity)} at {at}")
            self._stop = self._origin(intent) if is_stop else None
        elif is_stop and self._fills and not self._its_stop and self._intent.side is BUY:
            self._its_stop = intent.client_order_id
        if is_stop:
            self._last_stop = intent.client_order_id
        elif intent.side is BUY:
            self._last_buy = intent.client_order_id

    def _origin(self, intent: Intent) -> StopOrigin:
        average, price = self._ledger.portfolio.position(intent.symbol).average_price, intent.stop_price or ZERO
        distance = float(1 - price / average) if average else 0.0
        rule = {key: value for key, value in sorted(self._settings.items()) if key.startswith(_STOP_SETTINGS)}
        return StopOrigin(average, distance, rule, self._last_buy, self._last_stop)

    def _take_fill(self, filled: FilledOrder) -> None:
        fill = filled.fill
        if fill.client_order_id == self._id:
            self._fills.append(filled)
            self._step("filled", f"{exact(fill.quantity)} at {exact_price(fill.price)}")
        elif fill.symbol == self._intent.symbol and not self._ledger.portfolio.position(fill.symbol).quantity:
            self._last_stop = ""  # flat: the next stop protects another holding

    def _take_step(self, entry: AnyEvent | Deed | Observation) -> None:
        match entry:
            case CancelOrder():
                self._step("asked back", "")
            case OrderAccepted():
                self._step("accepted", f"venue order {entry.venue_order_id}")
            case OrderUnknown():
                self._step("unknown", entry.reason)
            case OrderRejected():
                self._step("rejected", entry.reason)
            case OrderCancelled():
                self._step("cancelled", entry.reason)
            case _:
                pass  # a fill that is not ours, or was counted already

    def _step(self, what: str, detail: str) -> None:
        self._steps.append(Step(self._ledger.time_ms, what, detail))
