from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.adapters.narrator import Filled, Narrator, Told
from bot.core.commands import (
    BreakerTripped,
    CancelOrder,
    Decided,
    Deed,
    Marked,
    Notify,
    Observation,
    SubmitOrder,
    Verdict,
)
from bot.core.events import AnyEvent, CandleClosed, OrderAccepted, OrderFilled, SessionStarted
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side
from tests.hourly_bars import BTC, ETH, bar, closed
from tests.unit.bot.adapters.journal_samples import keep

BOUGHT = Fill("a1", "a1-0", BTC, Side.BUY, Decimal(1), Decimal(100), Decimal("0.1"), "USDT", Decimal(100))
ENTRY = SubmitOrder(Approved(Intent("a1", BTC, Side.BUY, OrderType.MARKET, Decimal(1), Purpose.ENTRY, 0)))


class Pages:
    """A journal that is a list."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def append(self, event: AnyEvent) -> None:
        self.calls.append(event)

    def record(self, deed: Deed) -> None:
        self.calls.append(deed)

    def observe(self, observation: Observation) -> None:
        self.calls.append(observation)

    def step_done(self) -> None:
        self.calls.append("step done")

    def keep(self) -> None:
        self.commit()

    def commit(self) -> None:
        self.calls.append("commit")


class Listener:
    """A narrator, its journal, and what it has told."""

    def __init__(self, purposes: dict[str, Purpose] | None = None) -> None:
        self.journal = Pages()
        self.told: list[Told] = []
        self.narrator = Narrator(self.journal, self.told.append, purposes or {})


def decided(symbol: str, verdict: Verdict, reason: str) -> Decided:
    return Decided(0, symbol, 1.0, 0.5, 0.0, verdict, reason)


def test_everything_reaches_the_journal_as_it_came() -> None:
    listener = Listener()
    events: list[AnyEvent] = [closed(bar(0, 100.0)), OrderFilled(0, BOUGHT), OrderAccepted(0, "a1", "v1")]
    commands: list[Deed | Observation] = [ENTRY, CancelOrder("a1", BTC), Marked(0, 1.0, 1.0, 0.0)]
    for event in events:
        listener.narrator.append(event)
    for command in commands:
        keep(listener.narrator, command)
    listener.narrator.step_done()
    listener.narrator.commit()

    assert listener.journal.calls == [*events, *commands, "step done", "commit"]


def test_that_a_session_has_begun_is_told() -> None:
    listener = Listener()
    listener.narrator.append(SessionStarted(5))
    assert listener.told == [SessionStarted(5)]


def test_a_fill_is_told_with_the_purpose_of_its_order() -> None:
    listener = Listener()
    listener.narrator.record(ENTRY)
    listener.narrator.append(OrderFilled(0, BOUGHT))
    assert listener.told == [Filled(BOUGHT, Purpose.ENTRY)]


def test_an_order_of_an_earlier_session_keeps_its_purpose() -> None:
    listener = Listener({"a1": Purpose.STOP})
    listener.narrator.append(OrderFilled(0, BOUGHT))
    assert listener.told == [Filled(BOUGHT, Purpose.STOP)]


def test_a_fill_of_an_order_that_is_not_known_is_the_operators() -> None:
    listener = Listener()
    listener.narrator.append(OrderFilled(0, BOUGHT))
    assert listener.told == [Filled(BOUGHT, Purpose.OPERATOR)]


@pytest.mark.parametrize(
    "command", [Marked(0, 1.0, 1.0, 0.0), BreakerTripped(0, "drawdown", "too deep"), Notify(0, "code", "text")]
)
def test_marks_breakers_and_notices_are_told(command: Marked | BreakerTripped | Notify) -> None:
    listener = Listener()
    listener.narrator.observe(command)
    assert listener.told == [command]


def test_a_refusal_is_told_once_until_its_reason_changes() -> None:
    listener = Listener()
    first, second = decided(BTC, Verdict.DENIED, "first"), decided(BTC, Verdict.DENIED, "second")
    for command in (first, first, second, second, first):
        listener.narrator.observe(command)
    assert listener.told == [first, second, first]


def test_a_refusal_is_told_again_after_something_else_was_decided() -> None:
    listener = Listener()
    refusal = decided(BTC, Verdict.DENIED, "first")
    for command in (refusal, decided(BTC, Verdict.HOLD, "kept"), refusal):
        listener.narrator.observe(command)
    assert listener.told == [refusal, refusal]


def test_each_market_is_refused_for_itself() -> None:
    listener = Listener()
    refusals = [decided(BTC, Verdict.DENIED, "same"), decided(ETH, Verdict.DENIED, "same")]
    for command in refusals:
        listener.narrator.observe(command)
    assert listener.told == refusals


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.DENIED])
def test_other_decisions_are_not_told(verdict: Verdict) -> None:
    listener = Listener()
    listener.narrator.observe(decided(BTC, verdict, "reason"))
    assert listener.told == []


def test_candles_are_not_told() -> None:
    listener = Listener()
    event = closed(bar(0, 100.0))
    assert isinstance(event, CandleClosed)
    listener.narrator.append(event)
    assert listener.told == []


def test_an_order_that_rests_for_long_is_told_with_its_purpose_and_the_oldest_are_forgotten() -> None:
    listener = Listener()
    for number in range(20_000):
        intent = Intent(f"a{number}", BTC, Side.BUY, OrderType.MARKET, Decimal(1), Purpose.ENTRY, 0)
        listener.narrator.record(SubmitOrder(Approved(intent)))
    for order_id in ("a10000", "a0"):
        listener.narrator.append(OrderFilled(1, replace(BOUGHT, client_order_id=order_id)))
    assert [one.purpose for one in listener.told if isinstance(one, Filled)] == [Purpose.ENTRY, Purpose.OPERATOR]
