"""
Rows Q1 to Q6 of the fault table: data that is not what it should be, against a real exchange in real sockets.

With them the traps of history: F41 (revised values), F42 (the open bar as a closed one), X4 (bans) and X14 (lag), as
far as candles are concerned.
"""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import force_setattr

from bot.adapters.candle_proof import CandleProof
from bot.adapters.feed_outputs import FeedOutput
from bot.adapters.feed_watch import MarketWatch
from bot.adapters.history_question import HistoryQuestion
from bot.adapters.patience import Patience
from bot.core.market import Candle
from bot.exchange.faults import (
    AnyFault,
    Ban,
    Delay,
    Edit,
    HangUp,
    Lag,
    NoTrades,
    RefuseRequest,
    Repeat,
    ReplayOld,
    Rewrite,
    Silence,
    SpoilRows,
)
from bot.exchange.occasions import Where
from tests.market_time import run
from tests.stream_scenarios import MINUTE, during, minute, once, session

BTC = "BTCUSDT"
CLOSE = once(2, symbol=BTC, closing=True)
"""The end of the second bar, which opened at minute 1."""

LOST = Silence(where=CLOSE, name="a close is lost")
GONE = HangUp(None, where=once(1.5), name="the connection is lost")


def wrong(name: str, **edit: Any) -> dict[str, tuple[AnyFault, ...]]:
    """An edit of closing frames alone, and one of forming frames."""
    return {
        f"{name}, closing": (Rewrite(Edit(**edit), where=CLOSE),),
        f"{name}, forming": (Rewrite(Edit(**edit), where=during(1.5, 1.6, symbol=BTC)),),
    }


TEN = {"k.t": 10 * MINUTE, "k.T": 10 * MINUTE, "E": 10 * MINUTE}

PASSING: dict[str, tuple[AnyFault, ...]] = {
    "Q1 close never sent": (Silence(where=CLOSE),),
    "Q1 no close is ever sent": (Silence(where=Where(symbol=BTC, closing=True)),),
    "Q1 close late": (Delay(1_500, where=CLOSE),),
    "Q1 close very late": (Delay(45_000, where=CLOSE),),
    "Q1 close twice": (Repeat(where=CLOSE),),
    "Q1 close twice, with other values": (Repeat(2_500, edit=Edit(scale={"k.v": 2.0}), where=CLOSE),),
    "Q1 closed, then open": (Repeat(2_500, edit=Edit(set={"k.x": False}), where=CLOSE),),
    "Q2 gap of one": (Silence(where=during(1, 2.05)),),
    "Q2 gap of three": (Silence(where=during(1.99, 4.9)),),
    "Q2 out of order": (Delay(70_000, where=CLOSE),),
    "Q2 overlapping": (GONE, ReplayOld(90, where=Where(connection=2, times=1))),
    "Q2 future": (Rewrite(Edit(add=TEN), where=during(1.5, 1.6)),),
    "Q2 future, closed": (Rewrite(Edit(add=TEN), where=CLOSE),),
    "Q2 past": (Rewrite(Edit(add={"k.t": -5 * MINUTE, "k.T": -5 * MINUTE}), where=CLOSE),),
    "Q2 off the grid": (Rewrite(Edit(add={"k.t": 1}), where=CLOSE),),
    "Q2 wrong interval": (Rewrite(Edit(set={"k.i": "5m"}), where=CLOSE),),
    "Q2 wrong symbol": (Rewrite(Edit(set={"s": "ETHUSDT", "k.s": "ETHUSDT"}), where=CLOSE),),
    "Q3 no volume": (NoTrades(where=during(2, 5, symbol=BTC)),),
    "Q3 no volume and no frames": (
        NoTrades(where=during(2, 5, symbol=BTC)),
        Silence(where=during(2, 5.01, symbol=BTC)),
    ),
    "Q3 no bars": (NoTrades(shown=False, where=during(2, 4, symbol=BTC)),),
    **wrong("Q4 zero", set={"k.o": "0", "k.h": "0", "k.l": "0", "k.c": "0"}),
    **wrong("Q4 negative", set={"k.l": "-1"}),
    **wrong("Q4 high below low", scale={"k.h": 0.5}),
    **wrong("Q4 close outside", scale={"k.c": 3.0}),
    **wrong("Q4 open outside", scale={"k.o": 0.1}),
    **wrong("Q4 negative volume", set={"k.v": "-3"}),
    **wrong("Q4 words", set={"k.c": "a lot"}),
    **wrong("Q4 not a number", set={"k.c": "NaN"}),
    **wrong("Q4 infinite", set={"k.h": "Infinity"}),
    **wrong("Q4 blank", set={"k.o": ""}),
    **wrong("Q4 spike", scale={"k.o": 100.0, "k.h": 100.0, "k.l": 100.0, "k.c": 100.0}),
    **wrong("Q4 spike up", scale={"k.h": 100.0, "k.c": 100.0}),
    **wrong("Q4 spike down", scale={"k.l": 0.01, "k.c": 0.01}),
    "Q5 the open bar comes last": (LOST, GONE),
    **{
        f"Q5 rows {how}": (LOST, SpoilRows(how, where=during(1.5, 8, endpoint="klines")))
        for how in ("duplicate", "reverse", "too many")
    },
    "Q5 the wanted row is missing": (LOST, SpoilRows("missing", (minute(1),), where=during(1.5, 4, endpoint="klines"))),
    "Q5 an earlier row is missing": (LOST, SpoilRows("missing", (minute(0),), where=during(1.5, 8, endpoint="klines"))),
    **{
        f"Q5 a row is {how}": (LOST, SpoilRows(how, (minute(1),), where=during(1.5, 4, endpoint="klines")))
        for how in ("text", "impossible")
    },
    "Q5 an earlier row is revised": (LOST, SpoilRows("revised", (minute(0),), where=during(1.5, 8, endpoint="klines"))),
    "X14 history lags": (LOST, Lag(30_000, where=during(1.5, 9, endpoint="klines"))),
    "X14 history lags by minutes": (GONE, LOST, Lag(3 * MINUTE, where=during(1.5, 9, endpoint="klines"))),
    "X1 history is down": (LOST, RefuseRequest(502, "html", where=during(1.5, 5))),
    "X4 history limits": (LOST, RefuseRequest(429, retry_after_s=20, where=once(2, endpoint="klines"))),
}


