"""
What goes wrong with a bot's own process: its loop stands still, its model talks nonsense, its disk is full.

Each strikes at one exact call of the program as it is, and notes what was at stake at that moment.
"""

import asyncio
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self
from unittest.mock import patch

import numpy as np
import onnxruntime
import pytest
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.journal import Journal
from bot.adapters.journal_format import Block
from tests.exchange_hand import MARKETS, Hand
from tests.live_world import Exchange
from tests.market_time import MarketTimeLoop

Moment = Literal["before", "after"]
Answer = NDArray[np.float32]
Mood = Callable[[Answer], Answer]
"""What a model says instead of what it would have said: a row for each window, with a mean and a logit."""


class Step(Struct, frozen=True):
    """
    A call of the program at which something strikes.

    `name` is a function of `owner`; `only` is asked of each call whether it counts, with what it is given or, after it,
    with what it has returned before that.
    """

    owner: Any
    name: str
    moment: Moment
    only: Callable[..., bool] = lambda *_, **__: True


def rarely(cases: Iterable[str], *rare: str) -> list[Any]:
    """Cases as parameters; the rare ones are for the proofs alone."""
    return [pytest.param(case, marks=pytest.mark.proof) if case in rare else case for case in cases]


class Stake(Struct, frozen=True):
    """What was at stake when something struck: stops that rested, and markets in which something was held."""

    stops: int
    positions: int

    def __str__(self) -> str:
        return f"{self.positions} positions and {self.stops} stops"


def stake(exchange: Exchange) -> Stake:
    """What is at stake now."""
    hand = Hand(exchange)
    return Stake(len(hand.open_stops()), sum(map(hand.has_bought, MARKETS)))


@contextmanager
def strike(step: Step, deed: Callable[[], None], nth: int = 1) -> Iterator[None]:
    """Do something before or after the nth call of a step, once; it must come to that."""
    real: Any = getattr(step.owner, step.name)
    calls = 0

    def see(at: Moment, *said: object) -> None:
        nonlocal calls
        if at == step.moment and step.only(*said):
            calls += 1
            if calls == nth:
                deed()

    def sync(*given: object, **named: object) -> object:
        see("before", *given)
        done = real(*given, **named)
        see("after", done, *given)
        return done

    async def later(*given: object, **named: object) -> object:
        see("before", *given)
        done = await real(*given, **named)
        see("after", done, *given)
        return done

    with patch.object(step.owner, step.name, later if asyncio.iscoroutinefunction(real) else sync):
        yield
    assert calls >= nth, f"{step.name} was called {calls} times"


def stand_still(seconds: float) -> None:
    """Block the loop for so long: what does not return, or a machine that has no time for us."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MarketTimeLoop)
    loop.stand_still(seconds)


@contextmanager
def measured_in_market_time() -> Iterator[None]:
    """Have forecasts take as long as the loop's time says."""
    with patch("bot.pump.perf_counter", lambda: asyncio.get_running_loop().time()):
        yield


class Moods:
    """How the model feels; without a `mood` it is as it is. `answers` counts those that a mood has made."""

    def __init__(self) -> None:
        self.mood: Mood | None = None
        self.answers = 0


@contextmanager
def moody_model() -> Iterator[Moods]:
    """Have every graph of the real runtime answer as its mood is."""
    real = onnxruntime.InferenceSession.run
    moods = Moods()

    def run(session: Any, names: list[str], given: dict[str, Any]) -> list[Answer]:
        answers: list[Answer] = real(session, names, given)
        if moods.mood is None:
            return answers
        moods.answers += 1
        return [moods.mood(answers[0].copy())]

    with patch.object(onnxruntime.InferenceSession, "run", run):
        yield moods


class Disk:
    """
    The disk of a run: once `fill` is called, this process may write nothing beyond the size that a file has then.

    For SQLite that is a disk that fails (`SQLITE_IOERR`), in the very write that did not fit.
    """

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    def fill(self, file: Path) -> None:
        """Take all space behind the end of a file away."""
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, self._before[1]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the space back."""
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextmanager
def watched_journals() -> Iterator[list[Journal]]:
    """Every journal that is opened for writing from now on, the newest last."""
    real: Any = Journal.__init__
    opened: list[Journal] = []

    def init(journal: Journal, *given: object) -> None:
        real(journal, *given)
        opened.append(journal)

    with patch.object(Journal, "__init__", init):
        yield opened


@contextmanager
def watched_writes() -> Iterator[list[tuple[str, bytes]]]:
    """Every block that a journal writes from now on, and what its commit waits for, in SQLite's words."""
    real: Any = Journal._store
    written: list[tuple[str, bytes]] = []

    def store(journal: Journal, block: Block | None, *statements: Any) -> None:
        (mode,) = journal._db.execute("PRAGMA synchronous").fetchone()
        real(journal, block, *statements)
        if block is not None:
            written.append((("OFF", "NORMAL", "FULL")[mode], block.data))

    with patch.object(Journal, "_store", store):
        yield written
