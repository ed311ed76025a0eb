"""
Each defence of the order path is needed: with it switched off, a scenario that is survived with it breaks an invariant.

The scenarios are those of the fault table; here each is played without the one thing that holds it.
"""

from pathlib import Path
from typing import Any

import pytest

from bot.adapters import rate_budget
from bot.adapters.ccxt_line import CcxtLine
from bot.adapters.order_absence import Absence
from bot.adapters.order_fate import OrderFate
from bot.adapters.order_stage import Stage
from bot.adapters.trade_count import TradeCount
from bot.adapters.venue_standing import VenueStanding
from bot.engine.guard import PositionGuard
from bot.exchange.faults import Ban, BreakAnswer, Lag, RefuseRequest, Silence
from bot.exchange.occasions import Where
from bot.exchange.pace import Paced
from tests.live_invariants import breaks, notices
from tests.live_world import Bot, Exchange
from tests.order_scenarios import between, on_order, play
from tests.order_wire import each_once, watch

LOST = BreakAnswer(how="reset", phase="after", where=on_order(times=2))
DENIED = Lag(by_ms=45_000, where=Where(method="GET", endpoint="order"))
DEAF = Silence(where=Where(endpoint="executionReport"))


def nothing(*_: Any, **__: Any) -> None:
    """What a defence does that is switched off."""


def test_without_asking_first_an_order_happens_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """N7: whoever sends again what was not answered has two of it."""

    def send_again(fate: OrderFate, _reason: str, now: int, _out: object) -> None:
        fate.stage = Stage.WAITING
        fate.questions.placing.want(now)

    monkeypatch.setattr(OrderFate, "_doubt", send_again)
    with breaks("once_each"):
        play(tmp_path, LOST, DEAF)


def test_without_patience_a_hidden_order_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X13: whoever believes the first denial does not count what was bought."""
    monkeypatch.setattr(Absence, "is_proven", Absence.is_suspected)
    with breaks("books_agree"):
        play(tmp_path, LOST, DENIED, DEAF)


def test_without_silence_a_banned_bot_goes_on_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X4."""
    monkeypatch.setattr(rate_budget, "quiet_asked_by", nothing)
    with breaks("silent_while_banned"):
        play(tmp_path, Ban(90, where=on_order(skip=2)))


def test_without_counting_trades_an_order_is_over_before_it_is_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1: an order that was found by a question tells how much was executed, and not in which trades."""
    monkeypatch.setattr(TradeCount, "is_complete", True)
    with breaks("books_agree"):
        play(tmp_path, LOST, DEAF)


def test_without_its_own_hour_an_entry_arrives_minutes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X9: whoever only mends the timestamp sends a decision that the right clock calls old."""
    ask = CcxtLine.ask

    async def ask_for_ever(line: CcxtLine, question: Any, send: Any, read: Any, _until_ms: object = None) -> Any:
        return await ask(line, question, send, read)

    async def jump(exchange: Exchange, bot: Bot) -> None:
        pace = exchange.server.pace
        assert isinstance(pace, Paced)
        assert pace._began is not None
        pace._began -= 200
        await bot.for_candles(8)

    monkeypatch.setattr(CcxtLine, "ask", ask_for_ever)
    with breaks("decided_fresh"):
        play(tmp_path, minutes=3, meanwhile=jump, in_play=0)


def test_without_the_guard_a_position_stays_bare_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X6: stops are turned away for three minutes."""
    monkeypatch.setattr(PositionGuard, "look", nothing)
    fault = RefuseRequest(status=403, body="html", where=between(0, 4, method="POST", endpoint="order", skip=1))
    with breaks("protected"):
        play(tmp_path, fault)


def test_without_a_word_on_lost_entries_what_they_bought_is_bare_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X13."""
    monkeypatch.setattr(PositionGuard, "doubt", nothing)
    with breaks("protected"):
        play(tmp_path, LOST, DENIED, DEAF)


def test_without_the_halt_a_refused_key_is_shown_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X8: no invariant breaks, but every wish is another attempt with a key that was refused."""
    monkeypatch.setattr(VenueStanding, "_refuse_key", nothing)
    monkeypatch.setattr(VenueStanding, "_fall_silent", nothing)
    key = RefuseRequest(status=401, code=-2015, where=between(2.5, 9, method="POST", endpoint="order"))
    _, bot, exchange = play(tmp_path, key)
    assert notices(bot)["halted"] == 0
    assert len(exchange.server.plan.log.struck) > 3


def test_without_measuring_the_clock_a_good_order_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """X9."""

    async def no(*_: object) -> bool:
        return False

    monkeypatch.setattr(CcxtLine, "_has_measured", no)
    _, bot, exchange = play(tmp_path, RefuseRequest(status=400, code=-1021, where=on_order()), at_first=watch)
    each_once(exchange)
    assert notices(bot)["order_rejected"] == 1
