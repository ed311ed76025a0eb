"""
Rows W1 to W12 of the fault table: the websocket protocol, against a real exchange in real sockets.

Not here: W12 is about the WS API, through which orders are sent; no market data comes from it.
"""

from typing import Any, get_args
from unittest.mock import patch

import pytest

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_proof import CandleProof
from bot.adapters.feed_outputs import FeedOutput, GiveUp
from bot.adapters.patience import Patience
from bot.adapters.reconnect import Retry
from bot.adapters.venues import VenueStream
from bot.adapters.venues.binance import MAX_MARKETS, BinanceKlines
from bot.core.errors import VenueError
from bot.core.market import Timeframe
from bot.exchange.faults import (
    AnyFault,
    Delay,
    Edit,
    HangUp,
    Inject,
    InjectJunk,
    Junk,
    Lifetime,
    MishandleRequest,
    Reframe,
    RefuseHandshake,
    Repeat,
    ReplayOld,
    Rewrite,
    ShutDown,
    Silence,
    StopPinging,
)
from bot.exchange.occasions import Where
from tests.market_time import run
from tests.stream_scenarios import MINUTE, SYMBOLS, Session, during, once, session

GONE = HangUp(None, where=once(1.5), name="the first connection is lost")
SHUTDOWN = '{"e":"serverShutdown","E":1770123456789}'

PASSING: dict[str, tuple[AnyFault, ...]] = {
    **{f"W2 close code {code}": (HangUp(code, where=once(1.9)),) for code in (1000, 1001, 1005, 1006, 1008, 1009)},
    **{f"W2 close code {code}": (HangUp(code, where=once(1.9)),) for code in (1011, 1012, 1013, None)},
    "W3 cut before its time": (Lifetime(2 * MINUTE),),
    "W4 shutdown, no time left": (ShutDown(0, where=once(1.9)),),
    "W5 no pings": (StopPinging(),),
    "W6 no answer": (GONE, MishandleRequest("silent", where=Where(connection=2))),
    "W6 late answer": (GONE, MishandleRequest("late", late_ms=5_000, where=Where(connection=2))),
    "W6 answer too late": (GONE, MishandleRequest("late", late_ms=60_000, where=Where(connection=2))),
    "W6 refused": (GONE, MishandleRequest("error", where=Where(connection=2))),
    "W6 wrong id": (GONE, MishandleRequest("wrong id", where=Where(connection=2))),
    "W6 granted, no data": (GONE, MishandleRequest("no data", where=Where(connection=2))),
    "W8 one market does not resume": (GONE, Silence(where=Where(connection=2, symbol="ETHUSDT"))),
    **{f"W9 {what}": (InjectJunk(what, where=during(1.5, 1.6)),) for what in get_args(Junk)},
    **{f"W9 {how}": (Reframe(how, where=during(1.9, 2.1)),) for how in ("fragmented", "compressed", "binary")},
    "W10 unknown events": (Inject('{"e":"thunder","k":7}'), Inject('{"stream":"x","data":[1]}'), Inject("null")),
    "W10 extra fields": (Rewrite(Edit(set={"new": {"a": [1]}, "k.new": None})),),
    "W10 missing field": (Rewrite(Edit(remove=("k.c",)), where=once(1, closing=True, symbol="BTCUSDT")),),
    "W10 missing kline": (Rewrite(Edit(remove=("k",)), where=once(1, closing=True)),),
    "W10 wrong types": (Rewrite(Edit(set={"k.o": 1.5, "k.x": "yes"}), where=during(1.9, 2.1)),),
    "W10 no object": (Rewrite(Edit(set={"k": [1, 2]}), where=during(1.9, 2.1)),),
    "W10 nobody's symbol": (Rewrite(Edit(set={"s": "XUSDT", "k.s": "XUSDT"}), where=during(1.9, 2.1)),),
    "W10 two symbols": (Rewrite(Edit(set={"k.s": "ETHUSDT"}), where=during(1.9, 2.1, symbol="BTCUSDT")),),
    "W10 unwrapped": (Reframe("other wrapping", where=during(1.5, 2.5)),),
    "W11 everything twice": (Repeat(),),
    "W11 closes again, later": (Repeat(after_ms=65_000, count=3, where=Where(closing=True)),),
    "W11 close after its successors": (Delay(70_000, where=once(1, closing=True, symbol="BTCUSDT")),),
    "W11 old frames after a reconnect": (GONE, ReplayOld(80, where=Where(connection=2, times=1))),
}


