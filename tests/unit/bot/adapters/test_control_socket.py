import asyncio
import json
import socket
import stat
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.adapters import control_socket
from bot.adapters.control_client import NothingRunsError, ask
from bot.adapters.control_messages import (
    MAX_REQUEST_BYTES,
    AnyTell,
    AskFlatten,
    AskHalt,
    AskResume,
    AskStatus,
    TellAccepted,
    TellDone,
    TellRefused,
    TellStatus,
)
from bot.adapters.control_place import control_path
from bot.adapters.control_socket import MAX_CLIENTS, ControlPatience
from bot.core.errors import JournalError
from bot.core.events import Flatten, Halt, Resume
from tests.unit.bot.adapters.control_samples import IN_A_HURRY, NOW_MS, STATUS, QuietBot, while_blocked


def said(folder: Path, *parts: bytes, ends: bool = False) -> dict[str, Any]:
    """What a bot answers to raw bytes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(10.0)
        line.connect(str(control_path(folder)))
        for part in parts:
            try:
                line.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break  # it has heard enough
        if ends:
            line.shutdown(socket.SHUT_WR)
        answer = json.loads(line.makefile("rb").readline())
    assert isinstance(answer, dict)
    return answer


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.asyncio
async def test_status_is_answered_with_a_picture_of_this_moment(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        told = await bot.asked(AskStatus())
    assert isinstance(told, TellStatus)
    assert (told.status, told.busy_ms) == (STATUS, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("question", "event"),
    [
        (AskHalt("lunch"), Halt(NOW_MS, "lunch")),
        (AskResume("back"), Resume(NOW_MS, "back")),
        (AskFlatten("enough"), Flatten(NOW_MS, "enough")),
    ],
)
async def test_a_deed_is_done_when_the_journal_holds_it(
    tmp_path: Path, question: AskHalt | AskResume | AskFlatten, event: Halt | Resume | Flatten
) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        told = await bot.asked(question)
    assert isinstance(told, TellDone)
    assert (told.at_ms, told.status.operator_halt, told.busy_ms) == (NOW_MS, event.reason, 0)
    assert bot.journal.records == [event]
    assert bot.journal.commits == 1


@pytest.mark.asyncio
async def test_only_the_user_can_open_the_socket(tmp_path: Path) -> None:
    async with QuietBot(tmp_path).control():
        mode = control_path(tmp_path).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


@pytest.mark.asyncio
async def test_an_end_leaves_nothing_behind_and_nobody_there(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        pass
    assert contents(tmp_path) == []
    assert "control" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(NothingRunsError, match="nothing runs in"):
        await bot.asked(AskStatus())


@pytest.mark.asyncio
async def test_the_status_of_a_blocked_bot_is_its_last_picture_with_its_age(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, IN_A_HURRY)
    async with bot.control():
        first = await bot.asked(AskStatus())
        told = while_blocked(partial(ask, tmp_path, AskStatus()))
        after = await bot.asked(AskStatus())
    assert isinstance(first, TellStatus)
    assert isinstance(told, TellStatus)
    assert isinstance(after, TellStatus)
    assert told.status == STATUS
    assert told.busy_ms >= IN_A_HURRY.fresh_ms
    assert told.age_ms >= IN_A_HURRY.fresh_ms
    assert after.busy_ms == 0


@pytest.mark.asyncio
async def test_a_deed_for_a_blocked_bot_is_accepted_and_done_before_anything_else(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, IN_A_HURRY)
    async with bot.control():
        told = while_blocked(partial(ask, tmp_path, AskHalt("stop now")))
        assert bot.posted == []
        await asyncio.sleep(0)
        assert bot.posted == [Halt(NOW_MS, "stop now")]
        after = await bot.asked(AskStatus())
    assert isinstance(told, TellAccepted)
    assert told.busy_ms >= IN_A_HURRY.deed_ms
    assert isinstance(after, TellStatus)
    assert after.status.operator_halt == "stop now"


@pytest.mark.asyncio
async def test_a_deed_that_lies_in_the_inbox_is_no_deed_yet(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, IN_A_HURRY, leaves=True)
    async with bot.control():
        assert isinstance(await bot.asked(AskHalt("lunch")), TellAccepted)
        assert bot.journal.records == []
        bot.handle()
        assert bot.journal.records == [Halt(NOW_MS, "lunch")]


@pytest.mark.asyncio
async def test_a_deed_is_answered_when_it_is_handled_late(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, leaves=True)
    async with bot.control():
        asked = asyncio.create_task(bot.asked(AskHalt("lunch")))
        await bot.has_heard(1)
        assert not asked.done()
        bot.handle()
        assert isinstance(await asked, TellDone)


@pytest.mark.asyncio
async def test_a_session_that_ends_says_that_it_did_not_come_to_it(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, leaves=True)
    async with bot.control():
        asked = asyncio.create_task(bot.asked(AskFlatten("enough")))
        await bot.has_heard(1)
    assert await asked == TellRefused("the session ended before it came to it")


@pytest.mark.asyncio
async def test_a_deed_that_the_session_cannot_take_is_refused(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path)
    bot.post = full  # type: ignore[method-assign]
    async with bot.control():
        assert await bot.asked(AskHalt("lunch")) == TellRefused("the session could not take it: the inbox is gone")


def full(event: object) -> None:
    raise RuntimeError("the inbox is gone")


@pytest.mark.asyncio
async def test_many_operators_are_answered_at_once(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, leaves=True)
    async with bot.control():
        deeds = [asyncio.create_task(bot.asked(AskHalt(f"operator {number}"))) for number in range(3)]
        await bot.has_heard(len(deeds))
        assert isinstance(await bot.asked(AskStatus()), TellStatus)
        bot.handle()
        answers = await asyncio.gather(*deeds)
    assert all(isinstance(answer, TellDone) for answer in answers)
    assert {event.reason for event in bot.posted} == {"operator 0", "operator 1", "operator 2"}


@pytest.mark.asyncio
async def test_two_who_ask_for_the_same_are_both_answered(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, leaves=True)
    async with bot.control():
        deeds = [asyncio.create_task(bot.asked(AskHalt("lunch"))) for _ in range(2)]
        await bot.has_heard(len(deeds))
        bot.handle()
        assert [type(answer) for answer in await asyncio.gather(*deeds)] == [TellDone, TellDone]
    assert bot.journal.records == [Halt(NOW_MS, "lunch")] * 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"\xff\xfe\x00\n",
        b'{"ask":"status","and":"more"}\n',
        b'{"ask":"reboot"}\n',
        b'{"ask":"halt"}\n',
        b'{"ask":"halt","reason":""}\n',
        b'{"ask":"halt","reason":"   "}\n',
        b'{"ask":"halt","reason":"a\\u001b[2J"}\n',
        b'{"ask":"halt","reason":"two\\nlines"}\n',
        b'{"ask":"halt","reason":7}\n',
        b'{"ask":"halt","reason":"' + b"x" * 201 + b'"}\n',
        b"[" * 2_000 + b"\n",
        b"x" * (MAX_REQUEST_BYTES + 1) + b"\n",
        b"x" * 1_000_000,
    ],
)
async def test_garbage_is_refused_and_harms_nobody(tmp_path: Path, garbage: bytes) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        answer = await asyncio.to_thread(said, tmp_path, garbage)
        assert answer["tell"] == "refused"
        assert isinstance(await bot.asked(AskStatus()), TellStatus)
    assert bot.posted == []


@pytest.mark.asyncio
async def test_a_line_may_come_in_pieces_and_needs_its_end(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        assert (await asyncio.to_thread(said, tmp_path, b'{"ask"', b':"sta', b'tus"}\n'))["tell"] == "status"
        cut = await asyncio.to_thread(partial(said, tmp_path, b'{"ask":"status"}', ends=True))
    assert cut["tell"] == "refused"
    assert cut["reason"].startswith("a request is one line of JSON")


@pytest.mark.asyncio
async def test_who_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, ControlPatience(request_ms=20))
    async with bot.control():
        answer = await asyncio.to_thread(said, tmp_path)
    assert answer["tell"] == "refused"


@pytest.mark.asyncio
async def test_who_says_nothing_does_not_hold_up_the_end(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path, ControlPatience(request_ms=3_600_000, parting_ms=3_600_000))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        async with bot.control():
            silent.connect(str(control_path(tmp_path)))
            assert isinstance(await bot.asked(AskStatus()), TellStatus)
    assert contents(tmp_path) == []


@pytest.mark.asyncio
async def test_who_hangs_up_is_not_missed(tmp_path: Path) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        for _ in range(3):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
                gone.connect(str(control_path(tmp_path)))
                gone.sendall(b'{"ask":"status"}\n')
        assert isinstance(await bot.asked(AskStatus()), TellStatus)


@pytest.mark.asyncio
async def test_no_more_are_heard_at_once_than_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_CLIENTS > 2
    monkeypatch.setattr(control_socket, "MAX_CLIENTS", 2)
    bot = QuietBot(tmp_path)
    async with bot.control():
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2)]
        for one in silent:
            one.connect(str(control_path(tmp_path)))
        told: AnyTell = TellStatus(STATUS, 0, 0)
        while not isinstance(told, TellRefused):  # a connection counts once it is taken up
            told = await bot.asked(AskStatus())
        assert "2 others are asking already" in told.reason
        for one in silent:
            one.close()


@pytest.mark.asyncio
async def test_another_user_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        monkeypatch.setattr(control_socket, "same_user", lambda connected: False)
        with pytest.raises(JournalError, match="ended before it answered"):
            await bot.asked(AskHalt("not mine"))
    assert bot.posted == []
