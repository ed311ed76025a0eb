"""
Asking a source over HTTP, and again where that is worth it: one rule for every client that we use.

Worth another try is what can pass: no connection, an answer that is cut off, too many questions, trouble over there.
What a source asks for with `Retry-After` is kept to. No address is ever named, because some hold a key.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from bot.adapters.http_waits import asked_to_wait_s
from bot.core.errors import VenueUnavailable

PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)
"""Pauses before the second and later tries."""

LONGEST_WAIT_S: Final = 90.0
"""A source that asks for more patience than this is called unavailable instead; CoinGecko asks for up to 60 s."""

_OK: Final = 200
_PASSING: Final = frozenset({408, 425, 429})
_SERVER_TROUBLE: Final = 500

_Reply = TypeVar("_Reply")
_log = logging.getLogger(__name__)


class Lost(Exception):
    """No whole answer came; the text says why, in a word."""


class Heard(Struct, frozen=True):
    """What matters of an answer, whichever library brought it."""

    status: int
    body: bytes
    retry_after: str
    date: str


class Asking:
    """
    Questions to one source.

    Args:
        source: Its name, for errors and logs.
        whole: Tells whether a body is all there.
        pauses_s: Pauses between tries.
        sleep: Waits between two tries.
    """

    def __init__(
        self,
        source: str,
        whole: Callable[[bytes], bool],
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        self._whole = whole
        self._pauses_s = tuple(pauses_s)
        self._sleep = sleep

    def patiently(self, ask: Callable[[], _Reply], heard: Callable[[_Reply], Heard]) -> _Reply:
        """
        Ask until there is an answer: a whole one, or a no that trying again would not change.

        Args:
            ask: Asks once; raises `Lost` where no whole answer comes.
            heard: Reads what matters off an answer.

        Raises:
            VenueUnavailable: None came in all tries, or the source asks for more patience than we have.
        """
        for pause_s in (*self._pauses_s, None):
            try:
                reply = ask()
            except Lost as lost:
                trouble, asked_s = str(lost), 0.0
            else:
                answer = heard(reply)
                trouble = self._trouble(answer)
                if not trouble:
                    return reply
                asked_s = asked_to_wait_s(answer.retry_after, answer.date)
            wait_s = max(pause_s or 0.0, asked_s)
            if pause_s is None or wait_s > LONGEST_WAIT_S:
                break
            _log.warning("%s did not answer (%s), asking again in %.1f s", self.source, trouble, wait_s)
            self._sleep(wait_s)
        raise VenueUnavailable(
            f"{self.source} did not answer ({trouble}): check the connection and try again"
            + (f" in {wait_s:.0f} seconds" if wait_s else "")
        )

    def _trouble(self, answer: Heard) -> str:
        if answer.status >= _SERVER_TROUBLE or answer.status in _PASSING:
            return f"HTTP {answer.status}"
        if answer.status == _OK and not self._whole(answer.body):
            return "an answer that is cut off, or something else than was asked for"
        return ""


def whole_json(body: bytes) -> bool:
    """Whether a body is one JSON value, all of it."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def whole_feed(body: bytes) -> bool:
    """Whether a body ends as a feed does: RSS 2.0, Atom, or RSS 1.0. What stands inside may still be untidy."""
    return body.rstrip().endswith((b"</rss>", b"</feed>", b"</rdf:RDF>"))
