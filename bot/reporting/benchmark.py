"""
What doing nothing clever would have made: the markets of the run, bought once and held.

Knows candles and costs of a run; nothing of its orders.
"""

import numpy as np

from bot.core.market import Instrument
from bot.reporting.columns import Floats, RunColumns, Times
from bot.reporting.metrics import bought_and_held


def buy_and_hold(columns: RunColumns, at_ms: Times) -> Floats | None:
    """
    Worth of one unit of money, split equally over the markets, at each of these times.

    Each market is bought at its first close in the run, at its taker fee, half spread and slippage, and valued at its
    last close at or before the time. Until its first close its share is cash.

    Args:
        columns: The run.
        at_ms: `(n,)`, rising.

    Returns:
        `(n,)`, or None where no market has a candle.
    """
    costs = {instrument.symbol: _purchase_cost_frac(instrument) for instrument in columns.header.instruments}
    traded = [market for market in columns.markets if len(market.candles)]
    if not traded:
        return None
    worth = np.zeros(len(at_ms))
    for market in traded:
        close_ms = market.candles.open_ms + columns.timeframe.ms
        last_close = np.searchsorted(close_ms, at_ms, side="right") - 1
        held = bought_and_held(market.candles.close, costs[market.symbol])
        worth += np.where(last_close >= 0, held[np.maximum(last_close, 0)], 1.0) / len(traded)
    return worth


def _purchase_cost_frac(instrument: Instrument) -> float:
    return instrument.costs.round_trip_bps / 2.0 / 1e4
