"""Killed anywhere and taken up again: what follows is what would have followed (invariants 2 and 9)."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.adapters.candle_series import CandleSeries, FileReport
from bot.adapters.paper_broker import PaperBroker
from bot.adapters.replay_feed import ReplayFeed
from bot.core.commands import CancelOrder, Deed, Observation, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import (
    SESSION_EVENTS,
    AnyEvent,
    Backfilled,
    ForecastReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    RunStarted,
)
from bot.core.market import Timeframe
from bot.core.orders import Purpose
from bot.engine.engine import Engine
from bot.pump import Pump
from bot.recovery import Taken, differences, restore
from bot.replay import Checkpoints, begin_session, replay
from tests.engine_world import MemoryJournal, engine
from tests.hourly_bars import AMPLE, BTC, ETH, HOUR, T0, random_walk
from tests.made_orders import BUDGET, instrument, limits
from tests.scripted_strategies import FollowsForecast, Scripted, ScriptedModel, two_features

SYMBOLS = (BTC, ETH)
MARKETS = [instrument(symbol) for symbol in SYMBOLS]
BARS, WARM = 60, 6
_OUTSIDE = (*SESSION_EVENTS, Backfilled)

Steps = list[list[AnyEvent | Deed | Observation]]


def level(symbol: str, close_ms: int) -> float:
    """A wish that changes its mind every few bars, the same in every run."""
    digest = sha256(f"{symbol}{close_ms // (3 * HOUR)}".encode()).digest()
    return (0.0, 0.0, 0.4, 0.7, 1.0)[digest[0] % 5]


def series(symbol: str, seed: int, missing: Sequence[int], volume: float = AMPLE) -> CandleSeries:
    """A market of one gap or several; its first bars are there to warm up on."""
    candles = [one for number, one in enumerate(random_walk(seed, BARS, swing=0.08)) if number not in missing]
    times = np.array([one.open_time_ms for one in candles])
    rows = np.array([[one.open, one.high, one.low, one.close, volume] for one in candles])
    return CandleSeries(
        symbol, Timeframe.H1, times, rows, FileReport((), len(rows), 0, was_unsorted=False, findings=())
    )


FEED = ReplayFeed([series(BTC, 3, (20, 21, 40)), series(ETH, 4, (12, 30, 31, 32, 33, 34))])
THIN = ReplayFeed([series(BTC, 3, (20,), volume=15.0), series(ETH, 4, (12,), volume=10.0)])
STARTED_MS = T0 + WARM * HOUR


def by_forecast() -> Engine:
    risk = limits(cooldown_candles=2, rebalance_band_frac=0.2, stop_distance_frac=0.06, daily_loss_frac=0.1)
    return engine(FollowsForecast(), markets=MARKETS, risk=risk, features=two_features(), window=3)


def by_script() -> Engine:
    plan = {symbol: tuple(level(symbol, T0 + (number + 1) * HOUR) for number in range(BARS)) for symbol in SYMBOLS}
    return engine(Scripted(plan), markets=MARKETS, risk=limits(stop_distance_frac=0.06, rebalance_band_frac=0.2))


class Case(NamedTuple):
    """
    A run that can be made again and again.

    Where the market is thin, what a candle can still give is known to the broker alone: such a run can only be taken
    up where the world was at rest. Every other one can be taken up after any event.
    """

    build: Callable[[], Engine]
    feed: ReplayFeed
    anywhere: bool = True


class Played(NamedTuple):
    """What a run's journal held, and where its blocks may have ended."""

    steps: Steps
    rests: list[int]


def run(core: Engine, feed: ReplayFeed) -> Played:
    """Take the run up where the engine stands, and play it to its end."""
    journal = MemoryJournal()
    broker = PaperBroker({one.symbol: one for one in MARKETS}, BUDGET, Decimal(1))
    pump = Pump(core, journal, broker, ScriptedModel(level), backfill=feed.backfill, measures_latency=False)

    def begin() -> dict[str, int]:
        return {symbol: max(core.next_open_ms(symbol), STARTED_MS) for symbol in SYMBOLS}

    begin_session(pump, min(begin().values()), "scripted" if core.needs_forecast else None)
    checkpoints = Checkpoints(core, journal, 10**9)
    replay(pump, broker, feed.instants(begin()), checkpoints, lambda count, close_ms: None)
    return Played(journal.steps, journal.rests)


def told(steps: Steps) -> list[AnyEvent | Deed | Observation]:
    """What happened, without what every process does anew."""
    return [record for step in steps for record in step if not isinstance(record, _OUTSIDE)]


