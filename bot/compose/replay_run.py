"""Recorded candles wired into a run."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from bot.adapters.candle_files import read_candles
from bot.adapters.clock import SystemClock
from bot.adapters.no_model import NoModel
from bot.adapters.replay_feed import ReplayFeed
from bot.compose.asked import asked_settings, one_timeframe
from bot.compose.parts import instrument, needed_forecaster, paper_broker
from bot.compose.run import Opened, open_run, plan
from bot.core.errors import ConfigError, DataError
from bot.core.gaps import segments
from bot.core.market import Timeframe
from bot.core.ports import Forecaster
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints, begin_session, replay
from strategies.forecasting.features import SHIPPED

if TYPE_CHECKING:
    from bot.adapters.candle_series import CandleSeries
    from strategies.forecasting.serving import BundleForecaster

_FINDINGS_SHOWN: Final = 5

Progress = Callable[[int, int], None]


class ReplayRequest(Struct, frozen=True):
    """What a replay was asked to do; the names are those of the command line."""

    files: tuple[Path, ...]
    out: Path
    symbol: str | None = None
    timeframe: str | None = None
    bundle: Path | None = None
    runtime: str = "onnx"
    strategy: str = "forecast"
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    from_date: str | None = None
    until_date: str | None = None
    cash: str | None = None


class ReplayRun:
    """
    A replay that is ready to start.

    Raises:
        CandlewickError: Candles, settings, model or folder are not what they should be.
    """

    def __init__(self, request: ReplayRequest) -> None:
        loaded = asked_settings(request.profile, request.overrides, request.cash)
        from_ms, until_ms = date_ms(request.from_date, "--from"), date_ms(request.until_date, "--until")
        _require_span(from_ms, until_ms)
        series = _in_order(
            read_candles(
                request.files,
                symbol=request.symbol,
                timeframe=request.timeframe,
                until_ms=until_ms,
                now_ms=SystemClock().now_ms(),
            )
        )
        self.findings = _findings(series)
        timeframe = one_timeframe(series)
        started_ms = _start_ms(series, from_ms)
        bundle, model = needed_forecaster(request.strategy, loaded.settings, request.bundle, request.runtime)
        header = plan(
            loaded,
            [instrument(one.symbol, loaded.settings, "recorded", first_price=float(one.ohlcv[0, 0])) for one in series],
            timeframe,
            strategy=request.strategy,
            bundle=bundle,
            started_ms=started_ms,
            inputs={"candles": ",".join(one.fingerprint for one in series), "runtime": request.runtime},
            labels={
                "market": "recorded candles of " + ", ".join(path.name for path in request.files),
                "profile": request.profile or "cautious",
                "signal_venue": "recorded",
            },
        )
        opened = open_run(request.out, header, synchronous="OFF")
        self._opened = opened
        self._feed = ReplayFeed(series)
        self._checkpoints = Checkpoints(opened.engine, opened.journal, loaded.settings.journal.snapshot_events)
        self._broker = paper_broker(opened.header)
        self._model_name = model.name if model else None
        self._pump = Pump(
            opened.engine,
            opened.journal,
            self._broker,
            history_forecaster(model, series, timeframe) if model else NoModel(),
            backfill=self._feed.backfill,
            measures_latency=False,
        )
        self._started_ms = started_ms

    @property
    def candles_left(self) -> int:
        """How many candles are still to be played."""
        return self._feed.count(self._begin_ms())

    @property
    def opened(self) -> Opened:
        """The run's journal and engine."""
        return self._opened

    def play(self, progress: Progress) -> None:
        """Play every candle that is left, then mark the run finished."""
        journal = self._opened.journal
        spare_collector()
        try:
            begin_session(self._pump, min(self._begin_ms().values()), self._model_name)
            replay(self._pump, self._broker, self._feed.instants(self._begin_ms()), self._checkpoints, progress)
            self._checkpoints.write()
            journal.finish()
        finally:
            journal.close()

    def _begin_ms(self) -> dict[str, int]:
        # Where each market goes on: after what the journal holds, and after what history has answered since.
        next_open_ms = self._opened.engine.next_open_ms
        return {symbol: max(next_open_ms(symbol), self._started_ms) for symbol in self._feed.symbols}


def history_forecaster(model: "BundleForecaster", series: "Sequence[CandleSeries]", timeframe: Timeframe) -> Forecaster:
    """The model's answers for candles that are known beforehand, in batches."""
    from strategies.forecasting.feature_matrix import feature_matrix
    from strategies.forecasting.history_forecaster import FeatureHistory, HistoryForecaster

    histories = {
        one.symbol: [
            FeatureHistory(part.open_time_ms, feature_matrix(SHIPPED, part.open_time_ms, part.ohlcv))
            for part in segments(one.open_time_ms, one.ohlcv, timeframe)
        ]
        for one in series
    }
    return HistoryForecaster(model, histories, timeframe.ms)


def date_ms(text: str | None, option: str) -> int | None:
    """
    Milliseconds of a date in UTC.

    Raises:
        ConfigError: It is not a date.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text} is not a date: write it as 2024-06-01 or 2024-06-01T12:00") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _in_order(series: "Sequence[CandleSeries]") -> "tuple[CandleSeries, ...]":
    # By name: who gets the cash of an instant must not depend on which file was named first.
    return tuple(sorted(series, key=lambda one: one.symbol))


def _require_span(from_ms: int | None, until_ms: int | None) -> None:
    if from_ms is not None and until_ms is not None and until_ms <= from_ms:
        raise ConfigError("--until must be after --from: nothing lies between them")


def _start_ms(series: "Sequence[CandleSeries]", from_ms: int | None) -> int:
    first = min(int(one.open_time_ms[0]) for one in series)
    last = max(int(one.open_time_ms[-1]) for one in series)
    if from_ms is not None and from_ms > last:
        day = datetime.fromtimestamp(last / 1000, UTC).date()
        raise DataError(f"the candles end on {day}, before --from")
    length = series[0].timeframe.ms
    wanted = first if from_ms is None else max(first, from_ms)
    return int(np.ceil(wanted / length)) * length


def _findings(series: "Sequence[CandleSeries]") -> list[str]:
    # What was mended or missing, in words; a clean file has nothing to say.
    said = [one for one in series if one.report.findings or one.report.duplicates_removed or one.report.was_unsorted]
    words = [f"{one.symbol}: {one.report.summary()}" for one in said[:_FINDINGS_SHOWN]]
    more = len(said) - len(words)
    return words + ([f"and {more} more markets with something to mend or report"] if more else [])
