"""
What to do when a connection fails: try again, and when, or give up, and why.

Pure: errors and numbers in, a verdict out. Knows nothing of sockets or clocks.
"""

import ssl
from collections import deque
from typing import Final

from msgspec import Struct
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.http11 import Response

from bot.adapters.http_waits import asked_to_wait_s
from bot.core.errors import VenueError, VenueUnavailable


class Retry(Struct, frozen=True):
    """Worth another try, no sooner than `after_s` from now."""

    reason: str
    after_s: float = 0.0


class Fatal(Struct, frozen=True):
    """Trying again cannot help: somebody has to change something."""

    reason: str


Verdict = Retry | Fatal

_TRANSIENT_STATUS_S: Final = {403: 300.0, 408: 0.0, 418: 120.0, 425: 0.0, 429: 60.0}
"""
Refused handshakes that pass by themselves, and how long to keep away where the venue does not say. 403 is
Binance's firewall, 429 its limit on connections, 418 the ban for not heeding it, of two minutes or more.
"""

_SERVER_FAULT: Final = range(500, 600)


def retry_or_fatal(error: Exception) -> Verdict:
    """Judge what ended a connection, or kept it from being made."""
    match error:
        case InvalidStatus():
            return _judge_status(error.response)
        case ssl.SSLCertVerificationError():
            return Fatal(f"its certificate cannot be trusted ({error})")
        case InvalidURI() | InvalidProxy():
            return Fatal(f"its address or the proxy's is wrong ({error})")
        case TimeoutError() | VenueUnavailable():
            return Retry(str(error) or "no answer in time")
        case OSError() | WebSocketException():
            return Retry(f"{type(error).__name__}: {error}")
        case _:
            return Fatal(str(error) if isinstance(error, VenueError) else f"{type(error).__name__}: {error}")


def retry_delay_s(failures: int, first_s: float, longest_s: float, jitter: float) -> float:
    """
    How long to wait before the next try.

    Doubles with each failure in a row from `first_s` to `longest_s`, then stretches by up to a half of
    itself, so that many clients do not come back at once. `jitter` is uniform in [0, 1). With `first_s` of
    one second no more than the 300 connections in five minutes are made that Binance allows.
    """
    # The exponent is bounded because the venue may be away for weeks.
    return min(longest_s, first_s * 2.0 ** min(failures, 30)) * (1.0 + 0.5 * jitter)


class ConnectBudget:
    """
    How many connections may be dialled in a stretch of time, by everything that shares the budget.

    Each dial spends, whatever becomes of it. Binance counts 300 in five minutes for an address; the default leaves
    a tenth of that to whatever else runs there.

    Args:
        most: Dials in any stretch.
        stretch_s: Its length in seconds.
    """

    def __init__(self, most: int = 270, stretch_s: float = 300.0) -> None:
        self._stretch_s = stretch_s
        self._dials: deque[float] = deque(maxlen=most)

    def spend(self, now_s: float) -> float:
        """Enter a dial and return when it may take place, on the clock of `now_s`: now, or later."""
        at_s = now_s
        if len(self._dials) == self._dials.maxlen:
            at_s = max(now_s, self._dials[0] + self._stretch_s)
        self._dials.append(at_s)
        return at_s


def _judge_status(response: Response) -> Verdict:
    status = response.status_code
    patience_s = 0.0 if status in _SERVER_FAULT else _TRANSIENT_STATUS_S.get(status)
    if patience_s is None:
        return Fatal(f"it answered HTTP {status}")
    headers = response.headers
    asked_s = asked_to_wait_s(headers.get("Retry-After", ""), headers.get("Date", ""))
    return Retry(f"HTTP {status}", asked_s or patience_s)
