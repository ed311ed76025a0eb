"""
What a tape tells an engine: its inputs through the same parsers and the same feed as the session that recorded them.

Also what was known before: the past that a run's journal holds beside its tape.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.adapters.journal_format import FILE_NAME
from bot.adapters.journal_reader import StoredRun, read_run
from bot.adapters.tape_reader import TapeSession
from bot.compose.feed_plan import FeedPlan
from bot.core.commands import Backfill
from bot.core.events import Backfilled, CandleClosed, MarketRestored, MarketSuspended
from bot.core.market import Candle

TAPE_FOLDER: Final = "tape"
"""Where a run keeps the tape of its own session."""

TapeEvent = CandleClosed | MarketSuspended | MarketRestored
"""What a paper session hands to its engine. Prices between closes move nothing there."""


class Heard(Struct, frozen=True):
    """Events that followed from one input, and the time of the session's clock then."""

    at_ms: int
    event: TapeEvent


def hear(session: TapeSession) -> Iterator[Heard]:
    """
    Feed a recorded session to a feed like its own.

    Raises:
        DataError: The tape is damaged, or was recorded by a version that made feeds in another way.
        StorageError: The disk refused.
    """
    plan = FeedPlan.of_tape(session.header)
    feed = plan.feed()
    market_ms = session.header.started_ms
    for item in session.inputs():
        for output in feed.take(item):
            if isinstance(output, CandleClosed | MarketSuspended | MarketRestored):
                market_ms = max(market_ms, output.at_ms)
                yield Heard(market_ms if plan.runs_by_market else item.at_ms, output)


def hear_all(sessions: Sequence[TapeSession]) -> Iterator[Heard]:
    """
    Hear one session after another as if they were one.

    Candles that an earlier session has told are left out, and a market that it left suspended is the next one's to
    judge.
    """
    newest_ms: dict[str, int] = {}
    suspended: dict[str, None] = {}
    for session in sessions:
        for symbol in suspended:
            yield Heard(session.header.started_ms, MarketRestored(session.header.started_ms, symbol))
        suspended.clear()
        for heard in hear(session):
            event = heard.event
            if isinstance(event, CandleClosed):
                if event.at_ms <= newest_ms.get(event.symbol, -1):
                    continue
                newest_ms[event.symbol] = event.at_ms
            elif isinstance(event, MarketSuspended):
                suspended[event.symbol] = None
            else:
                suspended.pop(event.symbol, None)
            yield heard


class KnownPast:
    """A history that answers at once, with the candles that it was given; the first word on a bar stands."""

    def __init__(self) -> None:
        self._candles: dict[str, dict[int, Candle]] = {}

    def add(self, symbol: str, candles: Iterable[Candle]) -> None:
        """Learn candles of a market, in any order."""
        known = self._candles.setdefault(symbol, {})
        for candle in candles:
            known.setdefault(candle.open_time_ms, candle)

    def backfill(self, request: Backfill) -> Backfilled:
        """Answer with the candles of `[from_ms, to_ms)`; what is not known never was."""
        known = self._candles.get(request.symbol, {})
        times = sorted(known)
        wanted = times[bisect_left(times, request.from_ms) : bisect_left(times, request.to_ms)]
        candles = tuple(known[open_ms] for open_ms in wanted)
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, candles)


def find_tape(named: Path) -> tuple[Path, StoredRun | None]:
    """
    Find the tape that somebody named, and the run that it belongs to.

    Args:
        named: The folder of a tape, or that of a run which keeps one.

    Returns:
        The tape's folder, and the run; None where the tape stands alone.
    """
    tape = named / TAPE_FOLDER if (named / TAPE_FOLDER).is_dir() else named
    holds_run = tape.name == TAPE_FOLDER and (tape.parent / FILE_NAME).is_file()
    return tape, read_run(tape.parent) if holds_run else None
