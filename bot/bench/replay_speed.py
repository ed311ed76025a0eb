"""
How fast the full engine replays: candles and forecasts in, orders, stops, fills, marks and journal out.

Every part is the shipped one. A part is left out here and nowhere else, to see what it costs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bot.adapters.candle_series import CandleSeries
from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.adapters.paper_broker import PaperBroker
from bot.adapters.replay_feed import ReplayFeed
from bot.core.commands import Deed, Observation, RequestForecast, SubmitOrder
from bot.core.events import AnyEvent, ForecastReady, OrderFilled, RunStarted
from bot.core.forecast import Forecast
from bot.core.market import Costs, Instrument, Timeframe
from bot.core.orders import Purpose
from bot.core.ports import Forecaster, Record
from bot.core.window import FeatureSet
from bot.engine import watch
from bot.engine.engine import Engine
from bot.engine.state import EngineSettings
from bot.engine.watch import AccountWatch
from bot.pump import Pump, play_instant, spare_collector
from bot.replay import begin_session
from risk import gate
from risk.limits import RiskLimits, SizingMethod, StopKind
from strategies.forecast_following import ForecastFollowing
from strategies.signal import SignalRule

SYMBOL: Final = "BTC/USDT"
_ANY_MOVE: Final = SignalRule(cost_multiple=0.0, hysteresis_frac=0.0)
BUDGET: Final = Decimal(100_000)
_TIMEFRAME: Final = Timeframe.M1
_INSTRUMENT: Final = Instrument(
    SYMBOL, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5), Costs(), "bench", "bench"
)
_LIMITS: Final = RiskLimits(
    sizing=SizingMethod.FIXED_FRACTION,
    fraction=0.1,
    target_volatility=0.5,
    max_position_frac=0.2,
    max_exposure_frac=0.2,
    rebalance_band_frac=0.5,
    stop=StopKind.FIXED,
    stop_distance_frac=0.011,
    atr_multiple=3.0,
    cooldown_candles=3,
    daily_loss_frac=0.5,
    drawdown_frac=0.999,
    price_collar_frac=0.1,
    max_orders_per_day=100_000,
)


class Measured(Struct, frozen=True):
    """One replay: what it did, how long it took, and what it was."""

    name: str
    candles: int
    seconds: float
    fills: int
    stop_exits: int
    events_sha256: str

    @property
    def candles_per_second(self) -> float:
        """Candles of the whole run over its seconds."""
        return self.candles / self.seconds


class ArrayForecaster:
    """Forecasts from an array, one for each question: the model's place without the model's time."""

    name = "array"

    def __init__(self, expected_returns: NDArray[np.float64]) -> None:
        self._next = _forecasts(expected_returns).__next__

    def forecast(self, request: RequestForecast) -> ForecastReady:
        """The next forecast of the array."""
        return ForecastReady(request.close_time_ms, request.close_time_ms, (self._next(),))


def _forecasts(expected_returns: NDArray[np.float64]) -> Iterator[Forecast]:
    # A piece at a time, as a replay reads its candles and answers its forecasts.
    for start in range(0, len(expected_returns), 4096):
        for move in expected_returns[start : start + 4096].tolist():
            yield Forecast(SYMBOL, 0.6 if move > 0 else 0.4, move, move - 0.01, move + 0.01, abs(move) * 1e4)


class NoJournal:
    """Remembers nothing."""

    def append(self, event: AnyEvent) -> None:
        """Forget an event."""

    def record(self, deed: Deed) -> None:
        """Forget a deed."""

    def observe(self, observation: Observation) -> None:
        """Forget an observation."""

    def step_done(self) -> None:
        """Do nothing."""

    def keep(self) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""


def measure(
    name: str,
    series: CandleSeries,
    forecaster: Callable[[], Forecaster],
    *,
    features: FeatureSet | None = None,
    window: int = 1,
    rule: SignalRule = _ANY_MOVE,
    left_out: str = "",
) -> Measured:
    """
    Replay the candles once and time it, from the first candle to the last commit.

    Args:
        name: For the table.
        series: One-minute candles of `SYMBOL`.
        forecaster: Makes what answers for the model.
        features: The recurrence behind the windows, where the model reads them.
        window: Their length.
        rule: When a forecast is acted on; by default always.
        left_out: `journal`, `broker`, `risk` or `marks`; empty leaves nothing out.
    """
    settings = EngineSettings(_TIMEFRAME, _LIMITS, window, 3_000, 2_000, "bench000")
    with TemporaryDirectory() as folder, _without(left_out):
        decides = Engine([_INSTRUMENT], settings, ForecastFollowing(rule), features, BUDGET)
        begin_ms = int(series.open_time_ms[0])
        feed = ReplayFeed([series])
        header = RunStarted(begin_ms, "bench", "bench", {}, {}, (_INSTRUMENT,), _TIMEFRAME.value, BUDGET)
        journal = Journal.create(Path(folder), header, synchronous="OFF")
        record: Record = NoJournal() if left_out == "journal" else journal
        broker = PaperBroker({SYMBOL: _INSTRUMENT}, BUDGET, Decimal(1))
        answers = forecaster()
        pump = Pump(decides, record, broker, answers, backfill=feed.backfill, measures_latency=False)
        begin_session(pump, begin_ms, "array")
        spare_collector()
        began = perf_counter()
        for closed in feed.instants({SYMBOL: begin_ms}):
            play_instant(pump, broker, closed)
        record.commit()
        seconds = perf_counter() - began
        sha = "" if left_out else journal.events_sha256()
        journal.close()
        fills, stops = (0, 0) if left_out else _count(Path(folder))
    return Measured(name, len(series), seconds, fills, stops, sha)


def bare_loop(series: CandleSeries, turns: NDArray[np.float64]) -> float:
    """Seconds that plain Python takes to walk the same candles with the same signals: the floor of the language."""
    opens, closes, signals = series.ohlcv[:, 0].tolist(), series.ohlcv[:, 3].tolist(), turns.tolist()
    began = perf_counter()
    cash, held, previous = 1.0, 0.0, 0.0
    for opened, close, turn in zip(opens, closes, signals, strict=True):
        if previous > 0.0 and not held:
            held, cash = cash / opened * 0.999, 0.0
        elif previous < 0.0 and held:
            cash, held = held * opened * 0.999, 0.0
        previous = turn
        _equity = cash + held * close
    return perf_counter() - began


def _count(folder: Path) -> tuple[int, int]:
    stops: set[str] = set()
    fills = stopped = 0
    for one in read_run(folder).records():
        if isinstance(one, SubmitOrder) and one.approved.intent.purpose is Purpose.STOP:
            stops.add(one.approved.intent.client_order_id)
        elif isinstance(one, OrderFilled):
            fills += 1
            stopped += one.fill.client_order_id in stops
    return fills, stopped


_RULES: Final = ("_malformed", "_barred_by_state", "_bad_sell", "untimely", "bad_buy")


def _unmarked(watched: AccountWatch, *_: Any) -> None:
    # Equity is still needed to size orders: what is left out is the row, and what the breakers make of it.
    watched.equity = watched._books.equity()  # noqa: SLF001 - the benchmark alone takes the engine apart


def _nothing_wrong(*_: Any) -> None:
    return None


@contextmanager
def _without(part: str) -> Iterator[None]:
    match part:
        case "broker":
            with patch.object(PaperBroker, "is_met", lambda *_: False):
                yield
        case "risk":
            rules: dict[str, Any] = dict.fromkeys(_RULES, _nothing_wrong)
            with patch.multiple(gate, **rules), patch.object(watch, "observe", _nothing_wrong):
                yield
        case "marks":
            with patch.object(AccountWatch, "mark", _unmarked):
                yield
        case _:
            yield
