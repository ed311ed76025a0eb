"""What a run's model forecast, read from the run's journal, beside the candles that it forecast from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.adapters.candle_series import CandleSeries
from bot.adapters.journal_reader import read_run
from bot.core.errors import ConfigError, DataError
from bot.core.events import CandleClosed, ForecastReady
from bot.core.forecast import Forecast


def recorded_forecasts(
    run: Path, fingerprint: str, series: Sequence[CandleSeries]
) -> Mapping[str, Mapping[int, Forecast]]:
    """
    Read what a run forecast.

    Args:
        run: Its folder.
        fingerprint: The model that it must have used.
        series: Stored candles of its markets, which must be the run's own where both know a candle.

    Returns:
        By market, forecasts by the close that they were made at.

    Raises:
        ConfigError: The run used another model.
        DataError: A stored candle closes elsewhere than it did in the run.
        JournalError: The journal cannot be read.
    """
    record = read_run(run)
    used = record.header.fingerprints.get("bundle", "none")
    if used != fingerprint:
        raise ConfigError(f"the run in {run} used model {used[:12]}, in use is {fingerprint[:12]}: name a run of that")
    closes = {one.symbol: dict(zip(one.open_time_ms.tolist(), one.ohlcv[:, 3].tolist(), strict=True)) for one in series}
    said: dict[str, dict[int, Forecast]] = {}
    for entry in record.records():
        if isinstance(entry, ForecastReady):
            for forecast in entry.forecasts:
                said.setdefault(forecast.symbol, {})[entry.close_time_ms] = forecast
        elif isinstance(entry, CandleClosed) and not entry.candle.filled:
            candle = entry.candle
            stored = closes.get(entry.symbol, {}).get(candle.open_time_ms, candle.close)
            if stored != candle.close:
                raise DataError(
                    f"the run saw {entry.symbol} of {candle.open_time_ms} close at {candle.close}, the stored candle "
                    f"closes at {stored}: give the candles of the market that the run traded"
                )
    return said
