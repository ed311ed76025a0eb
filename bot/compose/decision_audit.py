"""
A strategy put to the test inside the real engine: replayed under other futures, asked again, asked in another order.

The same pump, engine, risk desk and paper market as in every run; only the journal is a list in memory. Knows
nothing of how the candles came about.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.candle_series import CandleSeries, FileReport
from bot.adapters.no_model import NoModel
from bot.adapters.replay_feed import ReplayFeed
from bot.compose.parts import instrument, paper_broker
from bot.compose.replay_run import history_forecaster
from bot.compose.run import build_engine, plan
from bot.core.commands import Decided, Deed, Observation, SubmitOrder
from bot.core.events import AnyEvent
from bot.core.forecast import Forecast
from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.pump import Pump, play_instant
from bot.replay import begin_session, fire_timers
from config.loading import Loaded
from strategies.forecasting.audit import Check, MakeMarket, Seen, caught, unchanged, with_another_future
from strategies.forecasting.planted_leaks_strategies import CHANCE, FAULTS, FORESIGHT, MEMORY, RANGE, NextCloses, Spoil
from strategies.strategy import MarketView, Signal, Strategy

if TYPE_CHECKING:
    from strategies.forecasting.bundle import Bundle
    from strategies.forecasting.serving import BundleForecaster

SYMBOLS: Final = ("BTC/USDT", "ETH/USDT")
CANDLES: Final = 1_700
"""Of each market: warm-up and window of the shipped features, and a thousand decisions."""

_CUTS: Final = (0.55, 0.75, 0.95)
"""Where the futures part, as shares of the candles."""
_SEED: Final = 19


class Trader(Struct, frozen=True, eq=False):
    """
    A strategy, and what it trades with.

    `fresh` makes a new one. `bundle` and `model` are given where it needs forecasts, `spoil` where a fault is planted.
    """

    name: str
    fresh: Callable[[], Strategy]
    loaded: Loaded
    timeframe: Timeframe
    bundle: "Bundle | None" = None
    model: "BundleForecaster | None" = None
    spoil: Spoil | None = None

    def strategy(self, candles: Sequence[Segment]) -> Strategy:
        """A strategy that has not been asked anything; only a fault that is planted around it sees the candles."""
        strategy = self.fresh()
        return strategy if self.spoil is None else self.spoil(strategy, _next_closes(candles))


class Asked(Struct, frozen=True, eq=False):
    """One question to a strategy, and its answer."""

    view: MarketView
    forecast: Forecast | None
    signal: Signal


class Listening:
    """A strategy that is overheard."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.heard: list[Asked] = []

    @property
    def needs_forecast(self) -> bool:
        """As the strategy."""
        return self._strategy.needs_forecast

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        """Pass the question on and keep the answer."""
        signal = self._strategy.wanted(view, forecast)
        self.heard.append(Asked(view, forecast, signal))
        return signal


