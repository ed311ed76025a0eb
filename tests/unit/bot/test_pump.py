"""From an event to what follows: in order, remembered before it leaves, durable where money moves (invariant 8)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import pytest

from bot.core.commands import Backfill, CancelOrder, Deed, Observation, Reconcile, RequestForecast, SubmitOrder
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastReady,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    SessionStarted,
)
from bot.core.orders import OrderType, Side
from bot.pump import Pump, play_instant
from bot.replay import begin_session
from tests.engine_world import engine, started
from tests.hourly_bars import BTC, ETH, T0, bar, closed, closes
from tests.made_orders import fill, instrument, limits
from tests.scripted_strategies import FollowsForecast, ScriptedModel, always, foreseen, no_model


class Diary:
    """A journal and a broker that write what happens to them into one list."""

    def __init__(self, *, moves_money: bool) -> None:
        self.moves_money = moves_money
        self.lines: list[str] = []
        self.answers: dict[str, list[AnyEvent]] = {}

    # The journal.

    def append(self, event: AnyEvent) -> None:
        self.lines.append(f"event {type(event).__name__}")

    def record(self, deed: Deed) -> None:
        self.lines.append(f"record {type(deed).__name__}")

    def observe(self, observation: Observation) -> None:
        self.lines.append(f"observe {type(observation).__name__}")

    def step_done(self) -> None:
        self.lines.append("step")

    def keep(self) -> None:
        self.commit()

    def commit(self) -> None:
        self.lines.append("commit")

    # The broker.

    def submit(self, command: SubmitOrder, at_ms: int) -> Iterable[AnyEvent]:
        intent = command.approved.intent
        self.lines.append(f"submit {intent.type.value}")
        yield OrderAccepted(at_ms, intent.client_order_id, "v")
        if intent.type is OrderType.MARKET:
            done = fill(intent.side, str(intent.quantity), "100", order_id=intent.client_order_id)
            yield OrderFilled(at_ms, done)

    def cancel(self, command: CancelOrder, at_ms: int) -> Iterable[AnyEvent]:
        self.lines.append("cancel")
        return []

    def reconcile(self, command: Reconcile, at_ms: int) -> Sequence[AnyEvent]:
        self.lines.append("reconcile")
        return [AccountReconciled(at_ms)]


def pumped(*, moves_money: bool) -> Diary:
    diary = Diary(moves_money=moves_money)
    pump = Pump(
        engine(always(1.0)), diary, diary, ScriptedModel(no_model), backfill=lambda _: (), measures_latency=False
    )
    pump.feed(SessionStarted(T0))
    pump.feed(Backfilled(T0, BTC, 0, T0, ()))
    pump.feed(closed(bar(0, 100.0)))
    return diary


def test_a_broker_that_moves_money_gets_a_deed_only_after_it_is_durable() -> None:
    """Invariant 8: what leaves the process waits for the disk."""
    lines = pumped(moves_money=True).lines
    for number, line in enumerate(lines):
        if line.startswith(("submit", "cancel")):
            before = lines[:number]
            recorded = max(n for n, one in enumerate(before) if one == "record SubmitOrder")
            assert "commit" in before[recorded:]
    assert [line for line in lines if line.startswith("submit")] == ["submit market", "submit stop"]


def test_every_deed_is_recorded_in_the_step_of_the_event_that_caused_it() -> None:
    """Invariant 8: the intent is there before the venue's answer can be."""
    lines = pumped(moves_money=True).lines
    first = lines.index("event CandleClosed")
    assert lines[first : first + 7] == [
        "event CandleClosed",
        "observe Marked",
        "record SubmitOrder",
        "observe Decided",
        "commit",
        "submit market",
        "event OrderAccepted",
    ]


def test_a_broker_inside_the_process_does_not_wait_for_the_disk() -> None:
    """Invariant 8: what stays does not wait."""
    lines = pumped(moves_money=False).lines
    assert "commit" not in lines
    assert "submit market" in lines


def test_answers_are_events_and_each_is_handled_before_the_next() -> None:
    lines = pumped(moves_money=False).lines
    after = lines[lines.index("submit market") :]
    assert [line for line in after if line.startswith(("event", "submit"))] == [
        "submit market",
        "event OrderAccepted",
        "event OrderFilled",
        "submit stop",
        "event OrderAccepted",
    ]


class Refusing(Diary):
    """A venue that rejects whatever it is given."""

    def submit(self, command: SubmitOrder, at_ms: int) -> Iterable[AnyEvent]:
        assert len(self.lines) < 1_000, "the venue is asked for ever"
        intent = command.approved.intent
        self.lines.append(f"submit {intent.type.value}")
        if intent.side is Side.BUY:
            done = fill(intent.side, str(intent.quantity), "100", order_id=intent.client_order_id)
            return [OrderFilled(at_ms, done)]
        return [OrderRejected(at_ms, intent.client_order_id, "insufficient balance")]


def test_a_venue_that_rejects_every_sell_does_not_hold_the_pump_for_ever() -> None:
    diary = Refusing(moves_money=True)
    pump = Pump(
        engine(always(1.0)), diary, diary, ScriptedModel(no_model), backfill=lambda _: (), measures_latency=False
    )
    begin_session(pump, T0, None)
    pump.feed(Backfilled(T0, BTC, 0, T0, ()))
    for number in range(3):
        pump.feed(closed(bar(number, 100.0)))
    sells = [line for line in diary.lines if line in ("submit stop", "submit market")]
    assert 3 <= len(sells) <= 12


