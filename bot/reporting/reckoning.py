"""
How a result came to be: what the trading made before its costs, what each cost took, and what was left.

Up to the last mark, which is where the result is known. Knows nothing of forecasts, and words nothing.
"""

from msgspec import Struct

from bot.reporting.columns import RunColumns
from bot.reporting.metrics import round_trip_bps
from bot.reporting.trips import traded_amounts


class Reckoning(Struct, frozen=True):
    """
    From `before_costs` by way of `fees`, `spread` and `slippage` to the `result`, in quote currency.

    Attributes:
        before_costs: What the trading would have made at the reference prices of its fills. At a venue the reference is
            the market's price when an order is sent, or the price at which it rests.
        fees: Fees of the fills up to the last mark.
        spread: Half spreads; at a venue they are a part of the slippage, since nobody can tell them apart.
        slippage: What the fills were worse than their references by, the spread apart; below zero where they were
            better. At a venue it holds what the market did while an order was on its way.
        result: Equity at the last mark less the budget.
        traded: Amount of the fills up to the last mark, both sides.
        later_fills: Fills after the last mark, which are in no figure of these.
        later_fees: Their fees.
    """

    before_costs: float
    fees: float
    spread: float
    slippage: float
    result: float
    traded: float
    later_fills: int
    later_fees: float

    @property
    def break_even_bps(self) -> float:
        """The cost of a round trip at which the result would have been zero; negative where free trading lost too."""
        return self.bps(self.before_costs)

    @property
    def paid(self) -> tuple[tuple[str, float], ...]:
        """Each cost by its name; what was not paid is left out."""
        named = (("fees", self.fees), ("spread", self.spread), ("slippage", max(self.slippage, 0.0)))
        return tuple((name, amount) for name, amount in named if amount)

    @property
    def luck(self) -> float:
        """What fills were better than their references by: no cost, and nothing to be counted on."""
        return max(-self.slippage, 0.0)

    @property
    def paid_bps(self) -> float:
        """
        What a round trip has cost.

        Luck apart, the result is a gain where, and only where, the break-even is higher.
        """
        return self.bps(sum(amount for _, amount in self.paid))

    def bps(self, amount: float) -> float:
        """An amount in basis points of a round trip."""
        return round_trip_bps(amount, self.traded)


def reckon(columns: RunColumns) -> Reckoning | None:
    """Reckon a run up; None where nothing was traded before the last mark."""
    instruments = {instrument.symbol: instrument for instrument in columns.header.instruments}
    marked = traded_amounts(columns.fills[: columns.fills_marked], instruments)
    later = columns.fills[columns.fills_marked :]
    if not marked.traded or not len(columns.account.equity):
        return None
    result = float(columns.account.equity[-1]) - float(columns.header.budget)
    return Reckoning(
        before_costs=result + float(marked.costs),
        fees=float(marked.fees),
        spread=float(marked.spread),
        slippage=float(marked.slippage),
        result=result,
        traded=float(marked.traded),
        later_fills=len(later),
        later_fees=float(traded_amounts(later, instruments).fees),
    )
