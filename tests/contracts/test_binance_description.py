"""
The embedded exchange against Binance's own description of its REST interface.

What is asked and what is answered is judged by a tool that knows nothing of this project.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import pytest

from bot.exchange.account_api import AccountApi, Request
from bot.exchange.accounts import Account
from bot.exchange.depth import Tick
from bot.exchange.listing import Listing
from bot.exchange.signing import Credentials, Keyring
from bot.exchange.trading import TradingVenue
from tests.binance_amendments import AMENDMENTS, judge
from tests.binance_description import API, CALLS, Call, Judge, described
from tests.binance_stories import BASES, LIMIT, STORIES, Client, prepared
from tests.unit.bot.exchange.trading_desk import ALICE

ANSWERED_ELSEWHERE: Final = {("GET", "ping"), ("GET", "time"), ("GET", "klines")}
"""Calls whose answers are made where the sockets are; they are judged with those of ccxt."""

UNREAD: Final = -1104
NOT_OFFERED: Final = {
    "computeCommissionRates": "a test order is answered without rates, which GET account/commission has"
}

MAY_BE_ABSENT: Final = frozenset(
    {
        *("preventedMatchId", "preventedQuantity", "expiryReason", "stopPrice", "strategyId", "strategyType"),
        *("enabledForAccount", "enabledForSymbol", "discountAsset", "discount", "specialCommission", "count"),
        *("quotePrecision", "opoAllowed", "amendAllowed", "pegInstructionsAllowed", "origQuoteOrderQty"),
        *("tradeId", "fills", "data"),
    }
)
"""Fields that the description or an amendment calls optional; a short answer to an order has no `fills`."""


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return [call for story in STORIES for call in story().calls]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_is_asked_and_answered_is_as_described(story: Callable[[], Client]) -> None:
    assert [wrong for call in story().calls for wrong in judge().of_call(call)] == []


def test_every_call_is_judged_with_an_answer(calls: list[Call]) -> None:
    assert {(call.method, call.endpoint) for call in calls if call.status == 200} == set(CALLS) - ANSWERED_ELSEWHERE


@pytest.mark.parametrize("number", range(len(AMENDMENTS)), ids=lambda number: ".".join(AMENDMENTS[number].place[-2:]))
def test_without_an_amendment_something_true_would_be_called_wrong(number: int, calls: list[Call]) -> None:
    others = [amendment for position, amendment in enumerate(AMENDMENTS) if position != number]
    without = Judge(others, trusted=True)
    place = AMENDMENTS[number].place
    judged = without.of_request if "parameters" in place else without.of_answer
    assert any(judged(call) for call in calls if place[0] != "paths" or place[1] == API + call.endpoint)


@pytest.mark.parametrize("kind", ["ACK", "RESULT", "FULL"])
def test_an_answer_is_as_long_as_was_asked_for(kind: str) -> None:
    listed = described()["components"]["schemas"][f"orderResponse{kind.title()}"]["required"]
    assert set(Client().ask("POST", "order", **LIMIT, newOrderRespType=kind)) >= set(listed)
    assert ("fills" in listed, "status" in listed) == (kind == "FULL", kind != "ACK")


class Field(NamedTuple):
    """A field of an answer, and the place where it stands."""

    call: Call
    place: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))} of {self.call}"

    def changed(self, change: Callable[[Any, Any], None]) -> Call:
        """The call with another answer, in which `change(object, name)` has had its way with the field."""
        body = deepcopy(self.call.body)
        *way, name = self.place
        inner = body
        for step in way:
            inner = inner[step]
        change(inner, name)
        return self.call._replace(body=body)


def renamed(inner: Any, name: Any) -> None:
    inner[f"{name}X"] = inner.pop(name)


def retyped(inner: Any, name: Any) -> None:
    inner[name] = 7.5 if isinstance(inner[name], str) else "of another type"


def removed(inner: Any, name: Any) -> None:
    del inner[name]


def places(body: Any, *way: str | int) -> Iterator[tuple[tuple[str | int, ...], frozenset[str]]]:
    """The places of all fields of an answer, at every depth, with the names of their neighbours."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in inner:
        if isinstance(name, str):
            yield (*way, name), frozenset(body)
        yield from places(value, *way, name)