@pytest.mark.parametrize("row", PASSING)
def test_every_candle_comes_in_the_end_once_and_true(row: str) -> None:
    async def story() -> None:
        async with session(*PASSING[row]) as run_:
            await run_.until_emitted(8)
            await run_.until(lambda: not run_.suspended)

    run(story())


def test_q1_a_second_word_is_recorded_and_not_traded() -> None:
    async def story() -> None:
        async with session(*PASSING["Q1 close twice, with other values"]) as run_:
            await run_.until_emitted(4)
            (difference,) = run_.differences
            assert difference.emitted == run_.candles["BTC/USDT"][1]
            assert difference.said.volume == pytest.approx(2 * difference.emitted.volume)

    run(story())


def test_q3_a_quiet_market_is_told_from_a_dead_feed() -> None:
    async def story(*faults: AnyFault) -> tuple[int, list[str]]:
        async with session(*faults) as run_:
            await run_.until_emitted(8)
            return len(run_.log.told("handshake")), run_.suspensions("BTC/USDT")

    silent = Silence(where=during(2, 6.01, symbol=BTC))
    assert run(story(NoTrades(where=during(2, 6, symbol=BTC)), silent)) == (1, [])
    connections, _ = run(story(silent))
    assert connections > 1


def test_q5_a_bar_that_history_never_had_is_passed_over_in_the_end() -> None:
    async def story() -> None:
        never = SpoilRows("missing", (minute(2),), where=Where(endpoint="klines"))
        async with session(never, Silence(where=during(1.99, 3.05, symbol=BTC))) as run_:
            await run_.until(lambda: run_.has_emitted(6))
            opens = [(candle.open_time_ms - minute(0)) // MINUTE for candle in run_.candles["BTC/USDT"]]
            assert opens[:5] == [0, 1, 3, 4, 5]
            assert run_.suspensions("BTC/USDT")
            run_.assert_struck()

    run(story())


def test_q5_what_history_revises_later_is_an_alarm() -> None:
    async def story() -> None:
        async with session(*PASSING["Q5 an earlier row is revised"]) as run_:
            await run_.until_emitted(4)
            assert [difference.source for difference in run_.differences] == ["history"]

    run(story())


STUCK = {"k.t": minute(2), "k.T": minute(3) - 1, "k.x": False, "k.c": "30000.00000000"}


def test_q6_a_flat_market_is_traded_on() -> None:
    async def story() -> None:
        async with session(NoTrades(where=during(1, 20, symbol=BTC))) as run_:
            await run_.until_emitted(22, within=30)
            assert not run_.suspensions("BTC/USDT")
            assert len(run_.log.told("handshake")) == 1

    run(story())


def test_q6_a_stream_that_repeats_an_old_price_under_new_times_is_replaced() -> None:
    async def story(patience: Patience) -> None:
        stuck = Rewrite(Edit(set=STUCK), where=Where(from_ms=minute(3), symbol=BTC, connection=1))
        async with session(stuck, patience=patience) as run_:
            await run_.until(lambda: len(run_.log.told("handshake")) > 1, within=10)
            await run_.until_emitted(8)

    run(story(Patience()))
    with pytest.raises(AssertionError, match="not within"):
        run(story(Patience(silence_ms=10**9, frozen_ms=10**9)))


def test_x4_who_is_banned_asks_nothing_until_the_ban_is_over() -> None:
    async def story() -> None:
        async with session(LOST, Ban(150, where=once(2, endpoint="klines"))) as run_:
            await run_.until_emitted(8)
            assert not run_.log.told("request while banned")

    run(story())


def unproven(self: CandleProof, message: Any, now: int, out: list[FeedOutput]) -> bool:
    """Take a bar because it is newer than the last, as most bots do."""
    if message.candle.open_time_ms < (self.next_ms or 0):
        return False
    self._emit(message.candle, out)
    return True


def never_again(self: HistoryQuestion, now: int) -> None:
    """Take the first answer for the last word."""
    self._not_before = now + 10**9


def unchecked(open_ms: int, *numbers: float) -> Candle:
    """A candle that nobody has looked at."""
    candle = Candle(open_ms, 1.0, 1.0, 1.0, 1.0, 0.0)
    for name, number in zip(("open", "high", "low", "close", "volume"), numbers, strict=True):
        force_setattr(candle, name, number)
    return candle


DEFENCES: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "a gap is repaired before anything new is said": (
        "Q2 gap of three",
        (patch.object(CandleProof, "take_closed", unproven), patch.object(CandleProof, "ask_when_due")),
        "should be",
    ),
    "a row is final when it has ended": (
        "Q5 the open bar comes last",
        (patch("bot.adapters.candle_proof.final_until_ms", return_value=10**13),),
        "should be|are true",
    ),
    "a missing close is asked for": (
        "Q1 close never sent",
        (patch.object(CandleProof, "ask_when_due"),),
        "not within",
    ),
    "history that lags is asked again": (
        "X14 history lags",
        (patch.object(HistoryQuestion, "wait", never_again),),
        "not within",
    ),
    "prices are checked": (
        "Q4 high below low, closing",
        (patch("bot.adapters.venues.bars.Candle", unchecked),),
        "should be",
    ),
    "a leap of the price needs a second voice": (
        "Q4 spike, closing",
        (patch.object(CandleProof, "_leaps", return_value=False),),
        "should be",
    ),
    "a leap between closes is not believed": (
        "Q4 spike up, forming",
        (patch.object(MarketWatch, "believes", return_value=True),),
        "never was",
    ),
}


@pytest.mark.parametrize("defence", DEFENCES)
def test_without_its_defence_a_scenario_fails(defence: str) -> None:
    row, patches, failure = DEFENCES[defence]

    async def story() -> None:
        async with session(*PASSING[row]) as run_:
            await run_.until_emitted(8)

    with ExitStack() as switched_off:
        for defence_off in patches:
            switched_off.enter_context(defence_off)
        with pytest.raises(AssertionError, match=failure):
            run(story())
