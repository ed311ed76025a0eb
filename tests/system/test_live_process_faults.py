"""
Row P3 of the fault table: the loop of a live bot stands still while an order is on its way or a position open.

Nothing of the bot gets a turn meanwhile: what was said to it waits in sockets, and what it says next is as old as the
stop was long. What a model does to a bot is in `test_live_model_faults`, what a disk does in `test_live_disk_faults`.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters import control_socket
from bot.adapters.ccxt_account import open_account
from bot.adapters.control_client import ask
from bot.adapters.control_messages import AnyTell, AskHalt, AskStatus, TellAccepted, TellStatus
from bot.adapters.journal_reader import read_run
from bot.adapters.live_broker import LiveBroker
from bot.adapters.order_messages import PlaceOrder
from bot.core.commands import CancelOrder, SubmitOrder
from bot.core.events import Halt
from bot.core.orders import Purpose
from bot.engine.instants import Instants
from bot.exchange import trading_rest
from bot.exchange.account_api import Request
from bot.exchange.audience import Audience
from bot.exchange.rest_request import SentRequest
from bot.exchange.trade_desk import Trading
from bot.exchange.venue import Update
from bot.pump import Pump
from tests.command_line import say
from tests.exchange_hand import Hand
from tests.live_invariants import Checked, breaks, notices
from tests.live_world import FROM_MS, MINUTE, Bot, Exchange
from tests.order_scenarios import play
from tests.order_wire import each_once, placed, requests, watch
from tests.process_faults import Stake, Step, rarely, stake, stand_still, strike
from tests.unit.bot.adapters.control_samples import IN_A_HURRY, while_blocked

proof = pytest.mark.proof
FAR_STOPS = {"stop.atr_multiple": "8"}
BUY, STOP = "side=BUY", "type=STOP_LOSS"


def has_entry(_pump: Pump, deeds: list[SubmitOrder | CancelOrder]) -> bool:
    return any(isinstance(one, SubmitOrder) and one.approved.intent.purpose is Purpose.ENTRY for one in deeds)


def is_entry(_broker: LiveBroker, request: PlaceOrder) -> bool:
    return request.intent.purpose is Purpose.ENTRY


def is_close(_done: None, _audience: Audience, update: Update) -> bool:
    return update.closed


def has_come(method: str, words: str = "") -> Callable[..., bool]:
    def fits(sent: SentRequest, *_: object) -> bool:
        return (sent.method, sent.endpoint) == (method, "order") and words in sent.query + sent.body

    return fits


def is_answered(method: str, words: str = "") -> Callable[..., bool]:
    def fits(_answer: object, _trading: Trading, asked: Request) -> bool:
        return (asked.method, asked.endpoint) == (method, "order") and words in asked.query + asked.body

    return fits


STOPS: dict[str, tuple[Step, int]] = {
    "a candle on its way": (Step(Audience, "hear", "after", is_close), 8),
    "deciding": (Step(Instants, "_decide", "before"), 7),
    "writing an entry down": (Step(Pump, "_hand_over", "before", has_entry), 2),
    "handing an entry over": (Step(LiveBroker, "_place", "before", is_entry), 3),
    "an entry on its way": (Step(trading_rest, "sent_in", "after", has_come("POST", BUY)), 2),
    "the answer to an entry on its way": (Step(Trading, "answer", "after", is_answered("POST", BUY)), 2),
    "a stop on its way": (Step(trading_rest, "sent_in", "after", has_come("POST", STOP)), 2),
    "the answer to a stop on its way": (Step(Trading, "answer", "after", is_answered("POST", STOP)), 2),
    "a cancel on its way": (Step(trading_rest, "sent_in", "after", has_come("DELETE")), 1),
    "the answer to a cancel on its way": (Step(Trading, "answer", "after", is_answered("DELETE")), 1),
}
"""
Where the loop stops, and the how manieth time of it. A position is open then, and all but the first three have an order
on its way; a disk that takes its time over a commit is the third.
"""


def stopped(folder: Path, where: str, seconds: float, later: int = 0) -> tuple[Checked, Bot, Exchange]:
    """Have the loop stand still once, at this place or so many times later, and hold the invariants afterwards."""
    exchanges: list[Exchange] = []
    stakes: list[Stake] = []

    def first(exchange: Exchange) -> None:
        watch(exchange)
        exchanges.append(exchange)

    def stop() -> None:
        stakes.append(stake(exchanges[0]))
        stand_still(seconds)

    step, nth = STOPS[where]
    with strike(step, stop, nth + later):
        guard_ms = 10_000 + int(seconds * 1_000)
        checked, bot, exchange = play(
            folder,
            minutes=6 + int(seconds / 60),
            quiet_minutes=2,
            at_first=first,
            in_play=0,
            on=3,
            off=1,
            guard_ms=guard_ms,
            overrides=FAR_STOPS,
        )
    assert stakes[0].positions
    say(f"stood still for {seconds} s, {where}, with {stakes[0]}")
    return checked, bot, exchange


AGED = "an entry's time runs from when the broker gets it, whenever it was decided"
UNGUARDED = ("a candle on its way", "deciding", "writing an entry down")
RARE = ("a stop on its way", "the answer to a stop on its way", "the answer to a cancel on its way")


@pytest.mark.parametrize("where", rarely([where for where in STOPS if where not in UNGUARDED], *RARE))
def test_a_loop_that_stood_still_trades_on_nothing_old_and_nothing_twice(tmp_path: Path, where: str) -> None:
    checked, _, exchange = stopped(tmp_path, where, 20)
    each_once(exchange)
    assert checked.fills >= 6


@pytest.mark.parametrize("where", UNGUARDED)
def test_a_loop_that_stood_still_before_an_entry_left_does_not_send_it(tmp_path: Path, where: str) -> None:
    stopped(tmp_path, where, 20)


@proof
@pytest.mark.timeout(60)
@pytest.mark.parametrize("seconds", [3, 11, 70, 600])
@pytest.mark.parametrize("later", [0, 2])
@pytest.mark.parametrize("where", [where for where in STOPS if where not in UNGUARDED])
def test_a_loop_may_stand_still_for_any_time(tmp_path: Path, where: str, later: int, seconds: float) -> None:
    checked, *_ = stopped(tmp_path, where, seconds, later)
    assert checked.fills >= 4


@pytest.mark.parametrize("where", ["an entry on its way", "a stop on its way"])
def test_an_old_request_is_turned_down_and_only_what_protects_is_sent_again(tmp_path: Path, where: str) -> None:
    """Seven seconds are more than the window of a request, and less than the patience of who sent it."""
    _, bot, exchange = stopped(tmp_path, where, 7)
    (late,) = [one for one in exchange.server.plan.log.told("answer") if '"code": -1021' in one.text]
    assert requests(exchange, "GET", "time", late.at_ms, late.at_ms + 1_000), "the clock was measured"
    sent = Counter(one.client_order_id for one in placed(exchange))
    assert sorted(set(sent.values())) == ([1] if where == "an entry on its way" else [1, 2])
    assert notices(bot)["order_rejected"] == (1 if where == "an entry on its way" else 0)


def test_an_operator_is_answered_while_the_loop_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The halt is done before anything else; what was decided before it is not bought, the stop stays."""
    monkeypatch.setattr(control_socket, "ControlPatience", lambda: IN_A_HURRY)
    told: list[AnyTell] = []
    halted_ms: list[int] = []

    def operate(run_folder: Path, exchange: Exchange) -> None:
        told.extend(while_blocked(partial(ask, run_folder, question)) for question in (AskStatus(), AskHalt("enough")))
        stand_still(20)
        halted_ms.append(exchange.now_ms)

    async def halt(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        await hand.until(lambda: exchange.now_ms >= FROM_MS + 5.3 * MINUTE)
        stops = hand.open_stops()
        with strike(Step(Instants, "_decide", "before"), partial(operate, bot.run_folder, exchange)):
            await bot.for_candles(10)
        assert hand.open_stops() == stops
        assert len(stops) == 2

    _, bot, exchange = play(
        tmp_path, minutes=2, at_first=watch, meanwhile=halt, in_play=0, overrides=FAR_STOPS, on=3, off=1
    )
    shown, done = told
    assert isinstance(shown, TellStatus)
    assert isinstance(done, TellAccepted)
    assert shown.busy_ms > 0
    (halted,) = [one for one in read_run(bot.run_folder).records() if isinstance(one, Halt)]
    assert halted.at_ms >= halted_ms[0]
    assert not placed(exchange, halted_ms[0])


def test_without_a_window_the_venue_executes_what_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = partial(open_account, window_ms=59_000, timeout_ms=60_000)
    monkeypatch.setattr("tests.live_world.open_account", patient)
    with breaks("decided_fresh"):
        stopped(tmp_path, "an entry on its way", 20)


def test_without_a_last_look_at_the_time_an_entry_leaves_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = LiveBroker._place

    async def place_whenever(broker: LiveBroker, request: PlaceOrder) -> None:
        await place(broker, replace(request, until_ms=None))

    monkeypatch.setattr(LiveBroker, "_place", place_whenever)
    with breaks("decided_fresh"):
        stopped(tmp_path, "handing an entry over", 20)