@pytest.mark.parametrize("row", PASSING)
def test_every_candle_comes_in_the_end_once_and_true(row: str) -> None:
    async def story() -> None:
        async with session(*PASSING[row]) as run_:
            await run_.until_emitted(5)
            await run_.until(lambda: not run_.suspended)

    run(story())


def handshakes(run_: Session) -> list[int]:
    return [event.at_ms for event in run_.log.told("handshake")]


@pytest.mark.parametrize(("status", "retry_after_s"), [(403, None), (403, 30), (418, 200), (429, 45), (429, None)])
def test_w1_who_is_told_to_wait_waits(status: int, retry_after_s: int | None) -> None:
    async def story() -> int:
        refused = RefuseHandshake(status, retry_after_s, where=Where(connection=2))
        async with session(GONE, refused) as run_:
            await run_.until_emitted(8)
            _, second, third = handshakes(run_)[:3]
            return third - second

    wait_ms = (retry_after_s or {403: 300, 429: 60}[status]) * 1_000
    assert wait_ms <= run(story()) < wait_ms + 10_000
    with patch("bot.adapters.stream_shard.retry_or_fatal", side_effect=_impatient):
        assert run(story()) < wait_ms / 2


def _impatient(error: Exception) -> Any:

    return Retry(str(error))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_w1_a_fault_of_the_server_passes(status: int) -> None:
    async def story() -> None:
        async with session(GONE, RefuseHandshake(status, where=during(1.5, 2.6))) as run_:
            await run_.until_emitted(5)
            assert len(handshakes(run_)) > 3

    run(story())


@pytest.mark.parametrize("status", [400, 401, 404, 451])
def test_w1_what_waiting_does_not_mend_ends_the_session_with_a_sentence(status: int) -> None:
    async def story() -> None:
        async with session(RefuseHandshake(status)) as run_:
            await run_.until(lambda: run_.has_emitted(1))

    with pytest.raises(VenueError, match=f"HTTP {status}"):
        run(story())


AGEING = Patience(hand_over_ms=2 * MINUTE)
"""23 hours in small, as the exchange's 24 hours are three minutes here."""


def test_w3_nobody_grows_so_old_that_the_exchange_cuts_it() -> None:
    async def story(patience: Patience) -> tuple[int, bool]:
        async with session(Lifetime(3 * MINUTE), patience=patience) as run_:
            await run_.until(lambda: run_.has_emitted(7))
            run_.assert_candles()
            return run_.log.strikes("lifetime"), began_before_the_old_one_ended(run_)

    assert run(story(AGEING)) == (0, True)
    cuts, _ = run(story(Patience()))
    assert cuts > 0
    with patch.object(CandleFeed, "_leave", _leave_first):
        assert run(story(AGEING)) == (0, False)


@pytest.mark.parametrize(
    "fault", [ShutDown(20_000, where=during(1.9, 2)), Inject(SHUTDOWN, where=once(1.9))], ids=["combined", "raw"]
)
def test_w4_the_new_connection_stands_before_the_old_one_ends(fault: AnyFault) -> None:
    async def story() -> tuple[bool, int]:
        async with session(fault) as run_:
            await run_.until_emitted(5)
            return began_before_the_old_one_ended(run_), run_.feed.counts["questions"]

    assert run(story()) == (True, 0)
    with patch.object(CandleFeed, "_leave", _leave_first):
        before, _ = run(story())
    assert not before


