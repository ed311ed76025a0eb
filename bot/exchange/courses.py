"""
How the prices of a trading venue are brought to the present, market by market.

A market in which somebody has an order is moved through every price on the way; the others are left alone until
somebody asks, and then only shown what their average price needs. Knows nothing of requests and clocks.
"""

from collections.abc import Iterable, Mapping

from bot.core.market import MINUTE_MS
from bot.exchange.price_path import PricePath
from bot.exchange.traded_market import TradedMarket
from bot.exchange.trading import TradingVenue
from bot.exchange.venue import Market


class Courses:
    """
    The prices of every market of a venue.

    Args:
        markets: Where the candles come from, by symbol on the wire.
        from_ms: From when on.
    """

    def __init__(self, markets: Mapping[str, Market], from_ms: int) -> None:
        self._courses = {symbol: _Course(symbol, market, from_ms) for symbol, market in markets.items()}

    def bring(self, venue: TradingVenue, now_ms: int, asked: Iterable[str] = ()) -> None:
        """
        Move every market to `now_ms` in which there are orders, and those that are asked for.

        Args:
            venue: Whose markets they are.
            now_ms: The exchange's time; a time that has been moves nothing.
            asked: Symbols on the wire; unknown ones are nobody's.
        """
        wanted = frozenset(asked)
        accounts = venue.ledger.accounts
        for symbol, course in self._courses.items():
            market = venue.markets[symbol]
            is_busy = any(next(market.floor.open_orders(name), None) for name in accounts)
            if is_busy or symbol in wanted:
                course.bring(venue, market, now_ms, is_busy=is_busy)


class _Course:
    """The price of one market, and how far it has come."""

    def __init__(self, symbol: str, market: Market, from_ms: int) -> None:
        self._symbol = symbol
        self._market = {symbol: market}
        self._reached_ms = from_ms
        self._path = PricePath(self._market, from_ms)

    def bring(self, venue: TradingVenue, market: TradedMarket, now_ms: int, *, is_busy: bool) -> None:
        recent_ms = now_ms - market.floor.prints.minutes * MINUTE_MS
        if not is_busy and self._reached_ms < recent_ms:
            # Nobody was there to see the prices before: they leave no trace.
            self._path = PricePath(self._market, recent_ms)
        self._reached_ms = max(self._reached_ms, now_ms)
        for _, tick in self._path.until(now_ms):
            venue.move(self._symbol, tick)
