"""
An account that is somebody else's as well: whatever the bot does, money and orders that are not its own stay as they
are.

Somebody else trades over a connection of its own, under other client ids. The operator's commands go through the real
control socket.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.control_client import ask
from bot.adapters.control_messages import AskDeed, AskFlatten, AskHalt, AskResume, TellDone
from bot.adapters.journal_reader import read_run
from bot.adapters.order_messages import Answered
from bot.core.orders import BUY, LIMIT, MARKET, SELL, STOP, Intent, OrderType, Purpose, Side
from bot.exchange.faults import Latency
from bot.exchange.occasions import Where
from bot.exchange.orders import Kind, Trade, VenueOrder
from tests.command_line import say
from tests.exchange_hand import Hand
from tests.live_invariants import account_trades, check_all, notices, own_trades, venue_orders
from tests.live_world import SYMBOLS, Bot, Exchange, account_at, running_exchange
from tests.market_time import run

BUDGET = Decimal(10_000)
FOREIGN = {"BTC": Decimal(1), "USDT": Decimal(50_000)}
BEFORE = {"BTC": FOREIGN["BTC"], "USDT": FOREIGN["USDT"] + BUDGET}
TRADES_ON = {"breakers.daily_loss_frac": "0.9", "breakers.drawdown_frac": "0.95", "account.budget": str(BUDGET)}
DUST = Decimal(10)
"""Quote amount below which nothing can be sold."""


class Somebody:
    """Somebody else who uses the account, through the exchange's own interface."""

    def __init__(self, orders: CcxtOrders, exchange: Exchange) -> None:
        self._orders = orders
        self._exchange = exchange
        self._hand = Hand(exchange)
        self._placed = 0

    async def trade(self, side: Side, quantity: str) -> None:
        """Buy or sell Bitcoin at what the market gives."""
        await self._place(side, MARKET, quantity)

    async def place_far(self, side: Side, kind: OrderType, quantity: str, factor: str) -> None:
        """Place an order at so many times the last price."""
        self._exchange.server.trading.move(["BTCUSDT"])
        price = (self._hand.last("BTCUSDT") * Decimal(factor)).quantize(Decimal("0.01"))
        await self._place(side, kind, quantity, price)

    async def _place(self, side: Side, kind: OrderType, quantity: str, price: Decimal | None = None) -> None:
        self._placed += 1
        intent = Intent(
            f"somebody{self._placed}",
            "BTC/USDT",
            side,
            kind,
            Decimal(quantity),
            Purpose.OPERATOR,
            self._exchange.now_ms,
            limit_price=price if kind is LIMIT else None,
            stop_price=price if kind is STOP else None,
        )
        assert isinstance(await self._orders.place(intent), Answered)


@asynccontextmanager
async def somebody_at(exchange: Exchange, folder: Path) -> AsyncIterator[Somebody]:
    async with account_at(exchange, folder) as account:
        await account.orders.rules(SYMBOLS)
        yield Somebody(account.orders, exchange)


def ours(bot: Bot, exchange: Exchange) -> list[VenueOrder]:
    """The orders of the bot."""
    prefix = read_run(bot.run_folder).header.run_id[:8]
    return [order for order in venue_orders(exchange) if order.client_order_id.startswith(prefix)]


def held(bot: Bot, exchange: Exchange) -> dict[str, Decimal]:
    """What the bot's own trades left of each market, as the exchange has it; it is never less than nothing."""
    left: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in sorted(own_trades(exchange, ours(bot, exchange)), key=lambda one: one.time_ms):
        left[trade.symbol] += _moved(trade)
        assert left[trade.symbol] >= 0, f"{-left[trade.symbol]} {trade.symbol} was sold that it never bought"
    return left


def is_flat(bot: Bot, exchange: Exchange) -> bool:
    """Whether the bot holds nothing that can be sold, and has nothing open."""
    return not positions(bot, exchange) and not any(order.is_open for order in ours(bot, exchange))


def stops(bot: Bot, exchange: Exchange) -> set[str]:
    """The markets in which a stop of the bot's rests."""
    return {order.symbol for order in ours(bot, exchange) if order.is_open and order.kind is Kind.STOP_LOSS}


def positions(bot: Bot, exchange: Exchange) -> set[str]:
    """The markets in which the bot holds something that can be sold."""
    return {market for market, left in held(bot, exchange).items() if left * Hand(exchange).last(market) >= DUST}


