"""
What an operator asks of a running bot and what it answers: one line of JSON each way.

Values only. A line from outside is data: it is checked for its size and its form before anything is done with it.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from bot.core.errors import ConfigError, JournalError
from bot.core.events import Flatten, Halt, Resume
from bot.core.status import EngineStatus

MAX_REQUEST_BYTES: Final = 4_096
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Room for the status of thousands of markets."""

MAX_REASON: Final = 200

_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
Reason = Annotated[str, Meta(max_length=MAX_REASON, pattern=rf"\A[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*\Z")]
"""A sentence that is shown on terminals and kept in the journal: one line, not blank, without control characters."""


class Ask(Struct, frozen=True, tag_field="ask", forbid_unknown_fields=True):
    """Something that an operator asks."""


class AskStatus(Ask, frozen=True, tag="status"):
    """Say how you stand."""


class AskHalt(Ask, frozen=True, tag="halt"):
    """Stop trading; protective stops stay."""

    reason: Reason


class AskResume(Ask, frozen=True, tag="resume"):
    """Trade again: lift a halt, a flattening and a tripped drawdown breaker."""

    reason: Reason


class AskFlatten(Ask, frozen=True, tag="flatten"):
    """Sell everything that our own fills bought, and stop trading."""

    reason: Reason


AskDeed = AskHalt | AskResume | AskFlatten
AnyAsk = AskStatus | AskDeed

OperatorEvent = Halt | Resume | Flatten
"""What a deed becomes when it is handed to the engine."""


class Tell(Struct, frozen=True, tag_field="tell"):
    """
    An answer.

    `status` is a picture taken `age_ms` ago; `busy_ms` is for how long the bot has not come round to anything new, 0
    while it does.
    """


class TellStatus(Tell, frozen=True, tag="status"):
    """How the bot stands, or stood when it last could say so."""

    status: EngineStatus
    age_ms: int
    busy_ms: int


class TellDone(Tell, frozen=True, tag="done"):
    """The deed is in the journal, at `at_ms` of the market's time, and so is what followed from it at once."""

    at_ms: int
    status: EngineStatus
    age_ms: int
    busy_ms: int


class TellAccepted(Tell, frozen=True, tag="accepted"):
    """The deed waits before everything else; the bot has been busy for `busy_ms` and has not come to it yet."""

    busy_ms: int


class TellRefused(Tell, frozen=True, tag="refused"):
    """Nothing was done, for this reason."""

    reason: str


AnyTell = TellStatus | TellDone | TellAccepted | TellRefused

_asks: Final[msgspec.json.Decoder[AnyAsk]] = msgspec.json.Decoder(AnyAsk)
_tells: Final[msgspec.json.Decoder[AnyTell]] = msgspec.json.Decoder(AnyTell)


def line_of(message: AnyAsk | AnyTell) -> bytes:
    """A message as one line, its end included."""
    return msgspec.json.encode(message) + b"\n"


def ask_from(line: bytes) -> AnyAsk:
    """
    Read a request.

    Raises:
        ConfigError: The line is not one; the sentence says in what.
    """
    try:
        return _asks.decode(line)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ConfigError(f"that is not a request of candlewick status, halt, resume or flatten: {error}") from None


def tell_from(line: bytes) -> AnyTell:
    """
    Read an answer.

    Raises:
        JournalError: The line is not one.
    """
    try:
        return _tells.decode(line)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise JournalError(
            f"what the bot answered cannot be understood ({error}): use the candlewick that the bot was started with"
        ) from None


def checked_reason(text: str) -> str:
    """
    The reason that a person gave, if it can be kept and shown.

    Raises:
        ConfigError: It is blank, too long, or holds what is not text.
    """
    try:
        return msgspec.convert(text.encode().decode(), Reason)
    except (msgspec.ValidationError, UnicodeError):
        raise ConfigError(
            f"--reason must be one line of 1 to {MAX_REASON} characters, without control characters"
        ) from None
