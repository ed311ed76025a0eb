"""An operator and a session: what is asked at the socket reaches the engine, and what the engine says comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from bot.adapters.control_client import ask
from bot.adapters.control_desk import ControlDesk
from bot.adapters.control_messages import (
    AnyAsk,
    AnyTell,
    AskFlatten,
    AskHalt,
    AskResume,
    AskStatus,
    TellAccepted,
    TellDone,
    TellStatus,
)
from bot.adapters.control_socket import ControlPatience, ControlSocket
from bot.adapters.decision_board import DecisionBoard
from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import Backfill
from bot.core.events import AnyEvent, Backfilled, CandleClosed, Flatten, Halt
from bot.core.orders import Purpose
from bot.core.status import Protection
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump
from bot.replay import Checkpoints, begin_session
from bot.runner import Questions, Session
from tests.engine_world import MemoryJournal, engine
from tests.heard_clock import HeardClock
from tests.hourly_bars import BTC, HOUR, T0, bar, closed, closes
from tests.made_orders import BUDGET, instrument
from tests.scripted_strategies import ScriptedModel, always, no_model
from tests.unit.bot.adapters.control_samples import IN_A_HURRY, while_blocked

Emit = Callable[[AnyEvent], Awaitable[None]]
_Tell = TypeVar("_Tell", bound=AnyTell)


class NoPast:
    """History without candles."""

    async def backfill(self, request: Backfill) -> Backfilled:
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, ())


class Operated:
    """A paper session with a control socket; the test is its market and its operator."""

    def __init__(self, folder: Path, patience: ControlPatience | None = None) -> None:
        self.folder = folder
        self.engine = engine(always(1.0))
        self.journal = MemoryJournal()
        self._patience = patience
        self._board = DecisionBoard(self.journal)
        self._clock = HeardClock()
        broker, questions = PaperBroker({BTC: instrument()}, BUDGET, Decimal(1)), Questions()
        pump = Pump(
            self.engine,
            self._board,
            broker,
            ScriptedModel(no_model),
            backfill=questions.ask,
            measures_latency=False,
        )
        checkpoints = Checkpoints(self.engine, self.journal, 10**9)
        flow = PaperFlow(
            pump,
            PaperPlay(pump, broker, HOUR),
            InstantAssembler([BTC], 10_000),
            checkpoints,
            commit=self._board.commit,
            progress=lambda count, at_ms: None,
        )
        self._session = Session(pump, questions, flow, checkpoints, clock=self._clock, until_ms=None)
        begin_session(pump, T0, None)

    async def live(self, story: Callable[["Operated", Emit], Awaitable[None]]) -> None:
        """Run the session; the story is its stream, and may ask what it likes."""
        desk = ControlDesk(
            look=lambda: self.engine.status(self._board.decisions),
            post=self._session.put_first,
            board=self._board,
            clock=self._clock,
        )
        async with ControlSocket(self.folder, desk, self._patience):
            await self._session.run(lambda emit: story(self, emit), NoPast())

    async def handled(self, at_ms: int) -> None:
        """Wait until the session has come so far: an operator's word would overtake what waits in its inbox."""
        while self.engine.time_ms < at_ms:  # noqa: ASYNC110 - the engine is a value, and tells nobody
            await asyncio.sleep(0)

    async def asked(self, question: AnyAsk, kind: type[_Tell]) -> _Tell:
        """What the session answers an operator."""
        told = await asyncio.to_thread(ask, self.folder, question)
        assert isinstance(told, kind)
        return told


@pytest.mark.asyncio
async def test_a_halt_is_in_the_journal_when_it_is_said_to_be_done(tmp_path: Path) -> None:
    async def story(bot: Operated, emit: Emit) -> None:
        for number in range(3):
            await emit(closed(bar(number, 100.0)))
        await bot.handled(closes(2))
        told = await bot.asked(AskHalt("lunch"), TellDone)
        assert bot.journal.of(Halt) == [Halt(closes(2), "lunch")]
        assert (told.at_ms, told.status.state) == (closes(2), "halted")
        (market,) = told.status.markets
        assert market.holding is not None
        assert market.holding.protection is Protection.RESTS
        assert market.why == "not traded: halted: lunch; its stop stays"
        told = await bot.asked(AskResume("back"), TellDone)
        assert told.status.state == "active"

    bot = Operated(tmp_path)
    await bot.live(story)
    assert bot.engine.state.operator_halt == ""


@pytest.mark.asyncio
async def test_flatten_sells_and_says_so(tmp_path: Path) -> None:
    async def story(bot: Operated, emit: Emit) -> None:
        for number in range(3):
            await emit(closed(bar(number, 100.0)))
        await bot.handled(closes(2))
        told = await bot.asked(AskFlatten("enough"), TellDone)
        (market,) = told.status.markets
        assert market.why.startswith("being sold: operator order")
        assert [order.purpose for order in market.orders] == [Purpose.OPERATOR]
        await emit(closed(bar(3, 101.0)))
        status = (await bot.asked(AskStatus(), TellStatus)).status
        assert (status.markets[0].holding, status.equity) == (None, 10_050.0)

    bot = Operated(tmp_path)
    await bot.live(story)
    assert [event.reason for event in bot.journal.of(Flatten)] == ["enough"]


@pytest.mark.asyncio
async def test_a_halt_of_a_blocked_session_is_done_as_soon_as_it_can_be(tmp_path: Path) -> None:
    async def story(bot: Operated, emit: Emit) -> None:
        await emit(closed(bar(0, 100.0)))
        before = (await bot.asked(AskStatus(), TellStatus)).status
        told = while_blocked(partial(ask, bot.folder, AskHalt("stop")))
        assert isinstance(told, TellAccepted)
        shown = while_blocked(partial(ask, bot.folder, AskStatus()))
        assert isinstance(shown, TellStatus)
        assert (shown.status, shown.busy_ms > 0) == (before, True)
        await asyncio.sleep(0)
        await emit(closed(bar(1, 100.0)))

    bot = Operated(tmp_path, IN_A_HURRY)
    await bot.live(story)
    order = [type(step[0]) for step in bot.journal.steps if isinstance(step[0], (CandleClosed, Halt))]
    assert order == [CandleClosed, Halt, CandleClosed]
    assert bot.engine.state.operator_halt == "stop"


@pytest.mark.asyncio
async def test_a_session_that_ends_takes_its_socket_away(tmp_path: Path) -> None:
    async def story(bot: Operated, emit: Emit) -> None:
        await emit(closed(bar(0, 100.0)))

    await Operated(tmp_path).live(story)
    assert not (tmp_path / "control.sock").exists()