class ListRecord:
    """A journal in memory: every event, deed and observation as bytes, in order."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.decisions = 0
        self.orders = 0

    def append(self, event: AnyEvent) -> None:
        """Keep an event."""
        self.lines.append(msgspec.msgpack.encode(event))

    def record(self, deed: Deed) -> None:
        """Keep a deed."""
        self.orders += type(deed) is SubmitOrder
        self.lines.append(msgspec.msgpack.encode(deed))

    def observe(self, observation: Observation) -> None:
        """Keep an observation."""
        self.decisions += type(observation) is Decided
        self.lines.append(msgspec.msgpack.encode(observation))

    def step_done(self) -> None:
        """Do nothing."""

    def keep(self) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""


class Played(Struct, frozen=True, eq=False):
    """One replay: its record, where the record stood after each instant, and what the strategy was asked."""

    record: ListRecord
    lines_at: dict[int, int]
    heard: list[Asked]


def decision_checks(trader: Trader, market: MakeMarket, planted: str | None = None) -> Iterator[Check]:
    """
    Make every check of a strategy, then see each fail on a fault of its own.

    Args:
        trader: The strategy.
        market: Makes candles.
        planted: A fault of `FAULTS` that the audited strategy is given; the audit must then fail.
    """
    candles = made_candles(trader.timeframe, market)
    audited = trader if planted is None else replace(trader, spoil=FAULTS[planted][1])
    was = play(audited, candles)
    for check in _CHECKS.values():
        yield check(audited, candles, was)
    for fault, (name, spoil) in FAULTS.items():
        spoilt = replace(trader, spoil=spoil)
        yield caught(_CHECKS[name](spoilt, candles, play(spoilt, candles)), fault)


def decisions_under_another_future(trader: Trader, candles: Sequence[Segment], was: "Played") -> Check:
    """Check that nothing which was decided, ordered or marked changes with what comes after it."""
    seen = Seen()
    for number, share in enumerate(_CUTS):
        cut_ms = int(candles[0].open_time_ms[int(share * len(candles[0]))])
        others = [with_another_future(one, cut_ms, _SEED + len(_CUTS) * at + number) for at, one in enumerate(candles)]
        now = play(trader, others)
        known, known_now = was.lines_at[cut_ms], now.lines_at[cut_ms]
        changed = _different(was.record.lines[:known], now.record.lines[:known_now])
        seen += Seen(changed, known, _different(was.record.lines[known:], now.record.lines[known_now:]))
    check = unchanged(FORESIGHT, seen, len(_CUTS))
    counts = f"{was.record.decisions:,} decisions, {was.record.orders:,} orders; {check.detail}"
    return replace(check, measures="records changed", detail=counts)


def play(trader: Trader, candles: Sequence[Segment]) -> Played:
    """Replay candles through the engine with a fresh strategy."""
    series = [
        CandleSeries(symbol, trader.timeframe, one.open_time_ms, one.ohlcv, _NOTHING_WRONG)
        for symbol, one in zip(SYMBOLS, candles, strict=True)
    ]
    settings, begin_ms = trader.loaded.settings, int(candles[0].open_time_ms[0])
    header = plan(
        trader.loaded,
        [instrument(one.symbol, settings, "made", first_price=float(one.ohlcv[0, 0])) for one in series],
        trader.timeframe,
        strategy=trader.name,
        bundle=trader.bundle,
        started_ms=begin_ms,
        # The same for every future: a run's name is part of each order's id.
        inputs={"candles": "audit"},
        labels={},
    )
    listening, record = Listening(trader.strategy(candles)), ListRecord()
    feed, broker = ReplayFeed(series), paper_broker(header)
    forecaster = history_forecaster(trader.model, series, trader.timeframe) if trader.model else NoModel()
    engine = build_engine(header, listening)
    pump = Pump(engine, record, broker, forecaster, backfill=feed.backfill, measures_latency=False)
    lines_at: dict[int, int] = {}
    begin_session(pump, begin_ms, trader.model.name if trader.model else None)
    for closed in feed.instants(dict.fromkeys(SYMBOLS, begin_ms)):
        fire_timers(pump, closed[0].at_ms)
        play_instant(pump, broker, closed)
        lines_at[closed[0].at_ms] = len(record.lines)
    return Played(record, lines_at, listening.heard)


_NOTHING_WRONG: Final = FileReport((), 0, 0, was_unsorted=False, findings=())


def _decided_again(trader: Trader, candles: Sequence[Segment], was: Played) -> Check:
    """Play the same candles once more: the record must be the same."""
    changed = _different(was.record.lines, play(trader, candles).record.lines)
    detail = f"{len(was.record.lines):,} records of two equal runs compared"
    return Check(CHANCE, "records changed", float(changed), 0.0, 0.0, detail)


def _memory(trader: Trader, candles: Sequence[Segment], was: Played) -> Check:
    """Ask a fresh strategy the same questions in another order: what it says must depend on the question alone."""
    heard = was.heard
    fresh = trader.strategy(candles)
    order = np.random.default_rng(_SEED).permutation(len(heard)).tolist()
    changed = sum(fresh.wanted(heard[at].view, heard[at].forecast) != heard[at].signal for at in order)
    detail = f"{len(heard):,} questions asked again in another order"
    return Check(MEMORY, "answers changed", float(changed), 0.0, 0.0, detail, blind=_unasked(heard))


def _range(_trader: Trader, _candles: Sequence[Segment], was: Played) -> Check:
    """Look at every answer: an exposure is a level in [-1, 1]."""
    heard = was.heard
    # Written so that a NaN counts.
    outside = sum(not -1.0 <= asked.signal.exposure <= 1.0 for asked in heard)
    detail = f"{len(heard):,} answers looked at"
    return Check(RANGE, "exposures outside [-1, 1]", float(outside), 0.0, 0.0, detail, blind=_unasked(heard))


_CHECKS: Final[Mapping[str, Callable[[Trader, Sequence[Segment], Played], Check]]] = {
    FORESIGHT: decisions_under_another_future,
    CHANCE: _decided_again,
    MEMORY: _memory,
    RANGE: _range,
}


def _unasked(heard: Sequence[Asked]) -> str:
    return "" if heard else "the strategy was never asked"


def _different(was: Sequence[bytes], now: Sequence[bytes]) -> int:
    return sum(one != other for one, other in zip(was, now, strict=False)) + abs(len(was) - len(now))


def made_candles(timeframe: Timeframe, market: MakeMarket) -> list[Segment]:
    """Candles of two invented markets, the same every time."""
    return [market(timeframe, 0.3, _SEED + at, CANDLES) for at in range(len(SYMBOLS))]


def _next_closes(candles: Sequence[Segment]) -> NextCloses:
    known: dict[tuple[str, int], float] = {}
    for symbol, one in zip(SYMBOLS, candles, strict=True):
        pairs = pairwise(zip(one.open_time_ms.tolist(), one.ohlcv[:, 3].tolist(), strict=True))
        # A candle closes when the next one opens.
        known |= {(symbol, opened): close for _, (opened, close) in pairs}
    return known
