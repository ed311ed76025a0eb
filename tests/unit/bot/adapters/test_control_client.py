"""Asking a bot through its control socket: who is believed, and who is given up."""

import os
import socket
import threading
from pathlib import Path

import pytest

from bot.adapters import control_client
from bot.adapters.control_client import NothingRunsError, ask
from bot.adapters.control_messages import MAX_REQUEST_BYTES, AskHalt, AskStatus
from bot.adapters.control_place import control_path, same_user
from bot.adapters.run_lock import RunLock
from bot.core.errors import JournalError
from tests.unit.bot.adapters.control_samples import QuietBot


@pytest.mark.asyncio
async def test_nothing_is_said_to_another_users_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = QuietBot(tmp_path)
    async with bot.control():
        monkeypatch.setattr(control_client, "same_user", lambda connected: False)
        with pytest.raises(JournalError, match="another user listens"):
            await bot.asked(AskHalt("a secret"))
    assert bot.posted == []


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="this system cannot say who is at the other end")
def test_the_kernel_says_who_is_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert same_user(ours)
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
        assert not same_user(ours)


def test_a_process_that_has_the_run_but_does_not_listen_is_named(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(JournalError, match=r"process \d+ has the run .* but takes no orders"):
        ask(tmp_path, AskStatus())
    lock.release()
    with pytest.raises(NothingRunsError):
        ask(tmp_path, AskStatus())


def test_a_folder_that_is_not_there_holds_no_bot(tmp_path: Path) -> None:
    with pytest.raises(NothingRunsError):
        ask(tmp_path / "nowhere", AskStatus())


@pytest.mark.parametrize("answer", [b"", b'{"tell":"status"', b"nonsense\n", b'{"tell":"done","at_ms":"x"}\n'])
def test_an_answer_that_is_none_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(control_path(tmp_path)))
        listening.listen()

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(MAX_REQUEST_BYTES)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(JournalError, match=r"ended before it answered|cannot be understood"):
            ask(tmp_path, AskStatus())
        thread.join()


def test_a_bot_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(control_path(tmp_path)))
        listening.listen()
        with pytest.raises(JournalError, match=r"has not answered within 0\.01 s"):
            ask(tmp_path, AskStatus(), within_s=0.01)
