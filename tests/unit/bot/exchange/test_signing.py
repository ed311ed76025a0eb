"""Keys, signatures and timestamps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.signing import (
    Credentials,
    Keyring,
    check_request,
    check_time,
    rest_payload,
    sign,
    websocket_payload,
)
from tests.unit.bot.exchange.trading_desk import refused

# The example of Binance's public page on signed requests.
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
ORDER = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
REST = "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SIGNED_AS_ONE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
SIGNED_IN_TWO = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"

NOW_MS = 1_499_827_319_559
KEY = Credentials(API_KEY, SECRET, "alice")


def request(**changed: str) -> dict[str, str]:
    return {"timestamp": str(NOW_MS), "signature": sign(SECRET, "x=1"), **changed}


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (f"{ORDER}&{REST}", "", SIGNED_AS_ONE),
        ("", f"{ORDER}&{REST}", SIGNED_AS_ONE),
        (ORDER, REST, SIGNED_IN_TWO),
    ],
)
def test_the_published_examples_hold(query: str, body: str, signature: str) -> None:
    assert sign(SECRET, rest_payload(query, body)) == signature


@pytest.mark.parametrize(
    ("query", "body", "payload"),
    [
        ("a=1&signature=ff", "", "a=1"),
        ("signature=ff&a=1", "", "a=1"),
        ("a=1&signature=ff&b=2", "", "a=1&b=2"),
        ("a=1", "b=2&signature=ff", "a=1b=2"),
        ("signature=ff", "b=2", "b=2"),
        ("mysignature=1&signature=ff", "", "mysignature=1"),
        ("", "", ""),
    ],
)
def test_the_signature_is_not_signed_itself(query: str, body: str, payload: str) -> None:
    assert rest_payload(query, body) == payload


def test_on_the_websocket_api_the_parameters_are_signed_in_alphabetical_order() -> None:
    params = {"timestamp": 5, "apiKey": "k", "signature": "ff", "recvWindow": 5000}
    assert websocket_payload(params) == "apiKey=k&recvWindow=5000&timestamp=5"


def test_a_signature_may_be_written_in_capitals() -> None:
    check_request(KEY, "x=1", request(signature=sign(SECRET, "x=1").upper()), NOW_MS)


@given(st.text(max_size=30), st.text(max_size=30))
def test_two_payloads_have_two_signatures(first: str, second: str) -> None:
    assert (sign(SECRET, first) == sign(SECRET, second)) == (first == second)


def test_a_signature_of_something_else_is_refused() -> None:
    with refused(-1022, "Signature for this request is not valid."):
        check_request(KEY, "x=2", request(), NOW_MS)


def test_a_signature_by_another_secret_is_refused() -> None:
    with refused(-1022, "Signature for this request is not valid."):
        check_request(KEY, "x=1", request(signature=sign("other", "x=1")), NOW_MS)


def test_a_signature_that_is_none_is_refused_for_its_characters() -> None:
    text = "Illegal characters found in parameter 'signature'; legal range is '^[A-Fa-f0-9]{64}$'."
    with refused(-1100, text):
        check_request(KEY, "x=1", request(signature="xyz"), NOW_MS)


@pytest.mark.parametrize("name", ["signature", "timestamp"])
def test_signature_and_timestamp_must_be_there(name: str) -> None:
    sent = request()
    del sent[name]
    with refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."):
        check_request(KEY, "x=1", sent, NOW_MS)


@pytest.mark.parametrize("off_ms", [0, -5_000, 999])
def test_a_timestamp_within_the_window_is_taken(off_ms: int) -> None:
    check_time({"timestamp": str(NOW_MS + off_ms)}, NOW_MS)


@pytest.mark.parametrize("off_ms", [-5_001, -3_600_000])
def test_a_timestamp_before_the_window_is_refused(off_ms: int) -> None:
    with refused(-1021, "Timestamp for this request is outside of the recvWindow."):
        check_time({"timestamp": str(NOW_MS + off_ms)}, NOW_MS)


@pytest.mark.parametrize("off_ms", [1_000, 3_600_000])
def test_a_timestamp_a_second_ahead_is_refused(off_ms: int) -> None:
    with refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time."):
        check_time({"timestamp": str(NOW_MS + off_ms)}, NOW_MS)


def test_the_window_may_be_as_long_as_a_minute_and_have_a_fraction() -> None:
    check_time({"timestamp": str(NOW_MS - 60_000), "recvWindow": "60000"}, NOW_MS)
    check_time({"timestamp": str(NOW_MS - 1), "recvWindow": "1.5"}, NOW_MS)
    with refused(-1021, "Timestamp for this request is outside of the recvWindow."):
        check_time({"timestamp": str(NOW_MS - 2), "recvWindow": "1.5"}, NOW_MS)
    with refused(-1131, "recvWindow must be less than 60000"):
        check_time({"timestamp": str(NOW_MS), "recvWindow": "60000.001"}, NOW_MS)


@pytest.mark.parametrize("key", [None, "", "short", API_KEY + "8"])
def test_a_malformed_key_is_refused(key: str | None) -> None:
    with refused(-2014, "API-key format invalid.", 401):
        Keyring([KEY]).find(key)


REJECTED = "Invalid API-key, IP, or permissions for action."


def test_a_key_works_until_it_is_revoked() -> None:
    keys = Keyring([KEY])
    assert keys.find(API_KEY) is KEY
    keys.revoke(API_KEY)
    with refused(-2015, REJECTED, 401):
        keys.find(API_KEY)


def test_a_key_does_only_what_it_may() -> None:
    reader = Credentials(API_KEY, SECRET, "alice", may_trade=False)
    check_request(reader, "x=1", request(), NOW_MS)
    with refused(-2015, REJECTED, 401):
        check_request(reader, "x=1", request(), NOW_MS, trades=True)


def test_a_key_that_is_put_again_may_do_other_things() -> None:
    keys = Keyring([KEY])
    keys.put(Credentials(API_KEY, SECRET, "alice", may_read=False))
    with refused(-2015, REJECTED, 401):
        check_request(keys.find(API_KEY), "x=1", request(), NOW_MS)


def test_a_secret_is_never_printed() -> None:
    assert SECRET not in repr(KEY)
    assert SECRET not in f"{KEY}"
    assert API_KEY not in repr(KEY)
