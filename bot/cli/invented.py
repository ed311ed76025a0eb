"""Invented markets for whoever needs one to prove something by: the embedded exchange's, without its server."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bot.core.gaps import Segment
    from bot.core.market import Timeframe

_SYMBOL: Final = "BTC/USDT"


def invented_market(timeframe: "Timeframe", rho: float, seed: int, count: int) -> "Segment":
    """Candles of an invented market without jumps, which would hide what was planted."""
    import numpy as np

    from bot.core.gaps import Segment
    from bot.exchange.market import MarketModel, SeededMarket

    made = SeededMarket(seed, _SYMBOL, timeframe, MarketModel(planted_rho=rho, jump_chance=0.0)).candles(count)
    ohlcv = np.column_stack((made.open, made.high, made.low, made.close, made.volume))
    return Segment(made.open_time_ms, ohlcv, np.zeros(count, dtype=np.bool_))
