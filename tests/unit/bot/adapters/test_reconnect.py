"""What may be tried again, when, and what may not."""

import socket
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosedError,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.frames import Close
from websockets.http11 import Response

from bot.adapters.reconnect import ConnectBudget, Fatal, Retry, retry_delay_s, retry_or_fatal
from bot.core.errors import VenueError, VenueUnavailable


def refused(status: int, **headers: str) -> InvalidStatus:
    return InvalidStatus(
        Response(status, "", Headers({name.replace("_", "-"): text for name, text in headers.items()}))
    )


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "refused"),
        ConnectionResetError(104, "reset"),
        socket.gaierror(-2, "no such name"),
        TimeoutError(),
        TimeoutError("connected, but no prices"),
        ssl.SSLError("cut short"),
        *(ConnectionClosedError(Close(code, ""), None) for code in (1000, 1001, 1006, 1008, 1009, 1011, 1012, 1013)),
        ConnectionClosedError(None, None),
        InvalidHandshake("half an answer"),
        WebSocketException("anything of the protocol"),
        VenueUnavailable("later"),
    ],
    ids=str,
)
def test_what_may_pass_by_itself_is_tried_again(error) -> None:
    verdict = retry_or_fatal(error)
    assert isinstance(verdict, Retry)
    assert verdict.after_s == 0.0
    assert verdict.reason


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520])
def test_a_server_in_trouble_is_tried_again(status) -> None:
    assert retry_or_fatal(refused(status)) == Retry(f"HTTP {status}")


@pytest.mark.parametrize(("status", "away_s"), [(403, 300.0), (418, 120.0), (429, 60.0)])
def test_a_ban_is_waited_out(status, away_s) -> None:
    assert retry_or_fatal(refused(status)) == Retry(f"HTTP {status}", away_s)


def test_the_venue_s_own_word_on_waiting_wins() -> None:
    assert retry_or_fatal(refused(418, Retry_After="901")) == Retry("HTTP 418", 901.0)
    assert retry_or_fatal(refused(503, Retry_After="7")) == Retry("HTTP 503", 7.0)


def test_a_date_to_wait_for_is_measured_by_the_venue_s_own_clock() -> None:
    until, said_at = "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:26:30 GMT"
    assert retry_or_fatal(refused(429, Retry_After=until, Date=said_at)) == Retry("HTTP 429", 90.0)
    assert retry_or_fatal(refused(429, Retry_After=until)) == Retry("HTTP 429", 60.0)
    assert retry_or_fatal(refused(429, Retry_After="soon", Date=said_at)) == Retry("HTTP 429", 60.0)


@pytest.mark.parametrize(
    "error",
    [
        *(refused(status) for status in (200, 301, 400, 401, 404, 451)),
        ssl.SSLCertVerificationError(1, "expired"),
        InvalidURI("ws:/nowhere", "no host"),
        InvalidProxy("nonsense", "no proxy"),
        ValueError("a mistake of ours"),
        VenueError("no such market"),
    ],
    ids=str,
)
def test_what_waiting_cannot_mend_is_fatal(error) -> None:
    verdict = retry_or_fatal(error)
    assert isinstance(verdict, Fatal)
    assert verdict.reason


def test_pauses_double_up_to_the_longest() -> None:
    assert [retry_delay_s(failures, 1.0, 60.0, 0.0) for failures in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert retry_delay_s(10**6, 1.0, 60.0, 0.0) == 60.0


def test_jitter_stretches_a_pause_and_never_shortens_it() -> None:
    assert retry_delay_s(2, 1.0, 60.0, 0.5) == 5.0
    assert retry_delay_s(0, 1.0, 60.0, 0.999) < 1.5


def test_dials_within_the_budget_may_be_made_at_once() -> None:
    budget = ConnectBudget(most=3, stretch_s=300.0)
    assert [budget.spend(now) for now in (0.0, 1.0, 2.0)] == [0.0, 1.0, 2.0]


def test_a_dial_beyond_the_budget_waits_until_the_oldest_is_forgotten_and_counts_from_then() -> None:
    budget = ConnectBudget(most=2, stretch_s=300.0)
    assert [budget.spend(10.0) for _ in range(5)] == [10.0, 10.0, 310.0, 310.0, 610.0]
    assert budget.spend(1_000.0) == 1_000.0


def test_the_usual_budget_stays_below_the_limit_of_binance_in_any_five_minutes() -> None:
    budget = ConnectBudget()
    dials = [budget.spend(number * 0.01) for number in range(1_000)]
    assert max(sum(at <= dial < at + 300.0 for dial in dials) for at in dials) <= 300