def test_history_that_answers_at_once_is_handled_at_once() -> None:
    world = started(always(0.0)).play(bar(0, 100.0))
    world.history[BTC][bar(1, 101.0).open_time_ms] = bar(1, 101.0)
    world.play(bar(2, 102.0))
    answers = [event.candles for event in world.journal.of(Backfilled)]
    assert answers[-1] == (bar(1, 101.0),)
    assert world.engine.next_open_ms(BTC) == bar(3, 1.0).open_time_ms


def test_history_that_answers_later_lets_the_rest_go_on() -> None:
    asked: list[Backfill] = []

    def later(request: Backfill) -> Sequence[AnyEvent]:
        asked.append(request)
        return ()

    diary = Diary(moves_money=False)
    pump = Pump(engine(always(0.0)), diary, diary, ScriptedModel(no_model), backfill=later, measures_latency=False)
    begin_session(pump, T0, None)
    assert len(asked) == 1
    assert "reconcile" in diary.lines


def test_the_model_is_asked_once_an_instant_for_all_markets() -> None:
    markets = [instrument(BTC), instrument(ETH)]
    world = started(FollowsForecast(), markets=markets, p_up=lambda symbol, close_ms: 0.1)
    world.play({BTC: bar(0, 100.0), ETH: bar(0, 10.0)}, {BTC: bar(1, 100.0), ETH: bar(1, 10.0)})
    assert [request.symbols for request in world.model.asked] == [(BTC, ETH), (BTC, ETH)]


class Slow:
    """A model that says how late it is."""

    name = "slow"

    def forecast(self, request: RequestForecast) -> ForecastReady:
        return ForecastReady(request.close_time_ms, request.close_time_ms, (foreseen(BTC, 1.0),))


@pytest.mark.parametrize("measures", [True, False])
def test_the_time_that_a_forecast_took_is_measured_only_where_time_is_real(measures: bool) -> None:
    seen: list[AnyEvent] = []
    diary = Diary(moves_money=False)
    core = engine(FollowsForecast())
    pump = Pump(core, diary, diary, Slow(), backfill=lambda _: (), measures_latency=measures)
    diary.append = seen.append  # type: ignore[method-assign, assignment]
    begin_session(pump, T0, "slow")
    pump.feed(Backfilled(T0, BTC, 0, T0, ()))
    pump.feed(closed(bar(0, 100.0)))
    (answer,) = [event for event in seen if isinstance(event, ForecastReady)]
    assert (answer.latency_ms > 0.0) is measures


def test_timers_are_set_replaced_and_forgotten_as_told() -> None:
    """Invariant 3: a timer is a command."""
    markets = [instrument(BTC), instrument(ETH)]
    world = started(always(0.0, BTC, ETH), markets=markets)
    world.feed(closed(bar(0, 100.0), BTC))
    assert world.pump.timers == {"instant": closes(0) + 10_000}
    world.feed(closed(bar(1, 100.0), BTC))
    assert world.pump.timers == {"instant": closes(1) + 10_000}
    world.feed(closed(bar(0, 10.0), ETH), closed(bar(1, 10.0), ETH))
    assert world.pump.timers == {}


class Market:
    """A paper market that is met, or is not."""

    def __init__(self, lines: list[str], *, met: bool) -> None:
        self.lines, self.met = lines, met

    def is_met(self, closed: Sequence[CandleClosed]) -> bool:
        return self.met

    def trade(self, closed: Sequence[CandleClosed]) -> Iterable[AnyEvent]:
        for event in closed:
            self.lines.append(f"market {event.symbol}")
        return ()


def test_a_whole_instant_is_kept_or_none_of_it() -> None:
    """The journal may close a block only where nothing more follows: never between two fills of one candle."""
    world = started(always(1.0)).play(bar(0, 100.0))
    before = len(world.journal.steps)
    world.play(bar(1, 100.0, 100.0, 80.0, 90.0))
    assert len(world.journal.of(OrderFilled)) == 2
    assert world.journal.rests[-2:] == [before, len(world.journal.steps)]


@pytest.mark.parametrize("met", [True, False])
def test_orders_meet_all_candles_before_the_engine_sees_any(met: bool) -> None:
    markets = [instrument(BTC), instrument(ETH)]
    diary = Diary(moves_money=False)
    core = engine(always(0.0, BTC, ETH), markets=markets)
    pump = Pump(core, diary, diary, ScriptedModel(no_model), backfill=lambda _: (), measures_latency=False)
    begin_session(pump, T0, None)
    del diary.lines[:]
    play_instant(pump, Market(diary.lines, met=met), [closed(bar(0, 1.0), BTC), closed(bar(0, 1.0), ETH)])
    candles = ["event CandleClosed", "event CandleClosed", "step"]
    seen = [line for line in diary.lines if not line.startswith("record")]
    assert seen == ([f"market {BTC}", f"market {ETH}"] if met else []) + candles


def test_cash_is_given_out_in_the_order_of_the_instruments() -> None:
    """Invariant 5, through the whole pump."""
    markets = [instrument(ETH), instrument(BTC)]
    world = started(always(1.0, BTC, ETH), markets=markets, budget=Decimal(1000), risk=limits(fraction=0.7))
    world.play({BTC: bar(0, 100.0), ETH: bar(0, 10.0)}, {BTC: bar(1, 100.0), ETH: bar(1, 10.0)})
    assert [done.quantity for done in world.fills(ETH)] == [70]
    assert world.fills(BTC) == []
