"""What a bot asked of an exchange, as the exchange itself has it: each request with its time and its parameters."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from msgspec import Struct

from bot.exchange.rest_request import API
from tests.live_world import Exchange


class Request(Struct, frozen=True):
    """One request over REST; `endpoint` is what follows `/api/v3/`."""

    at_ms: int
    method: str
    endpoint: str
    params: Mapping[str, str]

    @property
    def client_order_id(self) -> str:
        """The order that it places, cancels or asks for."""
        return self.params.get("newClientOrderId") or self.params.get("origClientOrderId", "")


def watch(exchange: Exchange) -> None:
    """Have every request logged from now on."""
    exchange.server.plan.is_watched = True


def requests(
    exchange: Exchange,
    method: str | None = None,
    endpoint: str | None = None,
    from_ms: int = 0,
    until_ms: int | None = None,
) -> list[Request]:
    """The requests of a kind that came at `from_ms` or later, and before `until_ms`."""
    return [
        one
        for one in _all(exchange)
        if (method is None or one.method == method)
        and (endpoint is None or one.endpoint == endpoint)
        and from_ms <= one.at_ms
        and (until_ms is None or one.at_ms < until_ms)
    ]


def placed(exchange: Exchange, from_ms: int = 0, until_ms: int | None = None) -> list[Request]:
    """The requests to place an order, whatever became of them."""
    return requests(exchange, "POST", "order", from_ms, until_ms)


def each_once(exchange: Exchange) -> None:
    """See that no order was ever sent twice."""
    sent = [one.client_order_id for one in placed(exchange)]
    assert len(set(sent)) == len(sent)


def _all(exchange: Exchange) -> Iterator[Request]:
    for event in exchange.server.plan.log.told("request"):
        method, address, *body = event.text.split(" ")
        path, _, query = address.partition("?")
        params = dict(parse_qsl("&".join((query, *body))))
        yield Request(event.at_ms, method, path.removeprefix(API), params)
