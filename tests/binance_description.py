"""
Binance's own OpenAPI description of its spot REST interface as a judge of requests and answers.

The judging is done by openapi-core, which knows nothing of this project: method, path, key, parameters with their
types and words, status, and the JSON of an answer, in which no field may be missing, of another type or unheard of.
Where the description is older than Binance's documents, or simply wrong, it is amended; each amendment says why.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from jsonschema_path.readers import FileReader
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

DESCRIPTION: Final = Path(__file__).resolve().parents[1] / "../shared/data/specs/binance_spot_api.yaml.gz"
HOST: Final = "https://api.binance.com"
API: Final = "/api/v3/"
CALLS: Final = (
    *(("GET", name) for name in ("ping", "time", "exchangeInfo", "klines", "depth", "avgPrice")),
    *(("GET", name) for name in ("ticker/price", "ticker/bookTicker", "account", "account/commission", "myTrades")),
    *(("GET", name) for name in ("rateLimit/order", "order", "openOrders", "allOrders", "orderList", "openOrderList")),
    *(("POST", name) for name in ("order", "order/test", "order/cancelReplace", "orderList/oco")),
    *(("DELETE", name) for name in ("order", "openOrders", "orderList")),
)
"""Every call that the embedded exchange answers."""

END: Final = "-"
"""The step of a place that is behind the last element of a list."""

Place = tuple[str, ...]


class Call(NamedTuple):
    """One request with its answer; `params` are those of the query and of the body, as they were sent."""

    method: str
    endpoint: str
    params: Mapping[str, str]
    api_key: str | None
    status: int
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {dict(self.params)} -> {self.status}"


class Amendment(NamedTuple):
    """What stands at a place of the description is to be `says`, `because` the venue's documents say so."""

    place: Place
    says: Any
    because: str


class Judge:
    """
    The description with its amendments.

    Args:
        amendments: What to read in other words than those of the description.
        trusted: The text is known to be OpenAPI, so that it need not be checked once more.
    """

    def __init__(self, amendments: Iterable[Amendment], *, trusted: bool = False) -> None:
        self._text = amended(amendments)
        _close(self._text["paths"])
        _close(self._text["components"]["schemas"])
        self._openapi = OpenAPI.from_dict(self._text, config=Config(spec_validator_cls=None) if trusted else None)

    def of_request(self, call: Call) -> list[str]:
        """What is wrong with a request; nothing when it is right."""
        known = self.parameters(call.method, call.endpoint)
        unheard_of = [f"{name!r} is no parameter of it" for name in call.params if name not in known]
        return unheard_of + [_told(error) for error in self._openapi.iter_request_errors(_request(call))]

    def of_answer(self, call: Call) -> list[str]:
        """What is wrong with an answer; nothing when it is right."""
        answer = MockResponse(json.dumps(call.body).encode(), call.status)
        return [_told(error) for error in self._openapi.iter_response_errors(_request(call), answer)]

    def of_call(self, call: Call) -> list[str]:
        """What is wrong with a request and its answer, each with the call that it is about."""
        return [f"{call}: {wrong}" for wrong in (*self.of_request(call), *self.of_answer(call))]

    def parameters(self, method: str, endpoint: str) -> dict[str, Any]:
        """What may be sent with a call: the description of each parameter by its name."""
        listed = self._text["paths"][API + endpoint][method.lower()].get("parameters", [])
        found = [self._text["components"]["parameters"][_last(one)] if "$ref" in one else one for one in listed]
        return {one["name"]: one for one in found}


def amended(amendments: Iterable[Amendment]) -> dict[str, Any]:
    """The description of the calls of `CALLS` with other words at some places."""
    text = deepcopy(described())
    for amendment in amendments:
        *way, name = amendment.place
        inner: Any = text
        for step in way:
            inner = inner.setdefault(step, {})
        if name == END:
            inner.append(deepcopy(amendment.says))
        else:
            inner[name] = deepcopy(amendment.says)
    return text


@cache
def described() -> dict[str, Any]:
    """The description as it was published, of the calls of `CALLS` alone; without it the test is skipped."""
    if not DESCRIPTION.exists():
        pytest.skip("Binance's description is not on this machine: ../shared/data/specs/binance_spot_api.yaml.gz")
    with gzip.open(DESCRIPTION, "rt") as file:
        text: dict[str, Any] = dict(FileReader(file).read()[0])
    ours = {API + endpoint for _, endpoint in CALLS}
    return {**text, "paths": {path: text["paths"][path] for path in text["paths"] if path in ours}}


def _close(text: Any) -> None:
    """Let no object have fields that nobody has described."""
    if isinstance(text, dict):
        if text.get("type") == "object":
            text.setdefault("additionalProperties", False)
        for inner in text.values():
            _close(inner)
    elif isinstance(text, list):
        for inner in text:
            _close(inner)


def _request(call: Call) -> MockRequest:
    headers = {} if call.api_key is None else {"X-MBX-APIKEY": call.api_key}
    # Binance takes the parameters of a POST in its body as well; the description knows those of the query alone.
    return MockRequest(HOST, call.method, API + call.endpoint, args=dict(call.params), headers=headers)


def _last(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _told(error: BaseException) -> str:
    """An error in one line, with what lies beneath it."""
    cause = error.__cause__
    details = [detail for one in getattr(cause, "schema_errors", ()) for detail in _details(one)]
    return "; ".join(details) or str(cause or error)


def _details(error: Any) -> list[str]:
    """What a schema has against a value; of several forms that it might have had, the one that it missed least."""
    if not error.context:
        return [f"{error.json_path}: {error.message}"]
    branches: dict[Any, list[str]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).extend(_details(inner))
    return min(branches.values(), key=len)
