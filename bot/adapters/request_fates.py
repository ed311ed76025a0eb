"""
What becomes of a request that gets no proper answer, as errors.

Those that ccxt hands on are each one of ours and one of aiohttp's connection errors: it turns these into its own
`NetworkError` and keeps them as the cause. `Withheld` alone proves that nothing was sent. Knows nothing of what was
asked.
"""

from aiohttp import ClientConnectionError, ClientConnectorError

from bot.adapters.order_messages import Refused
from bot.core.errors import VenueError, VenueUnavailable


class Withheld(VenueUnavailable, ClientConnectorError):
    """
    The request never left this process: nothing can have come of it.

    To aiohttp it is a connection that was never made. `retry_at_ms`, by the venue's clock, is when it may be tried
    again, where that is known.
    """

    def __init__(self, reason: str, retry_at_ms: int | None = None) -> None:
        OSError.__init__(self, reason)
        self.retry_at_ms = retry_at_ms

    def __str__(self) -> str:
        return str(self.args[0])


class PeerRefused(Withheld):
    """Whoever would have been talked to is not who may be: another host, another address or another certificate."""


class Unanswered(VenueUnavailable, ClientConnectionError):
    """The connection was lost after the request may have been read: nobody can say what became of it."""


class Redirected(VenueError, ClientConnectionError):
    """The venue sent us elsewhere. We do not go: what was a POST would arrive as a GET, and keys at a stranger."""


class RefusedToTell(VenueError):
    """The venue's definite no to a question; `refused` is the reason as a value."""

    def __init__(self, words: str, refused: Refused) -> None:
        super().__init__(f"{words}: {refused.reason}")
        self.refused = refused


class RefusedForNow(RefusedToTell, VenueUnavailable):
    """A no that will be a yes at another time."""
