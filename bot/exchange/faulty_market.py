"""A market in which nobody trades for a while, by the plan. What it gives is the truth of the exchange."""

from bot.core.market import Candle, Timeframe
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.faults import NoTrades
from bot.exchange.listing import Listing
from bot.exchange.occasions import Occasion
from bot.exchange.venue import Market


class FaultyMarket:
    """A `Market` whose bars are flat, or not there, while a `NoTrades` rule covers their open times."""

    def __init__(self, market: Market, plan: FaultPlan) -> None:
        self._market = market
        self._plan = plan
        self._told: set[int] = set()

    @property
    def listing(self) -> Listing:
        """The market's own."""
        return self._market.listing

    @property
    def symbol(self) -> str:
        """The market's own."""
        return self._market.symbol

    @property
    def timeframe(self) -> Timeframe:
        """The market's own."""
        return self._market.timeframe

    @property
    def begin_ms(self) -> int:
        """The market's own."""
        return self._market.begin_ms

    @property
    def end_ms(self) -> int | None:
        """The market's own."""
        return self._market.end_ms

    def at(self, open_ms: int) -> Candle | None:
        """The candle that opens at `open_ms`, as it is under the rules of now."""
        rule = self._quiet(open_ms)
        if rule is None or self._market.at(open_ms) is None:
            return self._market.at(open_ms)
        if open_ms not in self._told:
            self._told.add(open_ms)
            self._plan.log.strike(rule, Occasion(open_ms, symbol=self.listing.venue_symbol))
        return self._flat(open_ms) if rule.shown else None

    def toss(self, open_ms: int) -> float:
        """The market's own."""
        return self._market.toss(open_ms)

    def _quiet(self, open_ms: int) -> NoTrades | None:
        covering = self._plan.covering(NoTrades, Occasion(open_ms, symbol=self.listing.venue_symbol))
        return covering[0] if covering else None

    def _flat(self, open_ms: int) -> Candle | None:
        """A bar without volume at the close of the last one that traded."""
        step = self.timeframe.ms
        before_ms = open_ms - step
        while self._quiet(before_ms):
            before_ms -= step
        last = self._market.at(before_ms)
        return last and Candle(open_ms, last.close, last.close, last.close, last.close, 0.0)
