"""What an order call proves that got no answer: what became of the request, by the real ccxt and real sessions."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import aiohttp
import pytest

from bot.adapters.account_places import PLACES
from bot.adapters.api_keys import Credentials
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_calls import WatchedSession
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.order_messages import NotSent, Outcome, Refusal, Refused, Unresolved
from bot.adapters.order_outcome import Attempt, Question, judge
from bot.adapters.request_fates import Redirected, Unanswered, Withheld
from bot.core.orders import BUY, LIMIT, Intent, Purpose
from tests import market_time
from tests.scripted_venue import (
    KEY,
    NOW_MS,
    SECRET,
    Answer,
    Heard,
    LoopbackResolver,
    order_body,
    refused,
    session_to,
    still_clock,
    told,
    trading,
    venue_of,
)

INTENT = Intent("c1", "BTC/USDT", BUY, LIMIT, Decimal("0.01"), Purpose.ENTRY, 0, limit_price=Decimal(50_000))


def test_nothing_was_sent_where_nobody_listens():
    async def story() -> tuple[Outcome, Outcome]:
        async with venue_of(lambda _: Answer()) as venue:
            pass
        async with session_to(venue.port) as session, moved_to(session) as orders:
            return await orders.place(INTENT), await orders.cancel("BTC/USDT", "c1")

    placed, cancelled = market_time.run(story())
    assert isinstance(placed, NotSent)
    # Of a cancel aiohttp makes two tries by itself, and which of them failed cannot be told.
    assert isinstance(cancelled, Unresolved)


@asynccontextmanager
async def moved_to(session: aiohttp.ClientSession) -> AsyncIterator[CcxtOrders]:
    """An account that knows its market, and whose requests take another session from then on."""
    clock = still_clock()
    async with venue_of(lambda _: Answer()) as venue, session_to(venue.port) as first:
        exchange = open_account(PLACES["embedded"], Credentials(KEY, SECRET), first, clock)
        orders = CcxtOrders(exchange, clock)
        await orders.rules(["BTC/USDT"])
        exchange.session = WatchedSession(session)
        yield orders
        await orders.close()


def test_nothing_was_sent_to_somebody_whose_certificate_is_not_trusted():
    async def story() -> Outcome:
        async with venue_of(lambda _: told(200, order_body())) as venue:
            connector = aiohttp.TCPConnector(resolver=LoopbackResolver(venue.port), ssl=ssl.create_default_context())
            async with aiohttp.ClientSession(connector=connector) as session, moved_to(session) as orders:
                outcome = await orders.place(INTENT)
                assert not venue.heard
                return outcome

    outcome = market_time.run(story())
    assert isinstance(outcome, NotSent)
    assert "Certificate" in outcome.reason


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Withheld("nothing is sent until later", NOW_MS + 9), NotSent("nothing is sent until later", NOW_MS + 9)),
        (Unanswered("the venue hung up"), Unresolved("the venue hung up")),
        (Redirected("sent elsewhere"), Unresolved("sent elsewhere")),
    ],
)
@pytest.mark.parametrize("question", ["place", "cancel", "order"])
def test_what_the_session_says_of_a_request_counts(failure, expected, question):
    async def story() -> Outcome:
        async def gate(_request, _handler):
            raise failure

        async with aiohttp.ClientSession(middlewares=(gate,)) as session, moved_to(session) as orders:
            return await (orders.place(INTENT) if question == "place" else getattr(orders, question)("BTC/USDT", "c1"))

    assert market_time.run(story()) == expected


def test_a_request_that_is_abandoned_while_it_waits_may_have_been_done():
    async def story() -> int:
        arrived = asyncio.Event()

        def script(_: Heard) -> Answer:
            arrived.set()
            return Answer(ending="hang")

        async with trading(script) as (orders, venue):
            task = asyncio.create_task(orders.place(INTENT))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return len(venue.asked("POST"))

    assert market_time.run(story()) == 1
    abandoned = Attempt(was_sent=True, reply=None, error=asyncio.CancelledError())
    assert isinstance(judge(Question.PLACE, abandoned, str, NOW_MS), Unresolved)


def test_a_cancel_whose_first_answer_is_lost_is_heard_of_as_not_found():
    async def story() -> tuple[Outcome, list[Heard]]:
        answers = [Answer(), refused(400, -2011, "Unknown order sent.")]
        async with trading(lambda _: answers.pop(0)) as (orders, venue):
            return await orders.cancel("BTC/USDT", "c1"), venue.asked("DELETE")

    outcome, heard = market_time.run(story())
    # aiohttp sent the same request again by itself, signature and all: the first one may have done it.
    assert len(heard) == 2
    assert heard[0].sent == heard[1].sent
    assert isinstance(outcome, Refused)
    assert outcome.refusal is Refusal.NOT_FOUND
