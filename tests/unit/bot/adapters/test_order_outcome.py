"""Every row of what an order call can come to, each brought about by the real ccxt and a venue that answers so."""

import gzip
import logging
from decimal import Decimal

import pytest

from bot.adapters.order_messages import Answered, Outcome, Refusal, Refused, Unresolved
from bot.core.orders import BUY, LIMIT, Intent, Purpose
from tests import market_time
from tests.scripted_venue import (
    KEY,
    NOW_MS,
    SECRET,
    Answer,
    Script,
    order_body,
    refused,
    told,
    trading,
)

INTENT = Intent("c1", "BTC/USDT", BUY, LIMIT, Decimal("0.01"), Purpose.ENTRY, 0, limit_price=Decimal(50_000))


def place_at(script: Script) -> Outcome:
    async def story() -> Outcome:
        async with trading(script) as (orders, venue):
            outcome = await orders.place(INTENT)
            assert len(venue.asked("POST")) == 1
            return outcome

    return market_time.run(story())


def cancel_at(script: Script) -> Outcome:
    async def story() -> Outcome:
        async with trading(script) as (orders, _):
            return await orders.cancel("BTC/USDT", "c1")

    return market_time.run(story())


def look_up_at(script: Script) -> Outcome:
    async def story() -> Outcome:
        async with trading(script) as (orders, _):
            return await orders.order("BTC/USDT", "c1")

    return market_time.run(story())


def raw(text: str, ending: str = "close") -> Answer:
    return Answer(text.replace("\n", "\r\n").encode(), ending)


def html(status: int) -> Answer:
    return told(status, "<html><body>no</body></html>", {"Content-Type": "text/html"})


PAGE = "<html>Service temporarily unavailable</html>"
WHOLE = "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 999\n\n"
GARBLED = gzip.compress(b'{"orderId": 28}')[:-9]

UNKNOWN = {
    "closed before an answer": Answer(),
    "reset before an answer": Answer(ending="reset"),
    "never answered": Answer(ending="hang"),
    "headers cut": raw("HTTP/1.1 200 OK\nContent-Ty"),
    "body shorter than it says": raw(WHOLE + '{"symbol": "BTCUSDT"'),
    "body that stalls": raw(WHOLE + '{"symbol": "BTCUSDT"', "hang"),
    "bad chunk": raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nzz\n{}\n"),
    "bad gzip": Answer(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GARBLED) + GARBLED
    ),
    "garbage status line": raw("what?\n\n"),
    "200 with HTML": told(200, PAGE, {"Content-Type": "text/html"}),
    "200 with nothing": told(200, ""),
    "200 with an empty object": told(200, "{}"),
    "200 with null": told(200, "null"),
    "200 with a list": told(200, "[]"),
    "200 with cut JSON": told(200, '{"symbol": "BTCUSDT", "orderId": 28, "clientOr'),
    "200 with deep nesting": told(200, "[" * 100_000),
    "200 with another order": told(200, order_body(clientOrderId="somebodyelse")),
    "200 with another market": told(200, order_body(symbol="ETHUSDT")),
    "200 without a client order id": told(200, {k: v for k, v in order_body().items() if k != "clientOrderId"}),
    "200 that only acknowledges": told(
        200, {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "c1", "transactTime": NOW_MS}
    ),
    "200 with an error in it": told(200, {"code": -2010, "msg": "Account has insufficient balance."}),
    "200 with an impossible amount": told(200, order_body(executedQty="NaN")),
    "301": told(301, "", {"Location": "https://api.binance.com/api/v3/order"}),
    "302": told(302, "", {"Location": "https://testnet.binance.vision/"}),
    "307": told(307, "", {"Location": "https://elsewhere.example/"}),
    "400 without JSON": html(400),
    "404 without JSON": html(404),
    "408": html(408),
    "408 with -1007": refused(408, -1007, "Send status unknown; execution status unknown."),
    "500 with HTML": html(500),
    "500 with -1000": refused(500, -1000, "An unknown error occurred while processing the request."),
    "500 with -1001": refused(500, -1001, "Internal error; unable to process your request. Please try again."),
    "500 with -1006": refused(500, -1006, "An unexpected response was received. Execution status unknown."),
    "400 with -1006": refused(400, -1006, "An unexpected response was received. Execution status unknown."),
    "504 with -1007": refused(504, -1007, "Send status unknown; execution status unknown."),
    "503 with -1008": refused(503, -1008, "Server is currently overloaded with other requests."),
    "503 of which nothing is known": refused(503, -1, "Unknown error, please check your request or try again later."),
    "503 with a reason that would be a refusal": refused(503, -2010, "Duplicate order sent."),
    "502": html(502),
    "503": html(503),
    "504": html(504),
    "520 of a proxy": html(520),
}


