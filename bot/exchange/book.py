"""
The order book of one market: the better price first, at one price the earlier order first.

Holds quantities and whose they are, and knows nothing of order types, balances or time: who comes first is who was
added first. An order that is partly filled keeps its place.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.core.orders import BUY, SELL, Side
from bot.exchange.orders import ZERO

STREET: Final = ""
"""The owner of what is nobody's account: the market that was there before anyone came."""


class Resting(Struct, frozen=True):
    """A quantity that waits to be taken, of an order with a number and an owner."""

    order_id: int
    owner: str
    price: Decimal
    quantity: Decimal


class Sweep(Struct, frozen=True):
    """What a taker would get: quantity in base, the amount in quote, and whether the book was emptied on the way."""

    quantity: Decimal
    amount: Decimal
    exhausted: bool


class _Half:
    """One side of the book. `sign` makes the best price the smallest key: 1 for asks, -1 for bids."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, dict[int, Resting]] = {}

    def add(self, resting: Resting) -> None:
        level = self._levels.get(resting.price)
        if level is None:
            level = self._levels[resting.price] = {}
            insort(self._keys, self._sign * resting.price)
        level[resting.order_id] = resting

    def put_back(self, resting: Resting) -> None:
        """Change an order in its place: a dictionary keeps the place of a key that it has."""
        self._levels[resting.price][resting.order_id] = resting

    def remove(self, resting: Resting) -> None:
        level = self._levels[resting.price]
        del level[resting.order_id]
        if not level:
            del self._levels[resting.price]
            del self._keys[bisect_left(self._keys, self._sign * resting.price)]

    def levels(self) -> Iterator[tuple[Decimal, list[Resting]]]:
        for key in self._keys:
            level = self._levels[self._sign * key]
            yield next(iter(level.values())).price, list(level.values())

    def best(self) -> Resting | None:
        if not self._keys:
            return None
        return next(iter(self._levels[self._sign * self._keys[0]].values()))


class Book:
    """Buys and sells that rest at a price."""

    def __init__(self) -> None:
        self._halves: dict[Side, _Half] = {BUY: _Half(-1), SELL: _Half(1)}
        self._where: dict[int, tuple[Side, Resting]] = {}

    def __contains__(self, order_id: int) -> bool:
        return order_id in self._where

    def add(self, side: Side, resting: Resting) -> None:
        """Let an order rest behind those of its price."""
        if resting.order_id in self._where:
            raise ValueError(f"order {resting.order_id} rests already")
        self._halves[side].add(resting)
        self._where[resting.order_id] = (side, resting)

    def remove(self, order_id: int) -> None:
        """Take an order out of the book."""
        side, resting = self._where.pop(order_id)
        self._halves[side].remove(resting)

    def take(self, order_id: int, quantity: Decimal) -> None:
        """Trade `quantity` of an order: it keeps its place, or leaves the book when nothing is left of it."""
        side, resting = self._where[order_id]
        left = resting.quantity - quantity
        if left < 0:
            raise ValueError(f"order {order_id} has {resting.quantity}, not {quantity}")
        if left == 0:
            self.remove(order_id)
            return
        rest = Resting(order_id, resting.owner, resting.price, left)
        self._where[order_id] = (side, rest)
        self._halves[side].put_back(rest)

    def best(self, side: Side) -> Resting | None:
        """Who is served first on a side."""
        return self._halves[side].best()

    def queue(self, side: Side) -> Iterator[Resting]:
        """Everybody on a side, in the order in which they are served."""
        for _, level in self._halves[side].levels():
            yield from level

    def depth(self, side: Side, levels: int) -> list[tuple[Decimal, Decimal]]:
        """The best `levels` prices of a side, with the quantity at each."""
        half = self._halves[side].levels()
        return [(price, _total(level)) for (price, level), _ in zip(half, range(levels), strict=False)]

    def sweep(
        self,
        taker: Side,
        quantity: Decimal,
        limit: Decimal | None = None,
        without: str | None = None,
        before: str | None = None,
    ) -> Sweep:
        """
        What a taker of `quantity` would get up to the price `limit`, without trading.

        Args:
            taker: The side that takes.
            quantity: In base.
            limit: The worst price it would accept, None for any.
            without: An owner whose orders do not count.
            before: An owner at whose first order it ends.
        """
        taken, amount = ZERO, ZERO
        for resting in self._offers(taker, limit, without):
            if resting.owner == before:
                break
            part = min(quantity - taken, resting.quantity)
            taken, amount = taken + part, amount + part * resting.price
            if taken == quantity:
                return Sweep(taken, amount, exhausted=False)
        return Sweep(taken, amount, exhausted=True)

    def sweep_amount(self, taker: Side, wanted: Decimal, lot_step: Decimal, without: str | None = None) -> Sweep:
        """The largest quantity in whole lots that trades for not more than the amount `wanted`, in quote."""
        taken, amount = ZERO, ZERO
        for resting in self._offers(taker, None, without):
            lots = (wanted - amount) / resting.price // lot_step * lot_step
            part = min(lots, resting.quantity)
            taken, amount = taken + part, amount + part * resting.price
            if part < resting.quantity:
                return Sweep(taken, amount, exhausted=False)
        return Sweep(taken, amount, exhausted=amount < wanted)

    def _offers(self, taker: Side, limit: Decimal | None, without: str | None) -> Iterator[Resting]:
        for resting in self.queue(SELL if taker is BUY else BUY):
            if limit is not None and (resting.price > limit if taker is BUY else resting.price < limit):
                return
            if without is None or resting.owner != without:
                yield resting


def _total(level: list[Resting]) -> Decimal:
    return sum((resting.quantity for resting in level), ZERO)
