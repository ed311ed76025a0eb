"""A session at the command line that is asked to end before it listens for that."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.adapters import log
from bot.adapters.narrator import Tell
from bot.cli.telling import run_told
from bot.compose.live_run import LiveRequest


def test_sigterm_while_a_session_opens_unwinds_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that is stopped then leaves no exchange process, and no folder with its keys, behind."""
    monkeypatch.setattr(log, "configure_logging", lambda **_: None)
    closed: list[str] = []

    async def opening(request: LiveRequest, tell: Tell, progress: Callable[[int, int], None]) -> bool:
        del request, tell, progress
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            closed.append("the exchange")
        return True

    with pytest.raises(KeyboardInterrupt):
        run_told(LiveRequest(tmp_path / "run"), opening, manner="in a test", place="embedded", as_json=True)
    assert closed == ["the exchange"]
