"""A bot that an operator can talk to, without an engine: what it would do is written down."""

import asyncio
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from bot.adapters.control_client import ask
from bot.adapters.control_desk import ControlDesk
from bot.adapters.control_messages import AnyAsk, AnyTell, OperatorEvent
from bot.adapters.control_socket import ControlPatience, ControlSocket
from bot.adapters.decision_board import DecisionBoard
from bot.core.status import EngineStatus
from tests.engine_world import MemoryJournal

_T = TypeVar("_T")

NOW_MS = 1_700_000_000_000
IN_A_HURRY = ControlPatience(fresh_ms=20, deed_ms=60, beat_ms=5)
"""For a loop that is blocked on purpose: it is not waited for longer than must be."""

STATUS = EngineStatus(
    time_ms=NOW_MS,
    state="active",
    reason="",
    operator_halt="",
    flattening="",
    breakers=(),
    equity=10_000.0,
    cash=Decimal(10_000),
    exposure_frac=0.0,
    orders_today=0,
    orders_allowed=100,
    unknown=(),
    unanswered=(),
    forecasts_dropped=0,
    foreign={},
    markets=(),
)


class StoppedClock:
    """Always the same moment."""

    def now_ms(self) -> int:
        return NOW_MS

    def hear(self, at_ms: int) -> None:
        """It has heard nothing."""

    def seconds_until(self, at_ms: int) -> float:
        return (at_ms - NOW_MS) / 1_000


class QuietBot:
    """A bot on the running loop. What is posted it handles in the loop's next turn, unless it `leaves` it lying."""

    def __init__(self, folder: Path, patience: ControlPatience | None = None, *, leaves: bool = False) -> None:
        self.folder = folder
        self.journal = MemoryJournal()
        self.board = DecisionBoard(self.journal)
        self.inbox: list[OperatorEvent] = []
        self.posted: list[OperatorEvent] = []
        self.status = STATUS
        self.looks = 0
        self._leaves = leaves
        self._heard = asyncio.Event()
        self._patience = patience or ControlPatience()

    def control(self) -> ControlSocket:
        """Its control socket, to be entered."""
        return ControlSocket(
            self.folder,
            ControlDesk(look=self._look, post=self.post, board=self.board, clock=StoppedClock()),
            self._patience,
        )

    def post(self, event: OperatorEvent) -> None:
        """Put an event before everything else."""
        self.posted.append(event)
        self.inbox.append(event)
        self._heard.set()
        if not self._leaves:
            asyncio.get_running_loop().call_soon(self.handle)

    async def has_heard(self, count: int) -> None:
        """Wait until so many events were posted."""
        while len(self.posted) < count:
            self._heard.clear()
            await self._heard.wait()

    def handle(self) -> None:
        """Handle what is in the inbox, as a session does."""
        while self.inbox:
            event = self.inbox.pop(0)
            self.board.append(event)
            self.status = replace(self.status, operator_halt=event.reason)
            self.board.commit()

    async def asked(self, question: AnyAsk) -> AnyTell:
        """What it answers to an operator, who is in another thread and might be in another process."""
        return await asyncio.to_thread(ask, self.folder, question)

    def _look(self) -> EngineStatus:
        self.looks += 1
        return self.status


def while_blocked(work: Callable[[], _T]) -> _T:
    """Do something in another thread while this one stands still, and with it whatever loop runs in it."""
    found: list[_T] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]