@pytest.fixture(scope="module")
def fields(calls: list[Call]) -> list[Field]:
    """Every field of every call, one for each company in which it has been."""
    found: dict[Any, Field] = {}
    for call in calls:
        for place, company in places(call.body):
            names = tuple(step for step in place if isinstance(step, str))
            found.setdefault((call.method, call.endpoint, call.status, names, company), Field(call, place))
    return list(found.values())


@pytest.mark.parametrize("change", [renamed, retyped])
def test_no_field_can_have_another_name_or_type(change: Any, fields: list[Field]) -> None:
    assert [str(field) for field in fields if not judge().of_answer(field.changed(change))] == []


def test_no_field_can_be_absent_but_those_that_only_some_answers_have(fields: list[Field]) -> None:
    unnoticed = {str(field.place[-1]) for field in fields if not judge().of_answer(field.changed(removed))}
    assert unnoticed == MAY_BE_ABSENT


def malformed(method: str, endpoint: str) -> Iterator[dict[str, str | None]]:
    """Changes that the description forbids: a parameter that is left out, no known word, no number or unheard of."""
    yield {"noSuchParameter": "1"}
    for name, parameter in judge().parameters(method, endpoint).items():
        kind = parameter["schema"]
        if parameter.get("required"):
            yield {name: None}
        if "enum" in kind:
            yield {name: "NO_SUCH_WORD"}
        elif kind["type"] in ("integer", "number"):
            yield {name: "many"}


@pytest.mark.parametrize(("method", "endpoint"), BASES)
def test_what_the_description_forbids_is_refused(method: str, endpoint: str) -> None:
    for change in malformed(method, endpoint):
        client = prepared()
        client.ask(method, endpoint, **{**BASES[method, endpoint], **change})
        call = client.calls[-1]
        assert judge().of_request(call), call
        assert call.status == 400, call
        assert judge().of_answer(call) == []


def test_a_request_without_a_key_is_refused_where_the_description_asks_for_one() -> None:
    for (method, endpoint), sent in BASES.items():
        client = prepared()
        client.ask(method, endpoint, api_key=None, **sent)
        assert judge().of_request(client.calls[-1])
        assert client.calls[-1].status == 401
        assert judge().of_answer(client.calls[-1]) == []


def sample(parameter: dict[str, Any]) -> str:
    """A value that the description allows."""
    kind = parameter["schema"]
    return str(kind["enum"][0]) if "enum" in kind else "1" if kind["type"] in ("integer", "number") else "true"


@pytest.mark.parametrize(("method", "endpoint"), BASES)
def test_no_parameter_of_the_description_is_unheard_of(method: str, endpoint: str) -> None:
    unread = set()
    for name, parameter in judge().parameters(method, endpoint).items():
        client = prepared()
        answer = client.ask(method, endpoint, **{name: sample(parameter), **BASES[method, endpoint]})
        if isinstance(answer, dict) and answer.get("code") == UNREAD:
            unread.add(name)
    assert unread == NOT_OFFERED.keys() & judge().parameters(method, endpoint).keys()


def test_the_published_example_of_a_signed_request_is_as_described_and_accepted() -> None:
    # The key, the secret, the request and its signature are those of Binance's page on signing with HMAC.
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    payload = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
    payload += "&timestamp=1499827319559"
    now_ms = 1_499_827_319_560
    listing = Listing("LTC/BTC", price_decimals=2, quantity_decimals=2, start_price=0.1, min_notional=Decimal("0.01"))
    venue = TradingVenue([listing], [Account(ALICE, {"BTC": Decimal(1)})], 0)
    venue.move("LTCBTC", Tick(now_ms, Decimal("0.1")))
    api = AccountApi(venue, Keyring([Credentials(key, secret, ALICE)]))
    spoiled = api.answer(Request("POST", "order", "", f"{payload}&signature={signature[:-1]}0", key, now_ms, now_ms))
    assert spoiled.body["code"] == -1022
    sent = f"{payload}&signature={signature}"
    answer = api.answer(Request("POST", "order", "", sent, key, now_ms, now_ms))
    assert answer.status == 200
    assert judge().of_call(Call("POST", "order", dict(parse_qsl(sent)), key, answer.status, answer.body)) == []