@pytest.mark.parametrize("row", UNKNOWN)
def test_an_order_and_a_cancel_of_unknown_fate_are_unresolved(row):
    async def story() -> tuple[Outcome, Outcome]:
        async with trading(lambda _: UNKNOWN[row]) as (orders, venue):
            placed = await orders.place(INTENT)
            assert len(venue.asked("POST")) == 1
            return placed, await orders.cancel("BTC/USDT", "c1")

    for outcome in market_time.run(story()):
        assert isinstance(outcome, Unresolved), outcome
        assert outcome.reason


FUNDS = "Account has insufficient balance for requested action."
REFUSALS = {
    "duplicate": (refused(400, -2010, "Duplicate order sent."), Refusal.DUPLICATE),
    "insufficient funds": (refused(400, -2010, FUNDS), Refusal.FUNDS),
    "would trigger": (refused(400, -2010, "Order would trigger immediately."), Refusal.WOULD_TRIGGER),
    "would match": (refused(400, -2010, "Order would immediately match and take."), Refusal.OTHER),
    "market closed, by the engine": (refused(400, -2010, "Market is closed."), Refusal.MARKET_CLOSED),
    "market closed": (refused(400, -1013, "Market is closed."), Refusal.MARKET_CLOSED),
    "trading phase": (
        refused(400, -1013, "This order type is not possible in this trading phase."),
        Refusal.MARKET_CLOSED,
    ),
    "GTC alone": (refused(400, -1013, "Limit orders require GTC for this phase."), Refusal.MARKET_CLOSED),
    "symbol not permitted": (
        refused(400, -2010, "This symbol is not permitted for this account."),
        Refusal.MARKET_CLOSED,
    ),
    "symbol status": (refused(400, -1220, "This symbol is halted."), Refusal.MARKET_CLOSED),
    "maintenance": (refused(400, -1016, "This service is no longer available."), Refusal.MAINTENANCE),
    "maintenance in words": (refused(400, -1, "System is under maintenance."), Refusal.MAINTENANCE),
    "account disabled": (refused(400, -2010, "This action is disabled on this account."), Refusal.CREDENTIALS),
    "account may not": (refused(400, -2010, "This account may not place or cancel orders."), Refusal.CREDENTIALS),
    "no such key": (refused(401, -2014, "API-key format invalid."), Refusal.CREDENTIALS),
    "key rejected": (refused(401, -2015, "Invalid API-key, IP, or permissions for action."), Refusal.CREDENTIALS),
    "bad signature": (refused(400, -1022, "Signature for this request is not valid."), Refusal.CREDENTIALS),
    "unauthorized": (refused(401, -1002, "You are not authorized to execute this request."), Refusal.CREDENTIALS),
    "LOT_SIZE": (refused(400, -1013, "Filter failure: LOT_SIZE"), Refusal.RULES),
    "PRICE_FILTER": (refused(400, -1013, "Filter failure: PRICE_FILTER"), Refusal.RULES),
    "NOTIONAL": (refused(400, -1013, "Filter failure: NOTIONAL"), Refusal.RULES),
    "MAX_NUM_ALGO_ORDERS": (refused(400, -2010, "Filter failure: MAX_NUM_ALGO_ORDERS"), Refusal.RULES),
    "MAX_POSITION": (refused(400, -2010, "Filter failure: MAX_POSITION"), Refusal.RULES),
    "invalid quantity": (refused(400, -1013, "Invalid quantity."), Refusal.RULES),
    "nothing to trade": (refused(400, -2010, "Price * QTY is zero or less."), Refusal.RULES),
    "composition": (refused(400, -1014, "Unsupported order combination."), Refusal.RULES),
    "stops not taken": (refused(400, -1013, "Stop loss orders are not supported for this symbol."), Refusal.RULES),
    "prices of a pair": (
        refused(400, -2010, "The relationship of the prices for the orders is not correct."),
        Refusal.RULES,
    ),
    "unsupported operation": (refused(400, -1020, "This operation is not supported."), Refusal.RULES),
    "illegal characters": (refused(400, -1100, "Illegal characters found in parameter 'quantity'."), Refusal.RULES),
    "unread parameters": (refused(400, -1104, "Not all sent parameters were read."), Refusal.RULES),
    "too precise": (refused(400, -1111, "Parameter 'quantity' has too much precision."), Refusal.RULES),
    "unknown market": (refused(400, -1121, "Invalid symbol."), Refusal.RULES),
    "window too long": (refused(400, -1131, "recvWindow must be less than 60000"), Refusal.RULES),
    "empty book": (refused(400, -1112, "No orders on book for symbol."), Refusal.OTHER),
    "not found makes no sense here": (refused(400, -2013, "Order does not exist."), Refusal.OTHER),
    "a code that nobody knows": (refused(400, -9999, "Something new."), Refusal.OTHER),
    "the engine, in new words": (refused(400, -2010, "Something new."), Refusal.OTHER),
    "403": (html(403), Refusal.BLOCKED),
    "403 with an unknown code": (refused(403, -9999, "Something new."), Refusal.BLOCKED),
    "403 with a known code": (refused(403, -2015, "Invalid API-key, IP, or permissions."), Refusal.CREDENTIALS),
    "451": (html(451), Refusal.BLOCKED),
    "429 by weight": (refused(429, -1003, "Too much request weight used."), Refusal.LIMITED),
    "429 by orders": (refused(429, -1015, "Too many new orders."), Refusal.LIMITED),
    "429 with HTML": (html(429), Refusal.LIMITED),
    "418": (refused(418, -1003, "Way too much request weight used; IP banned."), Refusal.LIMITED),
    "-1003 with another status": (refused(400, -1003, "Too many requests queued."), Refusal.LIMITED),
    "too many connections": (refused(400, -1034, "Too many concurrent connections."), Refusal.LIMITED),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_an_order_that_was_turned_down_is_refused_for_its_reason(row):
    answer, refusal = REFUSALS[row]
    outcome = place_at(lambda _: answer)
    assert isinstance(outcome, Refused), outcome
    assert outcome.refusal is refusal


def test_an_order_that_came_in_is_answered():
    outcome = place_at(lambda _: told(200, order_body()))
    assert isinstance(outcome, Answered)
    assert outcome.report.client_order_id == "c1"


NOT_THERE = {
    "unknown order": refused(400, -2011, "Unknown order sent."),
    "no such order": refused(400, -2013, "Order does not exist."),
    "archived": refused(400, -2026, "Order was canceled or expired with no executed qty over 90 days ago."),
    "ids that do not fit": refused(400, -2011, "Cancel order is invalid. Check origClOrdId and orderId."),
}


@pytest.mark.parametrize("row", NOT_THERE)
def test_an_order_that_is_not_found_is_a_refusal_for_cancel_and_look_up(row):
    for outcome in (cancel_at(lambda _: NOT_THERE[row]), look_up_at(lambda _: NOT_THERE[row])):
        assert isinstance(outcome, Refused)
        assert outcome.refusal is Refusal.NOT_FOUND


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("Order was not canceled due to cancel restrictions.", Refusal.OTHER),
        ("This action is disabled on this account.", Refusal.CREDENTIALS),
    ],
)
def test_what_ccxt_takes_for_an_unknown_order_is_told_by_its_words(words, refusal):
    outcome = cancel_at(lambda _: refused(400, -2011, words))
    assert isinstance(outcome, Refused)
    assert outcome.refusal is refusal


