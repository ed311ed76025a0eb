"""
What must hold after every live session, whatever went wrong in it: the bot's journal against the exchange's own books.

    I1  at most one order at the exchange for each intent
    I2  books equal to the last unit: every trade of ours counted once, as it was, and the account's balances explained
    I3  each closed candle once, in order, with the exchange's values
    I4  no order decided on a candle that was not the newest, or no longer fresh
    I5  silence while banned
    I6  no secret in anything that was written or told
    I7  no position without a resting stop for longer than the guard allows, without an alarm

Reads the journal and the exchange's records alone; imports nothing of the engine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import Struct

from bot.adapters.journal_reader import read_run
from bot.core.commands import Deed, Notify, Observation, SubmitOrder
from bot.core.events import AnyEvent, Backfilled, CandleClosed, EpochBegan, OrderFilled
from bot.core.orders import BUY, Fill, Purpose
from bot.exchange.orders import Kind, Trade, VenueOrder
from bot.exchange.truth import closed_candles
from tests.live_world import API_KEY, CASH, FROM_MS, MAIN, MINUTE, SECRET, Bot, Exchange

Record = AnyEvent | Deed | Observation
ZERO = Decimal(0)

FRESH_MS = 15_000
"""Age of a candle, by the exchange's clock, at which an order decided on it may still arrive there."""

_LATEST = 2**62
"""A time after all: by it, records have what they have now."""

ALARMS = frozenset({"bare_position", "holding_short", "unprotected"})


class Checked(Struct):
    """What was looked at: a proof that saw nothing proves nothing."""

    orders: int = 0
    fills: int = 0
    candles: int = 0
    stops: int = 0
    struck: int = 0

    def __str__(self) -> str:
        return (
            f"{self.orders} orders, {self.fills} fills, {self.stops} stops, {self.candles} candles, "
            f"{self.struck} faults struck, 7 invariants"
        )


def check_all(
    bot: Bot,
    exchange: Exchange,
    *,
    before: Mapping[str, Decimal] | None = None,
    outside: Mapping[str, Decimal] | None = None,
    logged: str = "",
    guard_ms: int = 10_000,
) -> Checked:
    """
    See that everything holds.

    Args:
        bot: The run; it has ended.
        exchange: Where it traded.
        before: What the account held at first, by asset.
        outside: What came from outside since then, or went there.
        logged: All that was logged.
        guard_ms: How long a position may be bare.
    """
    records = list(read_run(bot.run_folder).records())
    prefix = read_run(bot.run_folder).header.run_id[:8]
    begun_ms = max((one.at_ms for one in records if isinstance(one, EpochBegan)), default=exchange.began_ms)
    ours = (order for order in venue_orders(exchange) if order.client_order_id.startswith(prefix))
    # What was sent to a new epoch before it was noticed is not booked there.
    orders = [order for order in ours if order.time_ms >= begun_ms]
    trades = own_trades(exchange, orders)
    fills = fills_of(records, exchange.began_ms)
    once_each(orders)
    heard = {(fill.symbol.replace("/", ""), fill.trade_id) for fill in fills}
    books_agree(
        fills,
        orders,
        [one for one in trades if one.time_ms < bot.left_ms or (one.symbol, str(one.trade_id)) in heard],
    )
    balances_explained(exchange, account_trades(exchange), before or {"USDT": CASH}, outside or {})
    candles = candles_true(records, exchange)
    decided_fresh(records, orders)
    silent_while_banned(exchange)
    nothing_secret(bot, logged)
    protected(orders, trades, records, exchange.now_ms, guard_ms)
    stops = sum(order.kind is Kind.STOP_LOSS for order in orders)
    return Checked(len(orders), len(fills), candles, stops, len(exchange.server.plan.log.struck))


@contextmanager
def breaks(invariant: str) -> Iterator[None]:
    """See that an invariant is broken; it goes by the name of the function that looks after it."""
    with pytest.raises(AssertionError) as broken:
        yield
    assert invariant in {frame.name for frame in broken.traceback}


