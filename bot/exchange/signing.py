"""
Who sent a request, and whether it is fresh: keys, HMAC signatures and the window of a timestamp.

The payload is the query string followed by the body, with nothing between them and without the signature itself, as
Binance describes it; on the WebSocket API it is the parameters in alphabetical order. Secrets are never shown.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.exchange.refusals import (
    SIGNATURE,
    bad_signature,
    bad_window,
    illegal,
    missing,
    no_key,
    rejected_key,
    too_early,
    too_late,
)

DEFAULT_WINDOW_MS: Final = Decimal(5_000)
_LONGEST_WINDOW_MS: Final = Decimal(60_000)
_AHEAD_MS: Final = 1_000
_KEY: Final = re.compile("[A-Za-z0-9]{64}")
_SIGNED: Final = re.compile(SIGNATURE)
_WINDOW: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?")
_TIME: Final = re.compile("[0-9]{1,20}")
_OWN: Final = re.compile("(?:^|&)signature=[^&]*")


class Credentials(Struct, frozen=True):
    """A key, whose account it opens and what it may do there. Its secret is in no printout of it."""

    api_key: str
    secret: str
    account: str
    may_read: bool = True
    may_trade: bool = True

    def __repr__(self) -> str:
        return f"Credentials({self.api_key[:4]}…, {self.account!r})"


def is_key(text: str) -> bool:
    """Whether this has the form of a key."""
    return _KEY.fullmatch(text) is not None


class Keyring:
    """
    The keys of the exchange.

    A key can be taken away at any time, which is what its owner sees as being revoked.

    Args:
        keys: Those that there are at first.
        speed: How fast the exchange's time passes for the owners of the keys, in whose real time the windows of
            timestamps are meant; infinite where any timestamp is fresh.
    """

    def __init__(self, keys: Iterable[Credentials], speed: float = 1.0) -> None:
        self._keys = {key.api_key: key for key in keys}
        self._speed = speed

    def revoke(self, api_key: str) -> None:
        """Forget a key."""
        self._keys.pop(api_key, None)

    def put(self, key: Credentials) -> None:
        """Add a key, or change what it may do."""
        self._keys[key.api_key] = key

    def find(self, api_key: str | None) -> Credentials:
        """
        The credentials that belong to a key.

        Raises:
            Refusal: The key is malformed or unknown.
        """
        if not api_key or not is_key(api_key):
            raise no_key()
        try:
            return self._keys[api_key]
        except KeyError:
            raise rejected_key() from None

    def admit(
        self, api_key: str | None, payload: str, params: Mapping[str, str], now_ms: int, *, trades: bool = False
    ) -> Credentials:
        """
        Find out who sent a request, and see that it is its sender's, allowed and fresh.

        Args:
            api_key: The key that came with it.
            payload: What was signed.
            params: All parameters, the signature and the timestamp among them.
            now_ms: The exchange's time.
            trades: Whether the request needs a key that may trade.

        Raises:
            Refusal: It is not to be answered; with the venue's code for why.
        """
        key = self.find(api_key)
        check_request(key, payload, params, now_ms, trades=trades, speed=self._speed)
        return key


def sign(secret: str, payload: str) -> str:
    """The signature of a payload: HMAC with SHA-256, in hexadecimal."""
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


def rest_payload(query: str, body: str) -> str:
    """What a REST request signs: its raw query and raw body, without the signature that stands in one of them."""
    return _without_signature(query) + _without_signature(body)


def websocket_payload(params: Mapping[str, object]) -> str:
    """What a request on the WebSocket API signs: its parameters, in alphabetical order."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


def check_request(
    key: Credentials,
    payload: str,
    params: Mapping[str, str],
    now_ms: int,
    *,
    trades: bool = False,
    speed: float = 1.0,
) -> None:
    """
    See that a request is its sender's, allowed and fresh.

    Args:
        key: Who sent it.
        payload: What was signed.
        params: All parameters, the signature and the timestamp among them.
        now_ms: The exchange's time.
        trades: Whether the request needs a key that may trade.
        speed: Seconds of the exchange's time in one of the sender's.

    Raises:
        Refusal: It is not; with the venue's code for why.
    """
    if not (key.may_trade if trades else key.may_read):
        raise rejected_key()
    signature = params.get("signature", "")
    if not signature:
        raise missing("signature")
    if not _SIGNED.fullmatch(signature):
        raise illegal("signature", SIGNATURE)
    check_time(params, now_ms, speed)
    if not hmac.compare_digest(sign(key.secret, payload), signature.lower()):
        raise bad_signature()


def check_time(params: Mapping[str, str], now_ms: int, speed: float = 1.0) -> None:
    """
    See that a timestamp is less than a second ahead of the exchange's time and not older than the window.

    Both are `speed` times as long where the exchange's time passes so much faster than its clients'.

    Raises:
        Refusal: It is not, or it is missing, or the window is longer than a minute.
    """
    stated, window = params.get("timestamp", ""), params.get("recvWindow", str(DEFAULT_WINDOW_MS))
    if not _TIME.fullmatch(stated):
        raise missing("timestamp")
    if not _WINDOW.fullmatch(window):
        raise missing("recvWindow")
    window_ms = Decimal(window)
    if window_ms > _LONGEST_WINDOW_MS:
        raise bad_window()
    timestamp = int(stated)
    if timestamp >= now_ms + _AHEAD_MS * speed:
        raise too_early()
    if now_ms - timestamp > window_ms * Decimal(speed):
        raise too_late()


def _without_signature(part: str) -> str:
    return _OWN.sub("", part, count=1).lstrip("&")