def began_before_the_old_one_ended(run_: Session) -> bool:
    """Whether the second connection was dialled before the first one was left."""
    return run_.log.told("handshake")[1].number < run_.log.told("gone")[0].number


def _leave_first(self: CandleFeed, link: Any, reason: str, out: list[FeedOutput]) -> None:
    """A hand-over as others do it: the old connection is dropped, and then another one is dialled."""
    if not link.is_leaving:
        link.is_leaving = True
        out.append(GiveUp(link.number, reason))


def test_w5_every_ping_is_answered_with_its_payload() -> None:
    async def story() -> None:
        async with session() as run_:
            await run_.until_emitted(4)
            log = run_.log
            assert len(log.told("ping out")) >= 10
            assert len(log.told("ping out")) - len(log.told("pong in")) <= 1
            assert not log.told("no pong")
            assert len(handshakes(run_)) == 1

    run(story())


@pytest.mark.parametrize(("how", "within_s"), [("silent", 20), ("wrong id", 20)])
def test_w6_what_is_not_confirmed_is_not_waited_for(how: str, within_s: int) -> None:
    async def story(patience: Patience) -> float:
        async with session(GONE, MishandleRequest(how, where=Where(connection=2)), patience=patience) as run_:  # type: ignore[arg-type]
            await run_.until_emitted(4)
            await run_.until(lambda: len(handshakes(run_)) == 3, within=10)
            return (handshakes(run_)[2] - handshakes(run_)[1]) / 1_000

    assert run(story(Patience())) < within_s
    if how == "silent":
        assert run(story(Patience(confirm_ms=10**9))) > within_s
    else:
        with pytest.raises(AssertionError, match="not within"):
            run(story(Patience(confirm_ms=10**9)))


def crowd(url: str) -> list[VenueStream]:
    """As many markets as one connection may carry, most of which nobody trades."""
    names = {f"M{number}USDT": f"M{number}/USDT" for number in range(MAX_MARKETS - len(SYMBOLS))}
    real = {symbol.replace("/", ""): symbol for symbol in SYMBOLS}
    return [BinanceKlines(real | names, Timeframe.M1, url)]


def test_w7_no_rule_of_the_house_is_broken_with_a_full_connection() -> None:
    async def story(patience: Patience) -> list[str]:
        async with session(streams_of=crowd, patience=patience) as run_:
            await run_.until(lambda: run_.has_emitted(1) or bool(run_.log.told("house rule broken")))
            return [event.text for event in run_.log.told("house rule broken")]

    with patch("bot.adapters.venues.binance.STREAMS_PER_REQUEST", 100):
        assert run(story(Patience())) == []
        # Without a pause between the requests it is.
        assert run(story(Patience(request_gap_ms=1))) == ["too many messages"]


@pytest.mark.parametrize("row", ["W11 everything twice", "W11 closes again, later", "W11 old frames after a reconnect"])
def test_w11_without_memory_candles_come_twice(row: str) -> None:
    def believe(self: CandleProof, message: Any, now: int, out: list[FeedOutput]) -> bool:
        self._begin(message.candle.open_time_ms)
        self._emit(message.candle, out)
        return True

    async def story() -> None:
        async with session(*PASSING[row]) as run_:
            await run_.until_emitted(5)

    with patch.object(CandleProof, "take_closed", believe), pytest.raises(AssertionError, match=r"should be|are true"):
        run(story())


def test_w8_without_a_watch_on_each_market_one_stays_silent() -> None:
    """The watch on connections sees nothing: one market of two still speaks."""

    async def story() -> None:
        async with session(*PASSING["W8 one market does not resume"]) as run_:
            await run_.until(lambda: len(handshakes(run_)) > 2)

    run(story())
    with (
        patch("bot.adapters.feed_watch.MarketWatch.tick", return_value=""),
        pytest.raises(AssertionError, match="not within"),
    ):
        run(story())
