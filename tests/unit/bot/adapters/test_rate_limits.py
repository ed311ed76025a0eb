"""What a venue says of its limits, in exchangeInfo, in headers and in refusals."""

import gzip
import json
from pathlib import Path

import pytest
from multidict import CIMultiDict

from bot.adapters.rate_limits import Quiet, RateLimits, Told, WindowLimit, limits_of, quiet_asked_by, told_by
from bot.core.errors import DataError
from bot.core.market import DAY_MS

SHARED = Path(__file__).resolve().parents[4].parent / "shared" / "data"
RECORDED = SHARED / "fixtures/nautilus/binance/py/http_responses/http_spot_market_exchange_info.json"
NONE = CIMultiDict[str]()


def stated(kind: str, interval: str, count: int, limit: object) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}


def test_the_stated_limits_are_read_and_unknown_kinds_passed_over() -> None:
    said = [
        stated("REQUEST_WEIGHT", "MINUTE", 1, 1_200),
        stated("ORDERS", "SECOND", 10, 100),
        stated("ORDERS", "DAY", 1, 200_000),
        stated("RAW_REQUESTS", "MINUTE", 5, 61_000),
        stated("SOMETHING_NEW", "HOUR", 1, 1),
    ]
    assert limits_of(said) == RateLimits(
        WindowLimit(1_200, 60_000),
        (WindowLimit(100, 10_000), WindowLimit(200_000, DAY_MS)),
        WindowLimit(61_000, 300_000),
    )


def test_what_is_not_stated_keeps_the_documented_figure() -> None:
    assert limits_of([]) == RateLimits()


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"limit": 1},
        ["6000"],
        [stated("REQUEST_WEIGHT", "MINUTE", 1, "many")],
        [stated("REQUEST_WEIGHT", "MINUTE", 1, 0)],
        [stated("REQUEST_WEIGHT", "MINUTE", 0, 6_000)],
        [stated("ORDERS", "FORTNIGHT", 1, 6_000)],
    ],
    ids=str,
)
def test_limits_that_cannot_be_true_are_refused(said) -> None:
    with pytest.raises(DataError):
        limits_of(said)


def test_the_limits_of_a_recorded_exchange_info_are_read() -> None:
    if not RECORDED.exists():
        pytest.skip(f"{RECORDED.name} of the shared data is not here")
    text = RECORDED.read_bytes()
    found = limits_of(json.loads(gzip.decompress(text) if RECORDED.suffix == ".gz" else text)["rateLimits"])
    assert found.weight.window_ms == 60_000
    assert found.weight.most >= 1_200
    assert {limit.window_ms for limit in found.orders} == {10_000, DAY_MS}


def test_counters_are_read_from_headers_whatever_their_case() -> None:
    headers = {
        "x-mbx-used-weight": "7",
        "x-mbx-used-weight-1m": "13",
        "X-MBX-ORDER-COUNT-10S": "2",
        "X-Mbx-Order-Count-1D": "40",
        "X-MBX-USED-WEIGHT-1H": "many",
        "Date": "today",
    }
    assert told_by(headers) == Told({60_000: 13}, {10_000: 2, DAY_MS: 40})


def body(code: int, msg: str) -> bytes:
    return json.dumps({"code": code, "msg": msg}).encode()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 503])
def test_only_429_and_418_ask_for_silence(status) -> None:
    assert quiet_asked_by(status, CIMultiDict({"Retry-After": "60"}), b"") is None


def test_retry_after_says_for_how_long() -> None:
    assert quiet_asked_by(429, CIMultiDict({"retry-after": "17"}), b"") == Quiet("HTTP 429", 17_000, None)


def test_the_words_of_a_ban_say_until_when() -> None:
    words = body(
        -1003, "Way too much request weight used; IP banned until 1700000123456. Please use WebSocket Streams."
    )
    assert quiet_asked_by(418, NONE, words) == Quiet("HTTP 418", None, 1_700_000_123_456)


def test_too_many_orders_asks_for_no_more_orders_alone() -> None:
    words = body(-1015, "Too many new orders; current limit is 50 orders per 10 SECOND.")
    quiet = quiet_asked_by(429, CIMultiDict({"Retry-After": "4"}), words)
    assert quiet == Quiet("HTTP 429", 4_000, None, orders_alone=True)


@pytest.mark.parametrize("words", [b"", b"<html>", b"\xff", b"[]", b'{"code":"x"}', b"[" * 100_000])
def test_words_that_cannot_be_read_change_nothing_about_the_silence(words) -> None:
    assert quiet_asked_by(429, NONE, words) == Quiet("HTTP 429", None, None)
