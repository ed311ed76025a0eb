"""
The "no" that only the WebSocket API says: Binance's code, its words and the status.

Codes and words are those of Binance's public list of errors; the words about a malformed request are those that its
users have been given. Knows nothing of when a refusal is due.
"""

from bot.exchange.wire import Refusal

_UNAUTHORIZED = 401


class Malformed(Refusal):
    """Something that is no request. `request_id` is what the answer repeats, as far as it could be read."""

    def __init__(self, text: str, request_id: int | str | None = None) -> None:
        super().__init__(-1135, text)
        self.request_id = request_id


class SessionRevoked(Refusal):
    """A key that this connection listens with is no longer good; the answer names no request."""

    def __init__(self) -> None:
        super().__init__(-2015, "Invalid API-key, IP, or permissions for action.", _UNAUTHORIZED)


def unsupported() -> Refusal:
    """A method that is not offered."""
    return Refusal(-1020, "This operation is not supported.")


def already_active() -> Refusal:
    """A second subscription of one connection to an account."""
    return Refusal(-2035, "User Data Stream subscription already active.")


def not_active() -> Refusal:
    """Nothing to unsubscribe from."""
    return Refusal(-2036, "User Data Stream subscription not active.")


def no_more_subscriptions() -> Refusal:
    """A connection has used up its numbers of subscriptions."""
    return Refusal(-2042, "Maximum subscription ID reached for this connection.")