def tail(steps: Steps) -> list[AnyEvent | Deed]:
    kept = (AnyEvent, SubmitOrder, CancelOrder)
    return [record for step in steps for record in step if isinstance(record, kept)]


def cut_and_continued(case: Case, whole: Steps, cut: int, snapshot_at: int | None) -> Played:
    """The first `cut` steps of a run, a new process, and what it did."""
    snapshot = None
    if snapshot_at is not None:
        saved = case.build()
        restore(saved, None, tail(whole[:snapshot_at]))
        snapshot = saved.save()
    core = case.build()
    restore(core, snapshot, tail(whole[snapshot_at or 0 : cut]))
    later = run(core, case.feed)
    return Played(whole[:cut] + later.steps, [cut + rest for rest in later.rests])


CASES = {
    "by forecast": Case(by_forecast, FEED),
    "by script": Case(by_script, FEED),
    "thin market": Case(by_forecast, THIN, anywhere=False),
}
PLAYED = {name: run(case.build(), case.feed) for name, case in CASES.items()}
WHOLE = {name: played.steps for name, played in PLAYED.items()}
CUTS = {n: list(range(len(WHOLE[n]) + 1)) if case.anywhere else PLAYED[n].rests for n, case in CASES.items()}
every_case = pytest.mark.parametrize("name", list(CASES))


@every_case
def test_the_run_that_is_cut_below_has_something_to_lose(name: str) -> None:
    records = told(WHOLE[name])
    fills = [record.fill for record in records if isinstance(record, OrderFilled)]
    purposes = {record.approved.intent.purpose for record in records if isinstance(record, SubmitOrder)}
    assert len(fills) > 15
    assert {Purpose.ENTRY, Purpose.EXIT, Purpose.STOP} <= purposes
    assert any(isinstance(record, OrderCancelled) for record in records)
    assert {fill.symbol for fill in fills} == set(SYMBOLS)
    assert sum(isinstance(record, Backfilled) for step in WHOLE[name] for record in step) > 3


def same(name: str, cut: int, snapshot_at: int | None) -> None:
    """Cut a run, go on with it, and compare every record."""
    whole = WHOLE[name]
    again = told(cut_and_continued(CASES[name], whole, cut, snapshot_at).steps)
    for number, (was, now) in enumerate(zip(told(whole), again, strict=False)):
        assert was == now, f"record {number} differs after a cut at step {cut}"
    assert len(again) == len(told(whole))


@every_case
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_run_killed_after_any_event_goes_on_as_if_nothing_had_happened(name: str, data: st.DataObject) -> None:
    """Invariants 2 and 9: `kill -9` anywhere, start again, and the rest is what it would have been."""
    cut = data.draw(st.sampled_from(CUTS[name]), label="cut")
    same(name, cut, data.draw(st.none() | st.integers(0, cut), label="snapshot"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.anywhere])
def test_a_run_killed_while_it_waits_for_an_answer_goes_on_as_well(name: str) -> None:
    """Invariant 9: forecasts, history and the venue are asked again for what they had not answered."""
    answers = (Backfilled, ForecastReady, OrderAccepted, OrderCancelled)
    waiting = [cut for cut, step in enumerate(WHOLE[name]) if isinstance(step[0], answers)]
    assert len(waiting) > 40
    for cut in waiting[::2] + [cut for cut in waiting if isinstance(WHOLE[name][cut][0], Backfilled)]:
        same(name, cut, None)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.anywhere])
def test_a_run_killed_between_two_fills_of_one_candle_goes_on_as_well(name: str) -> None:
    fills = [cut for cut, step in enumerate(WHOLE[name]) if isinstance(step[0], OrderFilled)]
    for cut in fills:
        same(name, cut + 1, None)


@every_case
def test_a_run_killed_twice_goes_on_as_well(name: str) -> None:
    case, whole = CASES[name], WHOLE[name]
    for first in CUTS[name][3::17]:
        once = cut_and_continued(case, whole, first, None)
        second = first + (len(once.steps) - first) // 2 if case.anywhere else once.rests[len(once.rests) // 2]
        assert told(cut_and_continued(case, once.steps, second, None).steps) == told(whole)


@every_case
def test_replaying_the_events_gives_the_same_deeds_and_observations(name: str) -> None:
    """Invariant 2: replaying a journal needs no model, network or clock, and gives the same commands."""
    core = CASES[name].build()
    for event, *caused in WHOLE[name]:
        assert isinstance(event, AnyEvent)
        assert [command for command in core.process(event) if isinstance(command, Deed | Observation)] == caused


