"""
What an order costs on its way out: our call of ccxt beside ccxt's own, and its durable write beside the disk's.

One exchange process on loopback answers both calls, in turns, so that both meet the same machine.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any, Final

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
from msgspec import Struct

from bot.adapters.journal import Journal
from bot.adapters.journal_format import FILE_NAME
from bot.adapters.order_messages import Answered
from bot.adapters.venue_peers import LoopbackPeer
from bot.bench.live_latency import BUDGET, LIMITS
from bot.compose.account import Account, AccountRequest, open_at
from bot.compose.market_source import InventedMarket, embedded_start_ms
from bot.core.commands import SubmitOrder
from bot.core.errors import ConfigError, VenueError
from bot.core.events import CandleClosed, RunStarted
from bot.core.market import Candle, Costs, Instrument, Timeframe
from bot.core.orders import BUY, MARKET, SELL, Denied, Intent, Purpose, Side
from bot.pump import spare_collector
from risk.account_view import AccountView
from risk.breakers import TradingState
from risk.gate import review

_SYMBOL: Final = "BTC/USDT"
_TIMEFRAME: Final = Timeframe.M1
_QUANTITY: Final = Decimal("0.001")
_STOCK: Final = Decimal("0.2")
_WARM_UP: Final = 10

_SendOrder = Callable[[str, Side, Decimal], Awaitable[None]]


class OrderTimes(Struct, frozen=True):
    """Microseconds from the call to the venue's answer, in turns: our `place`, and ccxt's own `create_order`."""

    ours: tuple[float, ...]
    ccxt: tuple[float, ...]


class WriteTimes(Struct, frozen=True):
    """
    Microseconds until a deed is on the disk, in turns.

    `intents` are from the intent to the end of the journal's commit, `disk` are of appending `block_bytes` to a file of
    the same file system and waiting for the disk: what a commit adds to the journal's log.
    """

    intents: tuple[float, ...]
    disk: tuple[float, ...]
    block_bytes: int


def measure_orders(rounds: int) -> OrderTimes:
    """Trade so many times both ways, at an exchange of our own that is started for it."""
    return asyncio.run(_orders(rounds))


async def _orders(rounds: int) -> OrderTimes:
    from_ms = embedded_start_ms(_TIMEFRAME)
    invented = InventedMarket(speed="1")
    async with open_at(AccountRequest(), invented, [_SYMBOL], _TIMEFRAME, from_ms, None) as account:
        await account.orders.rules([_SYMBOL])
        account.gate.learn(account.orders.limits)
        bare = _bare(account)
        try:
            await bare.load_markets()
            ways = (_our_way(account), _bare_way(bare))
            await ways[0]("stock", BUY, _STOCK)
            return await _in_turns(ways, rounds)
        finally:
            await bare.close()


async def _in_turns(ways: tuple[_SendOrder, _SendOrder], rounds: int) -> OrderTimes:
    took: tuple[list[float], list[float]] = ([], [])
    spare_collector()
    for number in range(_WARM_UP + rounds):
        side = SELL if number // 2 % 2 else BUY
        for way in (0, 1) if number % 2 else (1, 0):
            began = perf_counter_ns()
            await ways[way](f"order{number}x{way}", side, _QUANTITY)
            took[way].append((perf_counter_ns() - began) / 1e3)
    return OrderTimes(tuple(took[0][_WARM_UP:]), tuple(took[1][_WARM_UP:]))


def _our_way(account: Account) -> _SendOrder:
    async def send(name: str, side: Side, quantity: Decimal) -> None:
        answer = await account.orders.place(_intent(name, side, quantity, account.clock.now_ms()))
        if not isinstance(answer, Answered):
            raise VenueError(f"the exchange of the benchmark did not take an order: {answer.reason}")

    return send


def _bare_way(exchange: Any) -> _SendOrder:
    async def send(name: str, side: Side, quantity: Decimal) -> None:
        params = {"clientOrderId": name, "newOrderRespType": "FULL"}
        await exchange.create_order(_SYMBOL, "market", side.value, str(quantity), None, params)

    return send


def _bare(account: Account) -> Any:
    """Open ccxt as anybody would, with a session of its own, but for where the exchange is and what its time is."""
    exchange = ccxt.binance(
        {
            "apiKey": account.credentials.api_key,
            "secret": account.credentials.secret,
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
        }
    )
    peer = account.peers.of(account.place.rest_host)
    if not isinstance(peer, LoopbackPeer):
        raise ConfigError("the benchmark trades at an exchange of its own alone")
    address = f"https://{peer.address}:{peer.port}/api/v3"
    exchange.urls["api"] = {"public": address, "private": address}
    exchange.cafile = str(account.ca_file)
    exchange.milliseconds = account.clock.venue_ms
    return exchange


def measure_writes(rounds: int) -> WriteTimes:
    """Approve and keep so many intents, each on the disk before the next, and have the disk keep as many bytes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        at_ms = embedded_start_ms(_TIMEFRAME)
        header = RunStarted(at_ms, "bench", "bench", {}, {}, (_INSTRUMENT,), _TIMEFRAME.value, BUDGET)
        journal = Journal.create(folder, header, synchronous="FULL")
        log = folder / f"{FILE_NAME}-wal"
        grown: list[int] = []
        length = log.stat().st_size
        for number in range(_WARM_UP):
            _keep(journal, number, at_ms)
            grown.append(log.stat().st_size - length)
            length += grown[-1]
        block = bytes(round(median(grown)))
        file = os.open(folder / "file", os.O_WRONLY | os.O_CREAT)
        spare_collector()
        intents: list[float] = []
        disk: list[float] = []
        for number in range(_WARM_UP, _WARM_UP + rounds):
            intents.append(_keep(journal, number, at_ms))
            disk.append(_sync(file, block))
        os.close(file)
        journal.close()
    return WriteTimes(tuple(intents), tuple(disk), len(block))


def _keep(journal: Journal, number: int, began_ms: int) -> float:
    """Journal a candle and the order that it brings; the microseconds from the intent to the disk."""
    at_ms = began_ms + number * _TIMEFRAME.ms
    journal.append(CandleClosed(at_ms + _TIMEFRAME.ms, _SYMBOL, Candle(at_ms, 1.0, 1.0, 1.0, 1.0, 1.0)))
    intent = _intent(f"order{number}", SELL, _QUANTITY, at_ms + _TIMEFRAME.ms)
    began = perf_counter_ns()
    approved = review(intent, _INSTRUMENT, _HOLDER, LIMITS)
    if isinstance(approved, Denied):
        raise ConfigError(f"the benchmark's own order was denied: {approved.reason}")
    journal.record(SubmitOrder(approved))
    journal.commit()
    return (perf_counter_ns() - began) / 1e3


def _sync(file: int, block: bytes) -> float:
    began = perf_counter_ns()
    os.write(file, block)
    getattr(os, "fdatasync", os.fsync)(file)
    return (perf_counter_ns() - began) / 1e3


def _intent(name: str, side: Side, quantity: Decimal, at_ms: int) -> Intent:
    return Intent(name, _SYMBOL, side, MARKET, quantity, Purpose.OPERATOR, at_ms)


_INSTRUMENT: Final = Instrument(
    _SYMBOL, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5), Costs(), "bench", "bench"
)
_HOLDER: Final = AccountView(
    state=TradingState.ACTIVE,
    state_reason="",
    equity=float(BUDGET),
    available_cash=BUDGET,
    position=_STOCK,
    sellable=_STOCK,
    position_notional=0.0,
    exposure_notional=0.0,
    price=30_000.0,
    market_problem=None,
    candles_since_stop=None,
    orders_today=0,
)
