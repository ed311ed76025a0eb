"""The same signals in backtesting.py, where it is installed: a well-known engine as a yardstick."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from bot.bench.replay_speed import Row


def backtesting_py(rows: Sequence[Row], turns: Sequence[float]) -> float:
    """
    Seconds that backtesting.py needs: long while the signal is up, fills at the next open, a fee, one stop.

    It keeps no journal, has no risk desk and asks for no forecasts.
    """
    import pandas as pd
    from backtesting import Backtest, Strategy

    frame = pd.DataFrame(
        [row[1:] for row in rows],
        columns=["Open", "High", "Low", "Close", "Volume"],
        index=pd.to_datetime([row[0] for row in rows], unit="ms"),
    )

    class Follow(Strategy):  # type: ignore[misc]
        """Long while the signal is up."""

        def init(self) -> None:
            self.at = 0

        def next(self) -> None:
            move = turns[len(self.data) - 1]
            if move > 0 and not self.position:
                self.buy(size=0.1, sl=float(self.data.Close[-1]) * 0.994)
            elif move < 0 and self.position:
                self.position.close()

    test: Any = Backtest(frame, Follow, cash=1_000_000_000, commission=0.001)
    began = perf_counter()
    test.run()
    return perf_counter() - began
