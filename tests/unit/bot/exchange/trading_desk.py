"""A small exchange at a price of 100, with two customers, and words to give it orders."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from bot.core.orders import BUY, SELL, Side
from bot.exchange.accounts import Account, FeeSchedule
from bot.exchange.depth import Depth, Tick
from bot.exchange.listing import Listing
from bot.exchange.order_lists import NewOco
from bot.exchange.order_rules import MarketRules
from bot.exchange.orders import Kind, NewOrder, VenueOrder
from bot.exchange.requests import CancelOrder, OrderRef, Placed
from bot.exchange.trading import TradingVenue
from bot.exchange.weights import Limits
from bot.exchange.wire import Refusal

ALICE = "alice"
BOB = "bob"
COIN = "COINUSDT"
LISTING = Listing("COIN/USDT", price_decimals=2, quantity_decimals=3, start_price=100.0)
THIN = Depth(half_spread_bps=Decimal(10), step_bps=Decimal(10), levels=3, level_amount=Decimal(1_000))
"""About ten coins at each of 100.10, 100.20 and 100.30, and at 99.90, 99.80 and 99.70."""


def d(text: str | int) -> Decimal:
    return Decimal(text)


class Desk:
    """A venue and its clock: every command comes a second after the one before."""

    def __init__(
        self,
        depth: Depth = THIN,
        funds: Mapping[str, Decimal] | None = None,
        fees: FeeSchedule | None = None,
        limits: Limits | None = None,
        rules: MarketRules | None = None,
    ) -> None:
        brought = {"COIN": d(100), "USDT": d(100_000)} if funds is None else funds
        accounts = [Account(ALICE, brought, fees), Account(BOB, brought, fees, uid=2)]
        own = None if rules is None else {COIN: rules}
        self.venue = TradingVenue([LISTING], accounts, 0, depth, limits, own)
        self.now_ms = 0
        self.price("100")

    def tick(self) -> int:
        self.now_ms += 1_000
        return self.now_ms

    def price(self, price: str, *, gap: bool = False) -> None:
        self.venue.move(COIN, Tick(self.tick(), d(price), gap=gap))

    def place(self, order: NewOrder, account: str = ALICE) -> Placed:
        return self.venue.place(account, order, self.tick())

    def place_pair(self, oco: NewOco) -> tuple[VenueOrder, VenueOrder]:
        """The order below and the order above."""
        pair = self.venue.place_pair(ALICE, oco, self.tick())
        below, above = pair.order_ids
        return self.order(below), self.order(above)

    def cancel(self, order_id: int, **options: Any) -> VenueOrder:
        done = self.venue.cancel(ALICE, CancelOrder(OrderRef(COIN, order_id), **options), self.tick())
        return done.orders[0]

    def order(self, order_id: int, account: str = ALICE) -> VenueOrder:
        return self.venue.inquiries.order(account, OrderRef(COIN, order_id), self.now_ms)

    def free(self, asset: str, account: str = ALICE) -> Decimal:
        return self.venue.ledger.accounts[account].balance(asset).free

    def locked(self, asset: str, account: str = ALICE) -> Decimal:
        return self.venue.ledger.accounts[account].balance(asset).locked


def order(side: Side, kind: Kind, quantity: str = "1", **more: Any) -> NewOrder:
    return NewOrder(COIN, side, kind, d(quantity), **more)


def limit(side: Side, price: str, quantity: str = "1", **more: Any) -> NewOrder:
    return order(side, Kind.LIMIT, quantity, price=d(price), **more)


def stop(side: Side, stop_price: str, quantity: str = "1", price: str | None = None) -> NewOrder:
    if price is None:
        return order(side, Kind.STOP_LOSS, quantity, stop_price=d(stop_price))
    return order(side, Kind.STOP_LOSS_LIMIT, quantity, stop_price=d(stop_price), price=d(price))


def sell_pair(above: str = "105", below: str = "95", quantity: str = "1") -> NewOco:
    return NewOco(order(SELL, Kind.LIMIT_MAKER, quantity, price=d(above)), stop(SELL, below, quantity))


def buy_pair(above: str = "105", below: str = "95", quantity: str = "1") -> NewOco:
    return NewOco(stop(BUY, above, quantity), order(BUY, Kind.LIMIT_MAKER, quantity, price=d(below)))


@contextmanager
def refused(code: int, text: str, status: int = 400) -> Iterator[None]:
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.body == {"code": code, "msg": text}
    assert caught.value.status == status


def market(side, quantity: str = "1", **more) -> NewOrder:
    return order(side, Kind.MARKET, quantity, **more)


def for_amount(side, amount: str) -> NewOrder:
    return NewOrder(COIN, side, Kind.MARKET, quote_quantity=d(amount))
