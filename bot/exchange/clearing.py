"""
What a trade, an order that comes and an order that ends do to balances, in one market.

Between the floor, which knows who trades, and the ledger, which knows what everybody has.
"""

from decimal import Decimal

from bot.core.orders import BUY, Side
from bot.exchange.accounts import Ledger, Leg
from bot.exchange.listing import Listing
from bot.exchange.orders import ZERO, Trade, VenueOrder


class Clearing:
    """
    Books the trades of one market.

    Args:
        listing: What is traded.
        ledger: The balances.
    """

    def __init__(self, listing: Listing, ledger: Ledger) -> None:
        self._listing = listing
        self._ledger = ledger
        self._trade_count = 0

    def pays_with(self, side: Side) -> str:
        """The asset that a side gives."""
        return self._listing.quote if side is BUY else self._listing.base

    def hold(self, order: VenueOrder, amount: Decimal) -> None:
        """Set an amount aside for an order. Raises `Refusal` where there is less."""
        self._ledger.lock(order.account, self.pays_with(order.side), amount)

    def release(self, order: VenueOrder, amount: Decimal) -> None:
        """Make an amount free again that was set aside for an order."""
        if amount:
            self._ledger.unlock(order.account, self.pays_with(order.side), amount)

    def affordable(self, order: VenueOrder, price: Decimal) -> Decimal:
        """How much of it an order can pay for at a price: all, unless it buys and has set nothing aside."""
        if order.reserve or order.side is not BUY:
            return order.remaining
        step = self._listing.lot_step
        return self._ledger.free(order.account, self._listing.quote) / price // step * step

    def trade(
        self, taker: VenueOrder | Side, maker: VenueOrder | Side, price: Decimal, quantity: Decimal, now_ms: int
    ) -> tuple[Trade | None, Trade | None]:
        """
        Book a trade of two orders, or of an order with the street, for which its side stands.

        Returns:
            What the taker and the maker have to show for it; nothing for the street.
        """
        self._trade_count += 1
        return (
            self._book(taker, price, quantity, now_ms, is_maker=False),
            self._book(maker, price, quantity, now_ms, is_maker=True),
        )

    def _book(
        self, party: VenueOrder | Side, price: Decimal, quantity: Decimal, now_ms: int, *, is_maker: bool
    ) -> Trade | None:
        base, quote = self._listing.base, self._listing.quote
        if isinstance(party, Side):
            self._ledger.settle_street(Leg(base, quote, party, quantity, price, is_maker, ZERO))
            return None
        leg = Leg(base, quote, party.side, quantity, price, is_maker, party.reserve * quantity)
        commission = self._ledger.settle(party.account, leg)
        return Trade(
            account=party.account,
            symbol=party.symbol,
            trade_id=self._trade_count,
            order_id=party.order_id,
            list_id=party.list_id,
            side=party.side,
            price=price,
            quantity=quantity,
            commission=commission.amount,
            commission_asset=commission.asset,
            is_maker=is_maker,
            time_ms=now_ms,
        )
