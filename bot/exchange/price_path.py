"""
The way that prices take inside candles: from whole candles and the passing of time to the ticks of the venue.

The path is that of the klines which the exchange streams, so that an order trades at prices that were seen. Between
two candles the price jumps. Knows nothing of orders.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from bot.core.market import Candle
from bot.exchange.bar_path import LEGS, forming
from bot.exchange.depth import Tick
from bot.exchange.venue import Market


class PricePath:
    """
    The ticks of several markets, in the order of time.

    Args:
        markets: Where the candles come from, by symbol on the wire.
        from_ms: From when on.
    """

    def __init__(self, markets: Mapping[str, Market], from_ms: int) -> None:
        self._markets = markets
        self._reached_ms = from_ms
        self._begun: set[str] = set()

    def until(self, now_ms: int) -> list[tuple[str, Tick]]:
        """
        What happened since the last call, up to `now_ms` and with the price at that very time.

        Returns:
            Symbols and ticks, by time and then in the order of the markets; nothing for a time that has been.
        """
        if self._begun and now_ms <= self._reached_ms:
            return []
        found = [
            (symbol, tick) for symbol, market in self._markets.items() for tick in self._of(symbol, market, now_ms)
        ]
        self._reached_ms = now_ms
        return sorted(found, key=_time)

    def _of(self, symbol: str, market: Market, now_ms: int) -> Iterator[Tick]:
        step = market.timeframe.ms
        first_ms = max(market.begin_ms, self._reached_ms // step * step)
        for open_ms in range(first_ms, now_ms + 1, step):
            whole = market.at(open_ms)
            if whole is None:
                continue
            from_ms = max(self._reached_ms, open_ms)
            if from_ms == open_ms or symbol not in self._begun:
                self._begun.add(symbol)
                yield Tick(from_ms, price_at(market, whole, from_ms), gap=True)
            yield from ticks(market, whole, from_ms, min(now_ms, open_ms + step))


def ticks(market: Market, whole: Candle, from_ms: int, until_ms: int) -> Iterator[Tick]:
    """
    The turns that the price takes inside a candle after `from_ms`, and where it is at `until_ms`.

    The volume of the candle is spread evenly over its time.
    """
    step_ms = market.timeframe.ms
    turns_ms = [whole.open_time_ms + step_ms * leg // LEGS for leg in range(1, LEGS)]
    before_ms = from_ms
    for at_ms in (*(turn for turn in turns_ms if from_ms < turn < until_ms), until_ms):
        if at_ms > before_ms:
            share = whole.volume * (at_ms - before_ms) / step_ms
            volume = Decimal(repr(round(share, market.listing.quantity_decimals)))
            yield Tick(at_ms, price_at(market, whole, at_ms), volume)
        before_ms = at_ms


def price_at(market: Market, whole: Candle, at_ms: int) -> Decimal:
    """The price of a market inside one of its candles, as the klines show it; that of its close from then on."""
    elapsed_frac = (at_ms - whole.open_time_ms) / market.timeframe.ms
    if elapsed_frac >= 1.0:
        return Decimal(repr(whole.close))
    return Decimal(repr(forming(whole, elapsed_frac, market.listing, market.toss(whole.open_time_ms)).close))


def _time(found: tuple[str, Tick]) -> int:
    return found[1].at_ms
