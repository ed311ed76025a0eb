"""
What passes on the wire for one call of ccxt: whether its request was sent, and the answer as it came.

ccxt keeps the last answer of all calls together, so that two at a time cannot be told apart, and gives neither status
nor headers with its exceptions. Here every call has its own record. Knows nothing of orders.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from aiohttp import ClientSession

from bot.adapters.order_outcome import Attempt, Reply

_FIRST_ERROR: Final = 400


class _Call:
    """The record of a call that is under way."""

    __slots__ = ("reply", "was_sent")

    def __init__(self) -> None:
        self.was_sent = False
        self.reply: Reply | None = None


_UNDER_WAY: Final[ContextVar[_Call]] = ContextVar("_UNDER_WAY")


class WatchedSession:
    """
    What ccxt takes for its session: ours, which belongs to somebody else.

    Redirects are not followed: one would turn the POST of an order into a GET, and a refused connection to wherever
    it leads would look as if the order had never been sent.
    """

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    @property
    def headers(self) -> Mapping[str, str]:
        """What the session sends with every request."""
        return self._session.headers

    def get(self, url: Any, **options: Any) -> Any:
        """Ask."""
        return self._send("GET", url, options)

    def post(self, url: Any, **options: Any) -> Any:
        """Ask, with a body."""
        return self._send("POST", url, options)

    def put(self, url: Any, **options: Any) -> Any:
        """Ask, with a body that replaces something."""
        return self._send("PUT", url, options)

    def delete(self, url: Any, **options: Any) -> Any:
        """Ask to take something away."""
        return self._send("DELETE", url, options)

    def _send(self, method: str, url: Any, options: Mapping[str, Any]) -> Any:
        call = _UNDER_WAY.get(None)
        if call:
            call.was_sent, call.reply = True, None
        return self._session.request(method, url, **{**options, "allow_redirects": False})


def listen(exchange: Any) -> None:
    """Have an exchange of ccxt's note its answers in the record of their call, by the hook that it has for that."""

    def heard(
        status: int,
        _reason: str,
        _url: str,
        _method: str,
        headers: Mapping[str, str],
        body: str,
        *_: object,
    ) -> str:
        call = _UNDER_WAY.get(None)
        if call:
            # Of a success the headers do not matter.
            named = {name.lower(): text for name, text in headers.items()} if status >= _FIRST_ERROR else {}
            call.reply = Reply(status, body, named.get("retry-after", ""), named.get("date", ""))
        return body.strip()

    exchange.on_rest_response = heard


async def attempt(request: Callable[[], Awaitable[object]]) -> Attempt:
    """
    Make one call, and tell what became of it; whatever ccxt raises is told, not raised.

    Whoever is cancelled while it waits hears nothing, and must take the fate of the request for unknown.
    """
    call = _Call()
    token = _UNDER_WAY.set(call)
    try:
        await request()
    except Exception as error:  # noqa: BLE001 - whatever it is, what it proves is decided elsewhere
        return Attempt(call.was_sent, call.reply, error)
    finally:
        _UNDER_WAY.reset(token)
    return Attempt(call.was_sent, call.reply, None)
