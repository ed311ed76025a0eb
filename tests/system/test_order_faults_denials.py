"""Rows X12 and X13 of the fault table: cancels that find nothing, and orders that the venue denies to have."""

from pathlib import Path

import pytest

from bot.exchange.faults import BreakAnswer, Lag, Latency, RefuseRequest, Silence
from bot.exchange.occasions import Where
from tests.exchange_hand import Hand
from tests.live_invariants import notices
from tests.live_world import Bot, Exchange
from tests.order_scenarios import on_order, play
from tests.order_wire import each_once, requests, watch

proof = pytest.mark.proof

QUESTION = Where(method="GET", endpoint="order")
DEAF = Silence(where=Where(endpoint="executionReport"))
"""The private stream says nothing of orders."""

UNKNOWN = "Unknown order sent."
CANCELS = {
    "it is still there": RefuseRequest(status=400, code=-2011, text=UNKNOWN, where=on_order("DELETE", times=3)),
    "cancelled already": RefuseRequest(
        status=400, code=-2011, text=UNKNOWN, phase="after", where=on_order("DELETE", times=2)
    ),
    "nobody answered, not done": BreakAnswer(how="reset", phase="before", where=on_order("DELETE", times=2)),
    "nobody answered, done": BreakAnswer(how="reset", phase="after", where=on_order("DELETE", times=2)),
    "nobody knows": RefuseRequest(status=500, code=-1007, phase="after", where=on_order("DELETE", times=2)),
}


@pytest.mark.parametrize("fault", CANCELS.values(), ids=CANCELS)
@pytest.mark.parametrize("is_deaf", [False, pytest.param(True, marks=proof)])
def test_after_a_cancel_the_order_itself_says_what_became_of_it(
    tmp_path: Path, fault: RefuseRequest | BreakAnswer, is_deaf: bool
) -> None:
    """X12."""
    checked, _, exchange = play(tmp_path, fault, *([DEAF] if is_deaf else []), at_first=watch)
    each_once(exchange)
    assert checked.fills >= 8


@pytest.mark.parametrize("is_gone", ["filled", "cancelled"])
def test_a_cancel_of_a_stop_that_has_just_gone_believes_the_order(tmp_path: Path, is_gone: str) -> None:
    """X12: the cancel is on its way while the stop is filled, or was cancelled without a word."""

    async def race(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        stop = await hand.a_stop("BTCUSDT")
        await hand.until(lambda: bool(requests(exchange, "DELETE", "order")))
        if is_gone == "filled":
            hand.gap(stop.symbol, 0.9)
        else:
            hand.cancel(stop, aloud=False)
        await bot.for_candles(8)

    slow = Latency(ms=3_000, where=on_order("DELETE"))
    checked, _, exchange = play(tmp_path, slow, minutes=1, at_first=watch, meanwhile=race)
    assert any('"code": -2011' in one.text for one in exchange.server.plan.log.told("answer"))
    assert checked.fills >= 4


LOST = BreakAnswer(how="reset", phase="after", where=on_order(times=2))
DENIALS: dict[str, list[RefuseRequest | Lag]] = {
    "-2013 for 45 s": [Lag(by_ms=45_000, where=QUESTION)],
    "-2013 for 20 s": [Lag(by_ms=20_000, where=QUESTION)],
    "-2026 six times": [RefuseRequest(status=400, code=-2026, where=Where(method="GET", endpoint="order", times=6))],
}


@pytest.mark.parametrize("faults", DENIALS.values(), ids=DENIALS)
@pytest.mark.parametrize("is_deaf", [False, True])
def test_an_order_that_the_venue_denies_for_a_while_is_not_given_up(
    tmp_path: Path, faults: list[RefuseRequest | Lag], is_deaf: bool
) -> None:
    """X13: the answer is lost, and questions find nothing; what may have been bought without a stop is an alarm."""
    checked, bot, exchange = play(tmp_path, LOST, *faults, *([DEAF] if is_deaf else []), at_first=watch)
    each_once(exchange)
    assert checked.fills >= 8
    assert (notices(bot)["unprotected"] > 0) is is_deaf
