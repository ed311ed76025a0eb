"""
A REST request as it was sent: the raw texts, which are signed, and the parameters in them.

Knows nothing of what is asked, nor of who asks.
"""

from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec import Struct

from bot.exchange.account_api import Request
from bot.exchange.occasions import Occasion

API: Final = "/api/v3/"
KEY_HEADER: Final = "X-MBX-APIKEY"
_CLIENT_IDS: Final = ("newClientOrderId", "origClientOrderId", "cancelOrigClientOrderId", "listClientOrderId")


class SentRequest(Struct, frozen=True):
    """
    What was sent: `endpoint` is what follows `/api/v3/`, query and body are raw.

    Of a parameter that stands in both places, `params` has the one of the query.
    """

    method: str
    endpoint: str
    query: str
    body: str
    api_key: str | None
    params: dict[str, str]

    def occasion(self, at_ms: int) -> Occasion:
        """The request as an occasion for faults."""
        named = (self.params[name] for name in _CLIENT_IDS if name in self.params)
        return Occasion(
            at_ms,
            symbol=self.params.get("symbol", ""),
            endpoint=self.endpoint,
            method=self.method,
            client_id=next(named, ""),
        )

    def signed(self, now_ms: int, as_of_ms: int) -> Request:
        """The request as the accounts' side takes it."""
        return Request(self.method, self.endpoint, self.query, self.body, self.api_key, now_ms, as_of_ms)


async def sent_in(request: web.Request) -> SentRequest:
    """Read a request of the API to its end."""
    query = request.rel_url.raw_query_string
    body = (await request.read()).decode("utf-8", "replace")
    return SentRequest(
        request.method,
        request.path.removeprefix(API),
        query,
        body,
        request.headers.get(KEY_HEADER),
        {**_pairs(body), **_pairs(query)},
    )


def _pairs(text: str) -> dict[str, str]:
    return dict(parse_qsl(text, keep_blank_values=True))
