"""
What happens at an exchange without the bot: a person's own doing with the account, and the venue's.

Everything is done inside the process, at the exchange's time, and told to whoever listens.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from bot.core.orders import BUY, Side
from bot.exchange.accounts import FeeSchedule
from bot.exchange.depth import Depth, Tick
from bot.exchange.order_rules import MaxNumAlgoOrders
from bot.exchange.orders import Kind, NewOrder, VenueOrder
from bot.exchange.requests import CancelOrder, OrderRef, Placed
from bot.exchange.traded_market import MarketStatus, TradedMarket
from bot.exchange.trading import TradingVenue
from tests.live_world import MAIN, MINUTE, SYMBOLS, Exchange

MARKETS = tuple(symbol.replace("/", "") for symbol in SYMBOLS)
DEEP = Depth()
NOBODY = Depth(levels=0)
THIN = Depth(levels=4, level_amount=Decimal(400))
"""A market that takes an order of ours in pieces, and not all of it."""

PIECES = Depth(levels=200, level_amount=Decimal(500))
"""A market that takes an order of ours in pieces."""

_DUST = 10


class Hand:
    """Acts on an exchange that runs."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._trading = exchange.server.trading

    def deposit(self, asset: str, amount: object) -> None:
        """Bring money in, or below 0 take it out."""
        with self._acting() as venue:
            venue.deposit(MAIN, asset, Decimal(str(amount)), self._exchange.now_ms)

    def held(self, asset: str) -> Decimal:
        """All that the account has of an asset."""
        balance = self._trading.venue.ledger.accounts[MAIN].balance(asset)
        return balance.free + balance.locked

    def has_bought(self, market: str) -> bool:
        """Whether more has been bought here than was sold since, but for dust."""
        trades = self._floor(market).floor.records.trades(MAIN, self._exchange.now_ms)
        bought = sum((one.quantity if one.side is BUY else -one.quantity for one in trades), Decimal(0))
        return bought * self.last(market) > _DUST

    def charge(self, fees: FeeSchedule) -> None:
        """Change what trading costs."""
        self._trading.venue.ledger.accounts[MAIN].fees = fees

    def place(self, market: str, side: Side, kind: Kind, quantity: object, **more: Any) -> Placed:
        """Place an order by hand, under an id of the exchange's own choice."""
        with self._acting(market) as venue:
            order = NewOrder(market, side, kind, Decimal(str(quantity)), **more)
            return venue.place(MAIN, order, self._exchange.now_ms)

    def cancel(self, order: VenueOrder, *, aloud: bool = True) -> None:
        """Cancel an order by hand; not aloud, nobody is told."""
        with self._acting(order.symbol, aloud=aloud) as venue:
            venue.cancel(MAIN, CancelOrder(OrderRef(order.symbol, order.order_id)), self._exchange.now_ms)

    def expire(self, order: VenueOrder) -> None:
        """Have the exchange cancel an order."""
        with self._acting(order.symbol) as venue:
            venue.expire(MAIN, OrderRef(order.symbol, order.order_id), self._exchange.now_ms)

    def quote(self, market: str, depth: Depth) -> None:
        """Change how deep a market is."""
        with self._acting(market):
            self._floor(market).floor.depth = depth
            self._requote(market, self.last(market))

    def gap(self, market: str, factor: float) -> None:
        """Have the price jump, over everything between, for one moment that no candle shows."""
        with self._acting(market):
            listing = self._floor(market).floor.listing
            price = self.last(market) * Decimal(str(factor)) // listing.tick_size * listing.tick_size
            self._requote(market, price)

    def set_status(self, market: str, status: MarketStatus) -> None:
        """Open or close a market."""
        with self._acting(market):
            self._floor(market).status = status
            self._requote(market, self.last(market))

    def limit_stops(self, market: str, most: int) -> None:
        """Change how many stops may be open."""
        rules = self._floor(market).rules
        kept = tuple(rule for rule in rules.filters if not isinstance(rule, MaxNumAlgoOrders))
        self._floor(market).rules = replace(rules, filters=(*kept, MaxNumAlgoOrders(max_num_algo_orders=most)))

    def reset(self) -> None:
        """Have the venue begin anew."""
        self._trading.move()
        self._trading.reset()
        self._exchange.began_ms = self._exchange.now_ms

    def last(self, market: str) -> Decimal:
        """The last price."""
        return self._floor(market).last_price()

    def buy_some(self, market: str, amount: object) -> Placed:
        """Buy by hand, for about so much money."""
        with self._acting(market):
            listing = self._floor(market).floor.listing
            quantity = Decimal(str(amount)) / self.last(market) // listing.lot_step * listing.lot_step
        return self.place(market, BUY, Kind.MARKET, quantity)

    def open_stops(self, market: str | None = None) -> list[VenueOrder]:
        """The stops that are open now."""
        floors = [self._floor(one).floor for one in MARKETS if market in (None, one)]
        return [o for floor in floors for o in floor.open_orders(MAIN) if o.kind is Kind.STOP_LOSS]

    async def a_stop(self, market: str | None = None) -> VenueOrder:
        """Wait for a position that is protected, and return its stop."""
        await self.until(lambda: bool(self.open_stops(market)))
        return self.open_stops(market)[0]

    async def until(self, condition: Callable[[], bool], within_minutes: float = 30.0) -> None:
        """Wait for something to be so at the exchange."""
        async with asyncio.timeout(within_minutes * 60.0):
            while not condition():  # noqa: ASYNC110 - nobody is told of what the exchange does by itself
                await asyncio.sleep(0.5)

    async def minutes(self, count: float) -> None:
        """Let time pass."""
        await asyncio.sleep(count * MINUTE / 1_000)

    def _floor(self, market: str) -> TradedMarket:
        return self._trading.venue.market(market)

    def _requote(self, market: str, price: Decimal) -> None:
        self._trading.venue.move(market, Tick(self._exchange.now_ms, price, gap=True))

    @contextmanager
    def _acting(self, market: str | None = None, *, aloud: bool = True) -> Iterator[TradingVenue]:
        self._trading.move(() if market is None else [market])
        yield self._trading.venue
        if not aloud:
            self._trading.venue.drain()
        self._trading.tell()
