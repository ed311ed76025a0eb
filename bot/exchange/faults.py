"""
What can be made to go wrong: one frozen value for each kind of fault; those of REST answers are in `rest_faults`.

A rule is a fault and where it strikes. Rules are data: they travel as JSON, are the same for every server that is
given them, and do nothing by themselves. Times are market time in milliseconds. Knows nothing of sockets.
"""

from typing import Final, Literal

import msgspec

from bot.core.errors import ConfigError
from bot.exchange.account_faults import EndStream
from bot.exchange.edits import Edit
from bot.exchange.occasions import Fault
from bot.exchange.rest_faults import (
    Ban,
    BreakAnswer,
    CutList,
    Lag,
    Latency,
    RefuseRequest,
    RewriteAnswer,
    SpoilRows,
    WrongTime,
)

__all__ = [
    "AnyFault",
    "Ban",
    "BreakAnswer",
    "CutList",
    "Delay",
    "Edit",
    "EndStream",
    "Fault",
    "GoDark",
    "HangUp",
    "HangUpAtOnce",
    "IgnoreHandshake",
    "Inject",
    "InjectJunk",
    "Junk",
    "Lag",
    "Latency",
    "Lifetime",
    "MishandleRequest",
    "Move",
    "NoTrades",
    "Reframe",
    "RefuseConnections",
    "RefuseHandshake",
    "RefuseRequest",
    "Repeat",
    "ReplayOld",
    "Rewrite",
    "RewriteAnswer",
    "ShutDown",
    "Silence",
    "SpoilRows",
    "Stall",
    "StopPinging",
    "Throttle",
    "TurnAway",
    "WrongTime",
    "decode_rules",
    "kind_of",
]


class RefuseConnections(Fault, frozen=True, tag="refuse connections"):
    """Nobody listens on the port while the window lasts; connections that stand are left alone."""


class Move(Fault, frozen=True, tag="move"):
    """The exchange hangs up on everybody and listens on another loopback address, such as `127.0.0.2`."""

    host: str


class TurnAway(Fault, frozen=True, tag="turn away"):
    """A connection is accepted, and reset before a byte of it was read, or never read at all."""

    how: Literal["reset", "ignore"]


class RefuseHandshake(Fault, frozen=True, tag="refuse handshake"):
    """The upgrade to a websocket is answered with an HTTP status; `retry_after_s` is a header of it."""

    status: int
    retry_after_s: int | None = None


class IgnoreHandshake(Fault, frozen=True, tag="ignore handshake"):
    """The request for a websocket is read and never answered."""


class HangUpAtOnce(Fault, frozen=True, tag="hang up at once"):
    """The handshake succeeds and the connection is closed; `code` None resets it without a close frame."""

    code: int | None = None


class HangUp(Fault, frozen=True, tag="hang up"):
    """The connection is closed at the next instant; `code` None resets it, 1005 sends a close frame without a code."""

    code: int | None = None
    reason: str = ""


class Lifetime(Fault, frozen=True, tag="lifetime"):
    """Connections are closed when they are `limit_ms` old, as Binance does after 24 hours."""

    limit_ms: int


class ShutDown(Fault, frozen=True, tag="shut down"):
    """`serverShutdown` is said, and the connection closed `hang_up_after_ms` later."""

    hang_up_after_ms: int


class GoDark(Fault, frozen=True, tag="go dark"):
    """A black hole: the socket stays, and nothing is read from it or written to it any more."""


class StopPinging(Fault, frozen=True, tag="stop pinging"):
    """A ping that is due is left out."""


class Stall(Fault, frozen=True, tag="stall"):
    """Everything to the client waits `for_ms`, then comes at once and in order."""

    for_ms: int


class Throttle(Fault, frozen=True, tag="throttle"):
    """From now on bytes trickle to the client: `bytes_per_s` of them in a second of market time."""

    bytes_per_s: float


class MishandleRequest(Fault, frozen=True, tag="mishandle request"):
    """
    A control message of the client is badly answered.

    `silent` and `error` do not do what was asked, `wrong id` and `late` do it, `no data` only says so.
    """

    how: Literal["silent", "late", "error", "wrong id", "no data"]
    late_ms: int = 0


class Silence(Fault, frozen=True, tag="silence"):
    """Frames are not sent; pings are."""


class Rewrite(Fault, frozen=True, tag="rewrite"):
    """An event is sent with other fields than it should have."""

    edit: Edit


class Delay(Fault, frozen=True, tag="delay"):
    """A frame is sent `by_ms` later; what comes after it goes ahead."""

    by_ms: int


class Repeat(Fault, frozen=True, tag="repeat"):
    """A frame is sent again `after_ms` later, maybe with other fields."""

    after_ms: int = 0
    count: int = 1
    edit: Edit = Edit()


class ReplayOld(Fault, frozen=True, tag="replay old"):
    """The last `count` events that the server has sent to anybody come first, as they were."""

    count: int


class Inject(Fault, frozen=True, tag="inject"):
    """A text frame of these very words comes first."""

    text: str


Junk = Literal["binary", "invalid utf-8", "invalid json", "deep nesting", "over 1 MiB", "empty"]


class InjectJunk(Fault, frozen=True, tag="inject junk"):
    """A frame that nobody can make sense of comes first."""

    what: Junk


class Reframe(Fault, frozen=True, tag="reframe"):
    """
    The right event in an unusual frame.

    `fragmented` cuts it in pieces with a ping between them, `compressed` uses an extension that was never agreed
    on, `other wrapping` wraps what should be bare and the reverse.
    """

    how: Literal["fragmented", "compressed", "binary", "other wrapping"]


class NoTrades(Fault, frozen=True, tag="no trades"):
    """
    A market does not trade: its bars that open in the window are flat at the last close and without volume.

    With `shown` False there are no such bars at all, on the stream as in klines. This changes the truth.
    """

    shown: bool = True


AnyFault = (
    RefuseConnections
    | Move
    | TurnAway
    | RefuseHandshake
    | IgnoreHandshake
    | HangUpAtOnce
    | HangUp
    | Lifetime
    | ShutDown
    | GoDark
    | StopPinging
    | Stall
    | Throttle
    | MishandleRequest
    | Silence
    | Rewrite
    | Delay
    | Repeat
    | ReplayOld
    | Inject
    | InjectJunk
    | Reframe
    | Latency
    | RefuseRequest
    | Ban
    | BreakAnswer
    | RewriteAnswer
    | CutList
    | Lag
    | SpoilRows
    | WrongTime
    | NoTrades
    | EndStream
)

_RULES: Final = msgspec.json.Decoder(list[AnyFault])


def kind_of(rule: AnyFault) -> str:
    """The fault's name on the wire, such as `hang up`."""
    return str(rule.__struct_config__.tag)


def decode_rules(text: bytes) -> list[AnyFault]:
    """
    Read a JSON list of rules, such as `[{"fault": "hang up", "code": 1001, "where": {"connection": 1}}]`.

    Raises:
        ConfigError: It is none; the sentence says where and why.
    """
    try:
        return _RULES.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"these are no fault rules: {error}; write a JSON list of them") from None
