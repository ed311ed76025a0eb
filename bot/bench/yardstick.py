"""The same signals in backtesting.py, where it is installed: a well-known engine as a yardstick."""

import warnings
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.adapters.candle_series import CandleSeries


def backtesting_py(series: CandleSeries, turns: NDArray[np.float64]) -> float:
    """
    Seconds that backtesting.py needs: long while the signal is up, fills at the next open, a fee, one stop.

    It keeps no journal, has no risk desk and asks for no forecasts.
    """
    import pandas as pd
    from backtesting import Backtest, Strategy

    frame = pd.DataFrame(
        series.ohlcv,
        columns=["Open", "High", "Low", "Close", "Volume"],
        index=pd.to_datetime(series.open_time_ms, unit="ms"),
    )
    moves = turns.tolist()

    class Follow(Strategy):  # type: ignore[misc]
        """Long while the signal is up."""

        def init(self) -> None:
            self.at = 0

        def next(self) -> None:
            move = moves[len(self.data) - 1]
            if move > 0 and not self.position:
                self.buy(size=0.1, sl=float(self.data.Close[-1]) * 0.994)
            elif move < 0 and self.position:
                self.position.close()

    test: Any = Backtest(frame, Follow, cash=1_000_000_000, commission=0.001)
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a position that is open at the end is no matter here
        test.run()
    return perf_counter() - began
