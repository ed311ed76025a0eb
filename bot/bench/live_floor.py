"""The floors beneath the live path, on the same machine: a bare receive, a bare inference, a bare durable write."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns, sleep

import msgspec
import numpy as np
from websockets.asyncio.client import connect

from bot.adapters.model_runtime import OnnxRuntime
from bot.adapters.venues.binance import BinanceKlines
from bot.bench.live_latency import TIMEFRAME, frame_source, write_bars
from bot.core.market import Candle
from strategies.forecasting.bundle import load_bundle
from strategies.forecasting.features import SHIPPED


def receive_floor(candles: Mapping[str, Sequence[Candle]], streamed: int, pause_s: float) -> tuple[float, ...]:
    """Microseconds from sending a frame to having it as a parsed Python value, with nothing else at work."""
    with TemporaryDirectory() as folder:
        bars = Path(folder) / "bars.jsonl"
        write_bars(bars, candles, streamed)
        with frame_source(bars, pause_s) as url:
            return asyncio.run(_receive(url, candles, streamed * len(candles)))


async def _receive(url: str, candles: Mapping[str, Sequence[Candle]], count: int) -> tuple[float, ...]:
    stream = BinanceKlines({symbol.replace("/", ""): symbol for symbol in candles}, TIMEFRAME, url)
    took: list[float] = []
    async with connect(stream.stream_url, compression=None, ping_interval=None, proxy=None) as socket:
        for request in stream.subscription().frames:
            await socket.send(request)
        while len(took) < count:
            said = msgspec.json.decode(await socket.recv(decode=False))
            now_ns = perf_counter_ns()
            if "data" in said:
                took.append((now_ns - said["data"]["sent_ns"]) / 1e3)
    return tuple(took)


def inference_floor(bundle: Path, rounds: int, pause_s: float) -> tuple[float, ...]:
    """Microseconds of one window through the graph alone, after `pause_s` of idling each."""
    loaded = load_bundle(bundle, SHIPPED)
    run = OnnxRuntime(loaded.graph)
    window = np.ascontiguousarray(loaded.vectors.windows()[:1])
    run(window)
    took: list[float] = []
    for _ in range(rounds):
        sleep(pause_s)
        began = perf_counter_ns()
        run(window)
        took.append((perf_counter_ns() - began) / 1e3)
    return tuple(took)


def disk_floor(rounds: int) -> tuple[float, ...]:
    """Microseconds of appending 4 KiB to a file and waiting for the disk."""
    took: list[float] = []
    with TemporaryDirectory() as folder:
        file = os.open(Path(folder) / "file", os.O_WRONLY | os.O_CREAT)
        sync = getattr(os, "fdatasync", os.fsync)
        for _ in range(rounds):
            began = perf_counter_ns()
            os.write(file, bytes(4096))
            sync(file)
            took.append((perf_counter_ns() - began) / 1e3)
        os.close(file)
    return tuple(took)
