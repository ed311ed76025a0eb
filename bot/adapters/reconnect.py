"""
What to do when a connection fails: try again, and when, or give up, and why.

Pure: errors and numbers in, a verdict out. Knows nothing of sockets or clocks.
"""

import ssl
from typing import Final

from msgspec import Struct
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.http11 import Response


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
        case TimeoutError():
            return Retry(str(error) or "no answer in time")
        case OSError() | WebSocketException():
            return Retry(f"{type(error).__name__}: {error}")
        case _:
            return Fatal(f"{type(error).__name__}: {error}")


def retry_delay_s(failures: int, first_s: float, longest_s: float, jitter: float) -> float:
    """
    How long to wait before the next try.

    Doubles with each failure in a row from `first_s` to `longest_s`, then stretches by up to a half of
    itself, so that many clients do not come back at once. `jitter` is uniform in [0, 1). With `first_s` of
    one second no more than the 300 connections in five minutes are made that Binance allows.
    """
    # The exponent is bounded because the venue may be away for weeks.
    return min(longest_s, first_s * 2.0 ** min(failures, 30)) * (1.0 + 0.5 * jitter)


def _judge_status(response: Response) -> Verdict:
    status = response.status_code
    patience_s = 0.0 if status in _SERVER_FAULT else _TRANSIENT_STATUS_S.get(status)
    if patience_s is None:
        return Fatal(f"it answered HTTP {status}")
    return Retry(f"HTTP {status}", _asked_to_wait_s(response.headers.get("Retry-After", "")) or patience_s)


def _asked_to_wait_s(text: str) -> float | None:
    """The seconds of a `Retry-After` header; the form with a date counts as absent."""
    return float(text) if text.isascii() and text.isdigit() else None
