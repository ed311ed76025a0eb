"""What really happened in a market: the closed candles against which a bot's are compared."""

from bot.core.market import Candle
from bot.exchange.venue import Venue


def closed_candles(venue: Venue, name: str, from_ms: int, until_ms: int) -> list[Candle]:
    """
    The candles of a market that opened at `from_ms` or later and closed by `until_ms`, in order.

    Args:
        venue: Where the market is.
        name: The market as the wire names it.
        from_ms: Market time; `until_ms` likewise.
        until_ms: Nothing that closes later is told.
    """
    market, step = venue.markets[name], venue.timeframe.ms
    first_ms = max(market.begin_ms, -(-from_ms // step) * step)
    if market.end_ms is not None:
        until_ms = min(until_ms, market.end_ms)
    found = (market.at(open_ms) for open_ms in range(first_ms, until_ms - step + 1, step))
    return [candle for candle in found if candle is not None]
