import asyncio
from pathlib import Path

import pytest

from bot.adapters.control_desk import ControlDesk, NotDone
from bot.adapters.control_messages import AskHalt, OperatorEvent
from bot.adapters.decision_board import DecisionBoard
from bot.core.events import Halt
from bot.core.status import EngineStatus
from tests.engine_world import MemoryJournal
from tests.unit.bot.adapters.control_samples import NOW_MS, STATUS, StoppedClock


class Bench:
    """A desk whose every look and post is counted; this loop is the bot's and the operator's as well."""

    def __init__(self, keeps_s: float = 0.0) -> None:
        self.looks = 0
        self.posted: list[OperatorEvent] = []
        self.board = DecisionBoard(MemoryJournal())
        self.desk = ControlDesk(
            look=self._look, post=self.posted.append, board=self.board, clock=StoppedClock(), keeps_s=keeps_s
        )

    def _look(self) -> EngineStatus:
        self.looks += 1
        return STATUS


async def turns(count: int = 3) -> None:
    """Let the loop come round."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_there_is_a_picture_from_the_start() -> None:
    bench = Bench()
    assert (bench.desk.picture.status, bench.looks) == (STATUS, 1)


@pytest.mark.asyncio
async def test_a_beat_takes_a_picture_only_when_something_has_happened() -> None:
    bench = Bench()
    bench.desk.beat()
    await turns()
    assert bench.looks == 1
    bench.board.append(Halt(NOW_MS, "by another way"))
    bench.desk.beat()
    await turns()
    assert bench.looks == 2
    bench.desk.beat()
    await turns()
    assert bench.looks == 2


@pytest.mark.asyncio
async def test_a_beat_keeps_a_picture_that_is_not_old() -> None:
    bench = Bench(keeps_s=3_600.0)
    bench.board.append(Halt(NOW_MS, "by another way"))
    bench.desk.beat()
    await turns()
    assert bench.looks == 1
    await bench.desk.fresh_picture()
    assert bench.looks == 2


@pytest.mark.asyncio
async def test_a_busy_loop_does_not_find_a_heap_of_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    asked: list[object] = []
    monkeypatch.setattr(bench.desk, "_soon", asked.append)
    for _ in range(10):
        bench.desk.beat()
    assert len(asked) == 1


@pytest.mark.asyncio
async def test_a_deed_after_the_end_is_not_posted() -> None:
    bench = Bench()
    bench.desk.close()
    answer = bench.desk.do(AskHalt("lunch"))
    assert await answer == NotDone("the session has ended")
    assert bench.posted == []


@pytest.mark.asyncio
async def test_an_answer_is_given_once(tmp_path: Path) -> None:
    bench = Bench()
    answer = bench.desk.do(AskHalt("lunch"))
    await turns()
    bench.desk.close()
    bench.board.append(bench.posted[0])
    bench.board.commit()
    assert await answer == NotDone("the session ended before it came to it")


@pytest.mark.asyncio
async def test_the_time_of_a_deed_is_the_markets() -> None:
    bench = Bench()
    answer = bench.desk.do(AskHalt("lunch"))
    await turns()
    bench.board.append(bench.posted[0])
    assert not answer.done()
    bench.board.commit()
    assert await answer == NOW_MS
