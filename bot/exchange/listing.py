"""
What the embedded exchange lists: each market's grid, its order limits and the level its prices start from.

Knows nothing of candles, time or Binance's shapes.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from bot.core.errors import ConfigError


class Listing(Struct, frozen=True):
    """
    One market of the embedded exchange.

    Prices have `price_decimals` digits after the point and quantities `quantity_decimals`, so that a price as
    a float is always the nearest float to the decimal that goes over the wire.
    """

    symbol: str
    price_decimals: int
    quantity_decimals: int
    start_price: float
    min_notional: Decimal = Decimal(5)

    @property
    def base(self) -> str:
        """The asset that is bought and sold."""
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        """The asset that pays."""
        return self.symbol.partition("/")[2]

    @property
    def venue_symbol(self) -> str:
        """The name on the wire: `BTCUSDT` for `BTC/USDT`."""
        return self.base + self.quote

    @property
    def tick_size(self) -> Decimal:
        """Smallest step of a price."""
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot_step(self) -> Decimal:
        """Smallest step of a quantity."""
        return Decimal(1).scaleb(-self.quantity_decimals)


_LISTED: Final = {
    listing.symbol: listing
    for listing in (
        Listing("BTC/USDT", price_decimals=2, quantity_decimals=5, start_price=30_000.0),
        Listing("ETH/USDT", price_decimals=2, quantity_decimals=4, start_price=2_000.0),
        Listing("SOL/USDT", price_decimals=2, quantity_decimals=3, start_price=100.0),
        Listing("XRP/USDT", price_decimals=4, quantity_decimals=1, start_price=0.5),
    )
}


def listing_of(symbol: str) -> Listing:
    """
    Find the listing of `symbol`; a pair without one of its own gets the grid of a 100-unit coin.

    Raises:
        ConfigError: The symbol is not two upper-case assets with a slash between them.
    """
    base, slash, quote = symbol.partition("/")
    if not (slash and base.isalnum() and quote.isalnum() and symbol.isascii() and symbol == symbol.upper()):
        raise ConfigError(f"{symbol!r} is not a market: write two assets with a slash between them, as in BTC/USDT")
    return _LISTED.get(symbol) or Listing(symbol, price_decimals=3, quantity_decimals=3, start_price=100.0)