@every_case
def test_a_snapshot_anywhere_is_read_back_to_the_same_engine(name: str) -> None:
    core = CASES[name].build()
    for number, (event, *_) in enumerate(WHOLE[name]):
        assert isinstance(event, AnyEvent)
        core.process(event)
        if number % 7 == 0:
            saved, again = core.save(), CASES[name].build()
            again.load(saved)
            assert again.save() == saved
            assert again.trading_state is core.trading_state
            assert again.time_ms == core.time_ms
            assert [again.next_open_ms(s) for s in SYMBOLS] == [core.next_open_ms(s) for s in SYMBOLS]
            assert again._books.equity() == core._books.equity()


def knows(record: object, changed_ms: int) -> bool:
    """Whether a record may depend on a candle that opens at `changed_ms`: its open is a price of that moment."""
    at_ms: int = getattr(record, "at_ms", 0)
    return at_ms > changed_ms or (at_ms == changed_ms and isinstance(record, OrderFilled))


@every_case
def test_no_candle_changes_what_was_decided_before_it(name: str) -> None:
    """Causality: other candles after a close change nothing that was told up to it."""
    case, whole = CASES[name], told(WHOLE[name])
    for bar_number in (15, 25, 45):
        changed_ms = T0 + bar_number * HOUR
        other = []
        for one in case.feed._series.values():
            later = one.open_time_ms >= changed_ms
            other.append(replace(one, ohlcv=np.where(later[:, None], one.ohlcv * 1.5, one.ohlcv)))
        again = told(run(case.build(), ReplayFeed(other)).steps)
        first = next(n for n, record in enumerate(whole) if knows(record, changed_ms))
        assert first > 10
        assert again[:first] == whole[:first]
        assert again != whole


def test_a_restore_says_what_it_took() -> None:
    whole = WHOLE["by forecast"]
    records = tail(whole)
    deeds = sum(isinstance(record, Deed) for record in records)
    assert restore(by_forecast(), None, records) == Taken(len(records) - deeds, deeds)


def test_an_engine_that_would_do_something_else_is_refused() -> None:
    """Recorded intents win over recomputed ones; where they differ, the run is not gone on with."""
    records = tail(WHOLE["by forecast"])
    other = engine(FollowsForecast(), markets=MARKETS, risk=limits(fraction=0.3), features=two_features(), window=3)
    with pytest.raises(JournalError, match="a deed that this engine would not do"):
        restore(other, None, records)


def test_a_journal_that_lacks_a_deed_is_refused() -> None:
    records = tail(WHOLE["by forecast"])
    first = next(number for number, record in enumerate(records) if isinstance(record, Deed))
    with pytest.raises(JournalError, match="would have done what the journal does not hold"):
        restore(by_forecast(), None, records[:first] + records[first + 1 :])
    with pytest.raises(JournalError, match="would have done what the journal does not hold"):
        restore(by_forecast(), None, records[:first])


def test_a_journal_with_a_deed_too_many_is_refused() -> None:
    records = tail(WHOLE["by forecast"])
    deed = next(record for record in records if isinstance(record, Deed))
    with pytest.raises(JournalError, match="would not do"):
        restore(by_forecast(), None, [deed, *records])


HEADER = RunStarted(
    T0,
    "run",
    "code",
    {"candles": "a" * 64, "settings": "s"},
    {"sizing.fraction": "0.5", "profile.description": "words"},
    (instrument(BTC), instrument(ETH)),
    "1h",
    Decimal(100),
)


def test_equal_runs_do_not_differ() -> None:
    assert differences(HEADER, replace(HEADER, run_id="other", labels={"market": "words"})) == []


def test_everything_that_differs_is_named() -> None:
    other = replace(
        HEADER,
        settings={"sizing.fraction": "0.4", "stop.kind": "atr"},
        fingerprints={"candles": "b" * 64, "settings": "t"},
        instruments=(instrument(ETH),),
        timeframe="4h",
    )
    assert differences(HEADER, other) == [
        "sizing.fraction was 0.5 and is 0.4",
        "stop.kind was none and is atr",
        "candles was aaaaaaaaaaaa and is bbbbbbbbbbbb",
        "the markets were BTC/USDT, ETH/USDT and are ETH/USDT",
        "the timeframe was 1h and is 4h",
    ]


def test_another_grid_or_cost_is_named() -> None:
    other = replace(HEADER, instruments=(instrument(BTC, tick_size=Decimal(1)), instrument(ETH)))
    assert differences(HEADER, other) == ["the trading rules or costs of a market are others"]
