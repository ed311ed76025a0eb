"""
What can be made to go wrong with a request over REST, or with its answer: one frozen value for each kind of fault.

Times are market time in milliseconds. A fault `before` happens instead of what was asked for, one `after` when it has
been done: to a client the two look alike. Knows nothing of sockets.
"""

from typing import Literal

from bot.exchange.edits import Edit
from bot.exchange.occasions import Fault

Phase = Literal["before", "after"]
"""Whether a request that goes wrong is not carried out, or is."""

HowBroken = Literal[
    "reset",
    "close",
    "cut headers",
    "short body",
    "bad chunk",
    "bad gzip",
    "stall",
    "drip",
    "html",
    "empty",
    "object",
    "null",
    "cut json",
]


class Latency(Fault, frozen=True, tag="latency"):
    """
    An answer or a frame takes `ms` longer, and up to `jitter_ms` more; frames of a connection keep their order.

    A request is carried out at the end of that time, or, in the phase `after`, at its beginning.
    """

    ms: int
    jitter_ms: int = 0
    phase: Phase = "before"


class RefuseRequest(Fault, frozen=True, tag="refuse request"):
    """
    A REST request is answered with a status instead of what it asked for.

    `text` is said with the `code`, or Binance's own words for it; `location` is where a redirection leads.
    """

    status: int
    body: Literal["json", "html"] = "json"
    retry_after_s: int | None = None
    code: int = -1000
    text: str = ""
    location: str = ""
    phase: Phase = "before"


class Ban(Fault, frozen=True, tag="ban"):
    """
    HTTP 429 with `Retry-After`. Requests before that time get 418 and twice the wait.

    The log tells requests of a banned client as `request while banned`.
    """

    retry_after_s: int


class BreakAnswer(Fault, frozen=True, tag="break answer"):
    """
    A REST request is read, and its answer does not arrive as it should.

    `drip` spreads it over `over_ms`. What is broken in the phase `before` is an answer that says nothing.
    """

    how: HowBroken
    over_ms: int = 1_000
    phase: Phase = "after"


class RewriteAnswer(Fault, frozen=True, tag="rewrite answer"):
    """An answer has other fields than it should have; of a list, every row."""

    edit: Edit


class CutList(Fault, frozen=True, tag="cut list"):
    """Of the list that an answer is, or has as its field `of`, only the first `rows` rows are told."""

    rows: int
    of: str = ""


class Lag(Fault, frozen=True, tag="lag"):
    """
    Questions are answered from a copy that is behind.

    Klines do not yet show bars that closed less than `by_ms` ago, nor the open one; orders, trades and balances are
    told as they were `by_ms` ago, so that an order does not exist before it is so old.
    """

    by_ms: int


class SpoilRows(Fault, frozen=True, tag="spoil rows"):
    """
    Klines come in a way that nobody asked for.

    `missing` leaves bars out, `revised` changes their volume, `text` writes words for prices, `impossible` a high
    below the low: each for the bars that open at one of `bars`, or for all. `too many` ignores the limit and both ends.
    """

    how: Literal["missing", "duplicate", "reverse", "too many", "revised", "text", "impossible"]
    bars: tuple[int, ...] | None = None


class WrongTime(Fault, frozen=True, tag="wrong time"):
    """`GET /time` is off: by a constant, by a drift since the rule's `from_ms`, or by its unit."""

    offset_ms: int = 0
    drift_frac: float = 0.0
    microseconds: bool = False
