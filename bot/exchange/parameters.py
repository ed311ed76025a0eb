"""
The parameters of a request: what was sent, in which characters and digits, and whether all of it was read.

Every parameter that was sent has to be read by somebody, or the request is refused as a whole. Knows nothing of what
the parameters mean.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from bot.exchange.refusals import (
    CLIENT_ID,
    DECIMAL,
    INTEGER,
    duplicate_parameter,
    illegal,
    missing,
    too_precise,
    unread,
)
from bot.exchange.wire import Refusal

_SIGNED: Final = ("timestamp", "recvWindow", "signature")
_DECIMALS: Final = 8

_E = TypeVar("_E", bound=StrEnum)


def merged(query: Iterable[tuple[str, str]], body: Iterable[tuple[str, str]]) -> dict[str, str]:
    """
    The parameters of a request; what stands in both places is taken from the query string.

    Raises:
        Refusal: One stands twice in the same place.
    """
    return {**_once(body), **_once(query)}


class Parameters:
    """The parameters of one request, and which of them were read. Those of the signature count as read."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._sent = sent
        self._read = set(_SIGNED) & sent.keys()

    def __contains__(self, name: str) -> bool:
        return bool(self._sent.get(name))

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.optional(name)
        if value is None:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """A parameter that may be there."""
        if name not in self._sent:
            return None
        self._read.add(name)
        return self._sent[name] or None

    def decimal(self, name: str) -> Decimal:
        """A number with at most eight decimals."""
        value = self._legal(name, DECIMAL)
        if value is None:
            raise missing(name)
        if len(value.partition(".")[2]) > _DECIMALS:
            raise too_precise(name)
        return Decimal(value)

    def integer(self, name: str) -> int | None:
        """A whole number that may be there."""
        value = self._legal(name, INTEGER)
        return None if value is None else int(value)

    def client_id(self, name: str) -> str | None:
        """An id of the client's choice that may be there."""
        return self._legal(name, CLIENT_ID)

    def one_of(self, name: str, words: type[_E], refusal: Refusal) -> _E | None:
        """One of a few words, which may be there."""
        value = self.optional(name)
        if value is None:
            return None
        try:
            return words(value)
        except ValueError:
            raise refusal from None

    def done(self) -> None:
        """
        Say that everything was read.

        Raises:
            Refusal: Something was sent that nobody asked for.
        """
        if len(self._read) < len(self._sent):
            raise unread(len(self._read), len(self._sent))

    def _legal(self, name: str, legal: str) -> str | None:
        value = self.optional(name)
        if value is not None and not re.fullmatch(legal, value, re.ASCII):
            raise illegal(name, legal)
        return value


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise duplicate_parameter()
        found[name] = value
    return found