def venue_orders(exchange: Exchange) -> list[VenueOrder]:
    """Every order of the account, as the exchange has it now."""
    markets = exchange.server.trading.venue.markets.values()
    return [order for market in markets for order in market.floor.records.orders(MAIN, _LATEST)]


def own_trades(exchange: Exchange, orders: list[VenueOrder]) -> list[Trade]:
    """The trades of these orders."""
    ours = {(order.symbol, order.order_id) for order in orders}
    return [trade for trade in account_trades(exchange) if (trade.symbol, trade.order_id) in ours]


def account_trades(exchange: Exchange) -> list[Trade]:
    """Every trade of the account, those of orders by hand among them."""
    markets = exchange.server.trading.venue.markets.values()
    return [trade for market in markets for trade in market.floor.records.trades(MAIN, _LATEST)]


def notices(bot: Bot) -> Counter[str]:
    """How often the bot gave notice of what, by its code."""
    return Counter(one.code for one in read_run(bot.run_folder).records() if isinstance(one, Notify))


def fills_of(records: list[Record], began_ms: int = 0) -> list[Fill]:
    """What the bot booked since then, each trade as often as it is in the journal; of the newest epoch alone."""
    begun = max((place for place, one in enumerate(records) if isinstance(one, EpochBegan)), default=-1)
    booked = (one for one in records[begun + 1 :] if isinstance(one, OrderFilled))
    return [one.fill for one in booked if one.at_ms >= began_ms]


def once_each(orders: list[VenueOrder]) -> None:
    """I1."""
    often = Counter(order.client_order_id for order in orders)
    assert {name: count for name, count in often.items() if count > 1} == {}


def books_agree(fills: list[Fill], orders: list[VenueOrder], trades: list[Trade]) -> None:
    """I2, the trades."""
    names = {(order.symbol, order.order_id): order.client_order_id for order in orders}
    # The engine counts a trade once however often it is told; told differently, it would stay visible here.
    booked = {
        (
            fill.symbol.replace("/", ""),
            fill.trade_id,
            fill.client_order_id,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.fee_asset,
        )
        for fill in fills
    }
    true = {
        (
            trade.symbol,
            str(trade.trade_id),
            names[trade.symbol, trade.order_id],
            trade.quantity,
            trade.price,
            trade.commission,
            trade.commission_asset,
        )
        for trade in trades
    }
    assert booked == true


def balances_explained(
    exchange: Exchange, trades: list[Trade], before: Mapping[str, Decimal], outside: Mapping[str, Decimal]
) -> None:
    """I2, the money: what the account holds is what it held, what came from outside, and what its trades made."""
    wanted: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for amounts in (before, outside):
        for asset, amount in amounts.items():
            wanted[asset] += amount
    for trade in trades:
        base, quote = trade.symbol.removesuffix("USDT"), "USDT"
        sign = 1 if trade.side is BUY else -1
        wanted[base] += sign * trade.quantity
        wanted[quote] -= sign * trade.amount
        wanted[trade.commission_asset] -= trade.commission
    _, held = exchange.server.trading.venue.inquiries.balances(MAIN, exchange.now_ms)
    found = {asset: balance.free + balance.locked for asset, balance in held.items()}
    assert {a: v for a, v in found.items() if v} == {a: v for a, v in wanted.items() if v}


def candles_true(records: list[Record], exchange: Exchange) -> int:
    """I3."""
    told: defaultdict[str, dict[int, object]] = defaultdict(dict)
    streamed = Counter((one.symbol, one.candle.open_time_ms) for one in records if isinstance(one, CandleClosed))
    assert {name: count for name, count in streamed.items() if count > 1} == {}
    for one in records:
        if isinstance(one, CandleClosed):
            told[one.symbol][one.candle.open_time_ms] = one.candle
        elif isinstance(one, Backfilled):
            for candle in one.candles:
                told[one.symbol].setdefault(candle.open_time_ms, candle)
    for symbol, candles in told.items():
        true = {
            c.open_time_ms: c
            for c in closed_candles(exchange.server.venue, symbol.replace("/", ""), 0, exchange.now_ms)
        }
        times = sorted(candles)
        assert times == list(range(times[0], times[-1] + 1, exchange.server.venue.timeframe.ms)), f"a gap in {symbol}"
        assert all(true[at] == candles[at] for at in times)
    return sum(streamed.values())


