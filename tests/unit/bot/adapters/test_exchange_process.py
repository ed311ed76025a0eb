"""The embedded exchange as a child: it serves, it stops, and it does not outlive a parent that was killed."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.clock import SystemClock
from bot.adapters.exchange_process import END_OF_MARKET, ExchangeProcess
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.venues.binance import BinanceKlines
from bot.core.commands import Backfill
from bot.core.errors import ConfigError
from bot.core.events import CandleClosed
from bot.core.market import Timeframe
from bot.exchange import server
from bot.exchange.market import ORIGIN_MS, SeededMarket

HOUR = Timeframe.H1.ms
ROOT = Path(__file__).resolve().parents[4]
ARGUMENTS = ["--symbol", "BTC/USDT", "--symbol", "ETH/USDT", "--speed", "max", "--count", "20", "--seed", "5"]


@pytest.mark.asyncio
async def test_stream_and_history_meet_without_a_gap_and_the_market_ends() -> None:
    candles: list[CandleClosed] = []

    async def take(event: EngineEvent) -> None:
        if isinstance(event, CandleClosed):
            candles.append(event)

    async with await ExchangeProcess.start(ARGUMENTS) as exchange:
        markets = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}
        venue = BinanceKlines(markets, Timeframe.H1, exchange.stream_url)
        async with CcxtHistory(["BTC/USDT", "ETH/USDT"], Timeframe.H1, exchange.rest_url) as history:
            streams = CandleStreams(
                [venue], CandleFeed([venue]), history, take, SystemClock(), end_reason=END_OF_MARKET
            )
            await streams.run()
            first_ms = candles[0].candle.open_time_ms
            past = await history.backfill(Backfill("ETH/USDT", ORIGIN_MS, first_ms))
    streamed = [event.candle for event in candles if event.symbol == "ETH/USDT"]
    market = SeededMarket(5, "ETH/USDT", Timeframe.H1)
    whole = [market.at(ORIGIN_MS + number * HOUR) for number in range(2_020)]
    assert [*past.candles, *streamed] == whole
    assert [event.symbol for event in candles] == ["BTC/USDT", "ETH/USDT"] * 20


def test_both_sides_name_the_end_of_the_market_alike() -> None:
    assert END_OF_MARKET == server.END_OF_MARKET


@pytest.mark.asyncio
async def test_it_is_gone_after_stop_and_stopping_twice_is_no_harm() -> None:
    exchange = await ExchangeProcess.start(ARGUMENTS)
    await exchange.stop()
    await exchange.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(exchange.pid, 0)


@pytest.mark.asyncio
async def test_sigterm_ends_it_in_order() -> None:
    exchange = await ExchangeProcess.start(ARGUMENTS)
    os.kill(exchange.pid, signal.SIGTERM)
    async with asyncio.timeout(20):
        code = await exchange._process.wait()
    await exchange.stop()
    assert code == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "arguments", [["--symbol", "nonsense"], ["--speed", "fast"], ["--candles", "BTC/USDT=/no/such"], ["--unknown"]]
)
async def test_arguments_that_it_refuses_are_a_config_error(arguments, capfd) -> None:
    with pytest.raises(ConfigError, match="refused its arguments"):
        await ExchangeProcess.start(arguments)
    assert capfd.readouterr().err


PARENT = """
import asyncio
from bot.adapters.exchange_process import ExchangeProcess

async def main():
    exchange = await ExchangeProcess.start({arguments})
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_does_not_outlive_a_parent_that_was_killed() -> None:
    # Parent and child share one pipe for errors: it ends when the last of the two is gone.
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(arguments=ARGUMENTS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout
        assert parent.stderr
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        assert parent.wait(timeout=20) == -signal.SIGKILL
        assert parent.stderr.read() == b""