async def command(bot: Bot, deed: AskDeed) -> None:
    """What an operator does, who waits until it is done."""
    told = await asyncio.to_thread(ask, bot.run_folder, deed)
    assert isinstance(told, TellDone)


async def halt_while_it_holds(bot: Bot, exchange: Exchange) -> None:
    """Halt it with a position that is protected; the market goes on while the operator's word is on its way."""
    while True:
        await Hand(exchange).until(lambda: "BTCUSDT" in stops(bot, exchange))
        await command(bot, AskHalt("the day is over"))
        if "BTCUSDT" in stops(bot, exchange):
            return
        await command(bot, AskResume("that was too late"))


async def a_day(folder: Path, minutes: int, visits: int) -> None:
    async with running_exchange(folder, balances=BEFORE) as exchange, somebody_at(exchange, folder) as other:
        await other.place_far(SELL, LIMIT, "0.2", "1.9")
        await other.place_far(BUY, LIMIT, "0.1", "0.5")
        await other.place_far(SELL, STOP, "0.1", "0.5")
        theirs = venue_orders(exchange)
        hand = Hand(exchange)
        bot = Bot(folder / "bot", exchange, overrides=TRADES_ON)
        bot.start()
        for visit in range(visits):
            await bot.for_candles(2 * minutes // visits, within_minutes=2.0 * minutes)
            await hand.until(lambda: "BTCUSDT" in stops(bot, exchange))
            await other.trade(*((SELL, "0.05") if visit % 2 == 0 else (BUY, "0.03")))
        await halt_while_it_holds(bot, exchange)
        await hand.minutes(0.5)
        assert stops(bot, exchange) >= positions(bot, exchange), "a halt leaves what protects"
        exchange.server.plan.add([Latency(ms=5_000, where=Where(method="POST", endpoint="order"))])
        await command(bot, AskFlatten("sell what is ours"))
        await bot.kill()
        exchange.server.plan.clear()
        bot.start()
        await bot.for_candles(4)
        await hand.until(lambda: is_flat(bot, exchange))
        sent = len(ours(bot, exchange))
        await command(bot, AskFlatten("and again"))
        await bot.for_candles(8)
        assert await bot.stop() is False
        assert len(ours(bot, exchange)) == sent, "there was nothing left to sell"
        checked = check_all(bot, exchange, before=BEFORE)
        assert is_flat(bot, exchange)
        untouched(exchange, bot, theirs)
        told = notices(bot)
        assert told["foreign_balance"] >= visits
        assert not told["account_drifted"]
        assert checked.fills >= minutes // 4
        say(f"{minutes} minutes beside foreign money: {checked}; {dict(told)}")


def untouched(exchange: Exchange, bot: Bot, theirs: list[VenueOrder]) -> None:
    """Foreign orders are as they were on the first day, and foreign money is what somebody else made of it."""
    mine = {(order.symbol, order.order_id) for order in ours(bot, exchange)}
    opened = {order.client_order_id for order in theirs}
    assert [order for order in venue_orders(exchange) if order.client_order_id in opened] == theirs
    assert {order.kind for order in theirs} == {Kind.LIMIT, Kind.STOP_LOSS}
    own, foreign = held(bot, exchange), FOREIGN["BTC"]
    for trade in account_trades(exchange):
        if (trade.symbol, trade.order_id) not in mine:
            foreign += _moved(trade)
    assert Hand(exchange).held("BTC") == foreign + own["BTCUSDT"]
    locked = exchange.server.trading.venue.ledger.accounts["bot"].balance("BTC").locked
    assert locked == Decimal("0.3")


def _moved(trade: Trade) -> Decimal:
    """What a trade brought of the base asset, or took."""
    paid = trade.commission if trade.symbol.startswith(trade.commission_asset) else Decimal(0)
    return (trade.quantity if trade.side is BUY else -trade.quantity) - paid


def test_foreign_money_and_orders_are_left_alone_for_an_hour(tmp_path: Path) -> None:
    run(a_day(tmp_path, minutes=60, visits=2))


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_foreign_money_and_orders_are_left_alone_for_a_day(tmp_path: Path) -> None:
    run(a_day(tmp_path, minutes=1_440, visits=6))