def decided_fresh(records: list[Record], orders: list[VenueOrder]) -> None:
    """I4."""
    newest: dict[str, int] = {}
    arrived = {order.client_order_id: order.time_ms for order in orders}
    for one in records:
        if isinstance(one, CandleClosed):
            newest[one.symbol] = one.at_ms
        elif isinstance(one, Backfilled) and one.candles:
            newest[one.symbol] = max(newest.get(one.symbol, 0), one.candles[-1].open_time_ms + MINUTE)
        elif isinstance(one, SubmitOrder) and one.approved.intent.purpose is Purpose.ENTRY:
            intent = one.approved.intent
            at_ms = arrived.get(intent.client_order_id)
            if at_ms is not None:
                assert at_ms - newest[intent.symbol] <= FRESH_MS, f"{intent.client_order_id} came late"


def silent_while_banned(exchange: Exchange) -> None:
    """I5. What was on its way when the ban began, in the very same instant, could not be held back any more."""
    log = exchange.server.plan.log
    begun = {one.at_ms for one in log.struck if one.kind == "ban"}
    assert [event for event in log.told("request while banned") if event.at_ms not in begun] == []


def nothing_secret(bot: Bot, logged: str) -> None:
    """I6."""
    for word in (SECRET, API_KEY):
        assert word not in logged
        assert not any(word in repr(told) for told in bot.told)
        for path in _files(bot.run_folder.parent):
            assert word.encode() not in path.read_bytes(), f"{path.name} holds a secret"


def protected(orders: list[VenueOrder], trades: list[Trade], records: list[Record], now_ms: int, guard_ms: int) -> None:
    """I7: every stretch in which something is held and no stop rests is short, or has its alarm."""
    alarms = [one.at_ms for one in records if isinstance(one, Notify) and one.code in ALARMS]
    for symbol in {trade.symbol for trade in trades}:
        for from_ms, until_ms in _bare(symbol, orders, trades, now_ms):
            if until_ms - from_ms > guard_ms + FRESH_MS:
                assert any(from_ms <= at_ms <= until_ms for at_ms in alarms), (
                    f"{symbol} was bare from {from_ms} to {until_ms}"
                )


def _bare(symbol: str, orders: list[VenueOrder], trades: list[Trade], now_ms: int) -> Iterator[tuple[int, int]]:
    """When more was held than dust, and no stop was open."""
    stops = [
        (order.time_ms, now_ms if order.is_open else order.update_ms)
        for order in orders
        if order.symbol == symbol and order.kind is Kind.STOP_LOSS
    ]
    moments = sorted(
        {FROM_MS, now_ms, *(t.time_ms for t in trades if t.symbol == symbol), *(at for stop in stops for at in stop)}
    )
    began: int | None = None
    for at_ms in moments:
        held = sum(
            (
                (t.quantity if t.side is BUY else -t.quantity)
                - (t.commission if t.symbol.startswith(t.commission_asset) else ZERO)
            )
            for t in trades
            if t.symbol == symbol and t.time_ms <= at_ms
        )
        price = next((t.price for t in reversed(trades) if t.symbol == symbol and t.time_ms <= at_ms), ZERO)
        covered = any(begin <= at_ms < end for begin, end in stops)
        if held * price > 10 and not covered:
            began = at_ms if began is None else began
        elif began is not None:
            yield began, at_ms
            began = None
    if began is not None:
        yield began, now_ms


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
