"""
A process of its own that says Binance's kline frames on loopback, each with the moment at which it was sent.

Knows no market: bars come from a file, one instant a line. The clock is the system's monotonic one, which two
processes share.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def main(instants: Sequence[Sequence[dict[str, Any]]], pause_s: float) -> None:
    """
    Serve one client: an instant every `pause_s`, all of its markets back to back.

    Args:
        instants: The `k` objects of each instant's closed bars.
        pause_s: Seconds between two instants.
    """
    over = asyncio.Event()

    async def speak(connection: ServerConnection) -> None:
        try:
            await _answer_subscriptions(connection, len(instants[0]))
            for klines in instants:
                await asyncio.sleep(pause_s)
                for kline in klines:
                    await connection.send(_frame(kline), text=True)
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        over.set()

    async with serve(speak, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)  # noqa: T201 - how the parent learns the port
        await over.wait()


async def _answer_subscriptions(connection: ServerConnection, markets: int) -> None:
    granted = 0
    while granted < markets:
        request = msgspec.json.decode(await connection.recv())
        await connection.send(msgspec.json.encode({"result": None, "id": request["id"]}).decode())
        granted += len(request["params"])


def _frame(kline: dict[str, Any]) -> bytes:
    event = {"e": "kline", "E": kline["T"] + 1, "s": kline["s"], "k": kline, "sent_ns": perf_counter_ns()}
    return msgspec.json.encode({"stream": f"{kline['s'].lower()}@kline_{kline['i']}", "data": event})


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_bytes().splitlines()
    asyncio.run(main([msgspec.json.decode(line) for line in lines], float(sys.argv[2])))
