"""Requests on the WebSocket API from their text, sessions without a socket, and answers as text."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.exchange.refusals import banned
from bot.exchange.signing import Credentials, Keyring, sign, websocket_payload
from bot.exchange.weights import Limits
from bot.exchange.wire import Refusal
from bot.exchange.ws_protocol import ApiRequest, granted, read_request, refused, text_of, with_usage
from bot.exchange.ws_refusals import Malformed, SessionRevoked
from bot.exchange.ws_session import SUBSCRIBE, UNSUBSCRIBE, Session, Subscriptions, weight_of

# The example of Binance's public page on signed requests of this API.
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
ORDER = (
    '{"id":"4885f793-e5ad-4c3b-8f6c-55d891472b71","method":"order.place","params":{"symbol":"BTCUSDT","side":"SELL",'
    '"type":"LIMIT","timeInForce":"GTC","quantity":"0.01000000","price":"52000.00","recvWindow":100,'
    f'"timestamp":1645423376532,"apiKey":"{API_KEY}","signature":"------ FILL ME ------"}}}}'
)
NOW_MS = 1_645_423_376_532
BAD_ID = "Invalid 'id' in JSON request; expected an integer, a string matching '^[a-zA-Z0-9-_]{1,36}$', or null."


def ask(session: Session, method: str, **params: str) -> object:
    return session.do(ApiRequest(1, method, params), NOW_MS).result


def subscribed(session: Session, key: str = API_KEY) -> object:
    sent = {"apiKey": key, "timestamp": str(NOW_MS)}
    return ask(session, SUBSCRIBE, **sent, signature=sign(SECRET, websocket_payload(sent)))


def session_of(*accounts: str) -> Session:
    keys = [Credentials(letter * 64, SECRET, letter) for letter in accounts]
    return Session(Keyring([Credentials(API_KEY, SECRET, "main"), *keys]))


def test_the_published_example_is_signed_as_it_was_read() -> None:
    request = read_request(ORDER)
    assert (request.id, request.method) == ("4885f793-e5ad-4c3b-8f6c-55d891472b71", "order.place")
    signature = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    assert sign(SECRET, websocket_payload(request.params)) == signature


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"x"', "x"),
        ("5000", "5000"),
        ("6000.340", "6000.340"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ("[]", ""),
        ('{"a":1}', ""),
    ],
)
def test_a_parameter_has_the_text_that_was_signed(value: str, text: str) -> None:
    assert read_request(f'{{"id":1,"method":"x","params":{{"p":{value}}}}}').params == {"p": text}


@pytest.mark.parametrize(
    ("data", "request_id", "words"),
    [
        ("", None, "Invalid JSON Request"),
        ("{", None, "Invalid JSON Request"),
        (b"\xff", None, "Invalid JSON Request"),
        ("[1]", None, "Invalid JSON Request"),
        ('{"id":true,"method":"ping"}', None, BAD_ID),
        ('{"id":1.5,"method":"ping"}', 1.5, BAD_ID),
        ('{"id":"with a space","method":"ping"}', None, BAD_ID),
        (f'{{"id":"{"x" * 37}","method":"ping"}}', None, BAD_ID),
        ('{"id":7}', 7, "Invalid 'method' in JSON request; expected a string."),
        ('{"id":7,"method":5}', 7, "Invalid 'method' in JSON request; expected a string."),
        ('{"id":7,"method":"ping","params":[]}', 7, "Invalid 'params' in JSON request; expected an object."),
    ],
)
def test_what_is_no_request_is_refused(data: str | bytes, request_id: int | None, words: str) -> None:
    with pytest.raises(Malformed, match=r".*") as caught:
        read_request(data)
    assert caught.value.body == {"code": -1135, "msg": words}
    assert caught.value.request_id == (None if words == BAD_ID else request_id)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_a_request_or_refused(data: str | bytes) -> None:
    with suppress(Malformed):
        assert isinstance(read_request(data).method, str)


def test_answers_have_their_fields_in_this_order() -> None:
    assert text_of(granted("a", {})) == '{"id":"a","status":200,"result":{}}'
    no = refused(None, SessionRevoked(), NOW_MS)
    assert text_of(no).startswith('{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key')
    used = text_of(with_usage(granted(1, []), Limits().weight, 70))
    limit = '{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":70}'
    assert used == f'{{"id":1,"status":200,"result":[],"rateLimits":[{limit}]}}'


def test_a_ban_says_when_it_ends() -> None:
    answer = refused(3, banned(NOW_MS + 120_000, 120), NOW_MS)
    assert answer.error
    assert answer.error["data"] == {"serverTime": NOW_MS, "retryAfter": NOW_MS + 120_000}


def test_requests_have_weights() -> None:
    assert [weight_of(name) for name in ("ping", "v3/time", SUBSCRIBE, "no.such.method")] == [1, 1, 2, 2]


def test_parameters_that_nobody_asked_for_are_refused() -> None:
    for method in ("ping", "time", UNSUBSCRIBE, "session.subscriptions"):
        with pytest.raises(Refusal, match="Not all sent parameters were read"):
            ask(session_of(), method, symbol="BTCUSDT")
    with pytest.raises(Refusal, match="Mandatory parameter 'returnRateLimits'"):
        ask(session_of(), "ping", returnRateLimits="maybe")


def test_a_lost_key_costs_one_request_and_only_what_was_opened_with_it() -> None:
    session = session_of("b")
    assert subscribed(session) == {"subscriptionId": 0}
    assert subscribed(session, "b" * 64) == {"subscriptionId": 1}
    assert session.lose("c" * 64) == ()
    assert ask(session, "ping") == {}
    assert session.lose("b" * 64) == (1,)
    assert session.lose("b" * 64) == ()
    with pytest.raises(SessionRevoked):
        ask(session, "ping")
    assert ask(session, "session.subscriptions") == [{"subscriptionId": 0}]
    assert session.end("main") == (0,)
    assert session.end("main") == ()


def test_numbers_of_subscriptions_run_out() -> None:
    assert Subscriptions(next_id=65_534).added("main", API_KEY).next_id == 65_535
    with pytest.raises(Refusal, match="Maximum subscription ID reached"):
        Subscriptions(next_id=65_535).added("main", API_KEY)
