"""The exchange as a process: its ready line, and its control endpoint where one is asked for."""

import asyncio
import json
import os
import signal

import pytest
from aiohttp import ClientSession

from bot.core.market import Timeframe
from bot.exchange.lifetime import serve
from bot.exchange.market import ORIGIN_MS, SeededMarket
from bot.exchange.pace import LockStep
from bot.exchange.server import ExchangeServer
from bot.exchange.venue import Venue


@pytest.mark.asyncio
@pytest.mark.parametrize("control_port", [None, 0])
async def test_the_ready_line_says_where_it_listens_and_where_it_is_controlled(
    control_port, capsys, monkeypatch
) -> None:
    server = ExchangeServer(Venue([SeededMarket(7, "BTC/USDT", Timeframe.H1)], ORIGIN_MS, 1_000), LockStep(ORIGIN_MS))
    with open(os.devnull, encoding="ascii") as nothing:  # noqa: ASYNC230, PTH123 - no parent
        monkeypatch.setattr("sys.stdin", nothing)
        serving = asyncio.create_task(serve(server, 0, control_port))
        line = ""
        async with asyncio.timeout(10):
            while not line:
                await asyncio.sleep(0)
                line = capsys.readouterr().out
        ready = json.loads(line)
        assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
        assert ("control_url" in ready) is (control_port is not None)
        if "control_url" in ready:
            async with ClientSession() as client, client.get(f"{ready['control_url']}/faults") as answer:
                assert await answer.json() == []
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await serving