def test_a_limit_says_when_to_ask_again():
    outcome = place_at(lambda _: refused(429, -1003, "Too much request weight used.", Retry_After="7"))
    assert isinstance(outcome, Refused)
    assert outcome.retry_at_ms == NOW_MS + 7_000


def test_a_ban_says_in_its_words_when_it_ends():
    until_ms = NOW_MS + 600_000
    words = f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams."
    outcome = place_at(lambda _: refused(418, -1003, words, retry_after="120"))
    assert isinstance(outcome, Refused)
    assert outcome.retry_at_ms == until_ms


def test_a_key_that_is_revoked_after_it_worked_is_not_taken_for_a_ban():
    # From its first success on, ccxt raises DDoSProtection for -2015.
    async def story() -> Outcome:
        answers = [told(200, order_body()), refused(401, -2015, "Invalid API-key, IP, or permissions for action.")]
        async with trading(lambda _: answers.pop(0)) as (orders, _):
            assert isinstance(await orders.place(INTENT), Answered)
            return await orders.place(INTENT)

    outcome = market_time.run(story())
    assert isinstance(outcome, Refused)
    assert outcome.refusal is Refusal.CREDENTIALS


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("row", ["reset before an answer", "never answered", "302", "500 with -1000", "502"])
def test_no_secret_is_in_a_reason_or_a_log(row, everything_logged):
    outcome = place_at(lambda _: UNKNOWN[row])
    shown = repr(outcome) + everything_logged.text
    for secret in (KEY, SECRET, "signature="):
        assert secret not in shown


def test_the_venues_words_are_shown_without_what_looks_like_a_secret():
    words = f"Illegal characters found in parameter 'signature={'ab12' * 16}'; {'x' * 5_000}"
    outcome = place_at(lambda _: refused(400, -1100, words))
    assert isinstance(outcome, Refused)
    assert "ab12ab12" not in outcome.reason
    assert len(outcome.reason) < 300
