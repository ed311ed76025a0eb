"""
One connection to the WebSocket API, without its socket: the methods that it may call and what it listens to.

Methods, parameters and codes are those of Binance's public page on the API. Knows nothing of text, weights and faults.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from bot.exchange.parameters import Parameters
from bot.exchange.refusals import missing
from bot.exchange.signing import Keyring, websocket_payload
from bot.exchange.ws_protocol import ApiRequest
from bot.exchange.ws_refusals import SessionRevoked, already_active, no_more_subscriptions, not_active, unsupported

SUBSCRIBE: Final = "userDataStream.subscribe.signature"
UNSUBSCRIBE: Final = "userDataStream.unsubscribe"

RETURN_LIMITS: Final = "returnRateLimits"
"""The parameter by which any request, or the address of the connection, says whether it wants to know its limits."""

_VERSION: Final = "v3/"
_WEIGHTS: Final = {"ping": 1, "time": 1}
_OTHER_WEIGHT: Final = 2
_LAST_ID: Final = 65_534


def weight_of(method: str) -> int:
    """What a request costs, whatever becomes of it."""
    return _WEIGHTS.get(method.removeprefix(_VERSION), _OTHER_WEIGHT)


class Subscriptions(Struct, frozen=True):
    """
    What a connection listens to: by subscription, the account and the key that it was opened with.

    Numbers count from 0 and are never given twice.
    """

    active: dict[int, tuple[str, str]] = {}
    next_id: int = 0

    def of(self, account: str) -> int | None:
        """The subscription to an account, if there is one."""
        return next((number for number, (name, _) in self.active.items() if name == account), None)

    def added(self, account: str, api_key: str) -> "Subscriptions":
        """One more subscription, of the number `next_id`. Raises `Refusal`."""
        if self.of(account) is not None:
            raise already_active()
        if self.next_id > _LAST_ID:
            raise no_more_subscriptions()
        return Subscriptions({**self.active, self.next_id: (account, api_key)}, self.next_id + 1)

    def without(self, ended: tuple[int, ...]) -> "Subscriptions":
        """Those that are left when some have ended."""
        left = {number: listener for number, listener in self.active.items() if number not in ended}
        return Subscriptions(left, self.next_id)


class Done(Struct, frozen=True):
    """What a request has brought, and the subscriptions that it has ended."""

    result: Any
    ended: tuple[int, ...] = ()


class Session:
    """
    What one connection is to the exchange.

    Args:
        keys: Who may subscribe.
    """

    def __init__(self, keys: Keyring) -> None:
        self.subscriptions = Subscriptions()
        self._keys = keys
        self._is_revoked = False
        self._methods: Mapping[str, Callable[[ApiRequest, int], Done]] = {
            "ping": self._ping,
            "time": self._time,
            SUBSCRIBE: self._subscribe,
            UNSUBSCRIBE: self._unsubscribe,
            "session.subscriptions": self._list,
        }

    def do(self, request: ApiRequest, now_ms: int) -> Done:
        """
        Do what is asked.

        Raises:
            Refusal: It is not done; `SessionRevoked` for the first request after a key was taken away.
        """
        if self._is_revoked:
            self._is_revoked = False
            raise SessionRevoked
        try:
            method = self._methods[request.method.removeprefix(_VERSION)]
        except KeyError:
            raise unsupported() from None
        return method(request, now_ms)

    def end(self, account: str) -> tuple[int, ...]:
        """End the subscription to an account, if there is one, and say which."""
        number = self.subscriptions.of(account)
        return () if number is None else self._ended((number,))

    def lose(self, api_key: str) -> tuple[int, ...]:
        """End the subscriptions that were opened with a key, and refuse the next request if there were any."""
        lost = tuple(number for number, (_, key) in self.subscriptions.active.items() if key == api_key)
        self._is_revoked = self._is_revoked or bool(lost)
        return self._ended(lost)

    def _ping(self, request: ApiRequest, now_ms: int) -> Done:
        del now_ms
        _read(request).done()
        return Done({})

    def _time(self, request: ApiRequest, now_ms: int) -> Done:
        _read(request).done()
        return Done({"serverTime": now_ms})

    def _subscribe(self, request: ApiRequest, now_ms: int) -> Done:
        params = _read(request)
        api_key = params.text("apiKey")
        params.done()
        key = self._keys.admit(api_key, websocket_payload(request.params), request.params, now_ms)
        number = self.subscriptions.next_id
        self.subscriptions = self.subscriptions.added(key.account, api_key)
        return Done({"subscriptionId": number})

    def _unsubscribe(self, request: ApiRequest, now_ms: int) -> Done:
        del now_ms
        params = _read(request)
        wanted = params.integer("subscriptionId")
        params.done()
        active = tuple(self.subscriptions.active)
        ended = active if wanted is None else tuple(number for number in active if number == wanted)
        if not ended:
            raise not_active()
        return Done({}, self._ended(ended))

    def _list(self, request: ApiRequest, now_ms: int) -> Done:
        del now_ms
        _read(request).done()
        return Done([{"subscriptionId": number} for number in self.subscriptions.active])

    def _ended(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        self.subscriptions = self.subscriptions.without(numbers)
        return numbers


def _read(request: ApiRequest) -> Parameters:
    """The parameters of a request; the one that every request may have is read. Raises `Refusal`."""
    params = Parameters(request.params)
    if params.optional(RETURN_LIMITS) not in (None, "true", "false"):
        raise missing(RETURN_LIMITS)
    return params
