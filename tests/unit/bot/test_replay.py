"""Recorded time: timers fire when the candles say so, snapshots are written when enough has happened."""

from decimal import Decimal

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import Decided
from bot.core.events import CandleClosed, ModelReady, SessionStarted, TimerFired
from bot.engine.engine import Engine
from bot.pump import Pump
from bot.replay import Checkpoints, begin_session, fire_timers, replay
from tests.engine_world import MemoryJournal, engine, started
from tests.hourly_bars import BTC, ETH, T0, bar, closed, closes
from tests.made_orders import BUDGET, instrument
from tests.scripted_strategies import ScriptedModel, always, no_model

MARKETS = [instrument(BTC), instrument(ETH)]


class Run:
    """Two markets, played by `replay`."""

    def __init__(self, *, every: int = 10**9) -> None:
        self.engine: Engine = engine(always(0.3, BTC, ETH), markets=MARKETS)
        self.journal = MemoryJournal()
        self.market = PaperBroker({one.symbol: one for one in MARKETS}, BUDGET, Decimal(1))
        self.pump = Pump(
            self.engine,
            self.journal,
            self.market,
            ScriptedModel(no_model),
            backfill=lambda request: (),
            measures_latency=False,
        )
        self.checkpoints = Checkpoints(self.engine, self.journal, every)
        self.seen: list[tuple[int, int]] = []

    def play(self, *instants: list[CandleClosed]) -> "Run":
        replay(
            self.pump, self.market, instants, self.checkpoints, lambda count, at_ms: self.seen.append((count, at_ms))
        )
        return self


def both(number: int) -> list[CandleClosed]:
    return [closed(bar(number, 100.0), BTC), closed(bar(number, 10.0), ETH)]


def test_a_session_begins_halted_and_then_hears_of_its_model() -> None:
    world = started(always(0.0))
    assert [type(event) for event in (world.journal.of(SessionStarted) + world.journal.of(ModelReady))] == [
        SessionStarted
    ]
    begin_session(world.pump, T0, "bundle@1")
    assert world.journal.of(ModelReady) == [ModelReady(T0, "bundle@1")]


def test_a_timer_that_ran_out_fires_before_the_next_candle() -> None:
    """Invariants 3 and 5: the same deadline holds in recorded time."""
    run = Run().play([closed(bar(0, 100.0), BTC)], both(1))
    (fired,) = run.journal.of(TimerFired)
    assert fired.at_ms == closes(0) + 10_000
    events = [type(step[0]) for step in run.journal.steps if step]
    assert events.index(TimerFired) < len(events) - events[::-1].index(CandleClosed) - 1
    rows = [(row.close_time_ms, row.symbol) for row in run.journal.of(Decided)]
    assert rows[0] == (closes(0), BTC)
    assert [symbol for close_ms, symbol in rows if close_ms == closes(1)] == [BTC, ETH]


def test_the_last_instant_is_decided_though_a_market_is_missing() -> None:
    run = Run().play(both(0), [closed(bar(1, 100.0), BTC)])
    assert run.journal.of(Decided)[-1].close_time_ms == closes(1)
    assert run.pump.timers == {}


def test_progress_is_told_of_every_instant() -> None:
    run = Run().play(both(0), [closed(bar(1, 100.0), BTC)])
    assert run.seen == [(2, closes(0)), (1, closes(1))]


def test_timers_fire_in_the_order_of_their_times() -> None:
    world = started(always(0.0))
    world.pump.timers = {"b": T0 + 2, "a": T0 + 2, "c": T0 + 1, "later": T0 + 9}
    fire_timers(world.pump, T0 + 5)
    assert [event.timer for event in world.journal.of(TimerFired)] == ["c", "a", "b"]
    assert world.pump.timers == {"later": T0 + 9}


def test_a_snapshot_is_written_once_enough_has_happened() -> None:
    run = Run(every=6).play(*(both(number) for number in range(9)))
    assert 2 <= len(run.journal.snapshots) <= run.journal.event_count // 6
    again = engine(always(0.3, BTC, ETH), markets=MARKETS)
    again.load(run.journal.snapshots[-1])
    assert again.save() == run.journal.snapshots[-1]


def test_a_snapshot_is_written_when_it_is_told_to() -> None:
    run = Run()
    run.checkpoints.write()
    assert run.journal.snapshots == [run.engine.save()]


def test_the_same_candles_are_the_same_run() -> None:
    """Same input, same bytes."""
    first, second = (Run().play(*(both(number) for number in range(20))) for _ in range(2))
    assert first.journal.records == second.journal.records
    assert first.engine.save() == second.engine.save()
