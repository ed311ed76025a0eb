"""A whole small world for tests: an engine with a paper broker, a scripted model and candles that history knows."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import Backfill, Deed, Notify, Observation, SubmitOrder
from bot.core.events import AnyEvent, Backfilled, CandleClosed, OrderFilled
from bot.core.market import Candle, Instrument, Timeframe
from bot.core.orders import Fill, Intent
from bot.core.ports import Broker
from bot.core.window import FeatureSet
from bot.engine.engine import Engine
from bot.engine.state import EngineSettings
from bot.pump import Pump, play_instant
from bot.replay import begin_session, fire_timers
from risk.limits import RiskLimits
from strategies.strategy import Strategy
from tests.hourly_bars import BTC, HOUR, T0, closed
from tests.made_orders import BUDGET, instrument, limits
from tests.scripted_strategies import ScriptedModel, no_model

_T = TypeVar("_T")


def engine(
    strategy: Strategy,
    *,
    markets: Sequence[Instrument] | None = None,
    risk: RiskLimits | None = None,
    features: FeatureSet | None = None,
    window: int = 1,
    budget: Decimal = BUDGET,
    unprotected_ms: int = 0,
    reconcile_ms: int = 0,
) -> Engine:
    """An engine of hourly candles that has seen nothing yet."""
    settings = EngineSettings(
        timeframe=Timeframe.H1,
        limits=risk or limits(),
        window_length=window,
        forecast_deadline_ms=5_000,
        batch_deadline_ms=10_000,
        id_prefix="run00000",
        unprotected_ms=unprotected_ms,
        reconcile_ms=reconcile_ms,
    )
    return Engine(markets or [instrument()], settings, strategy, features, budget)


class MemoryJournal:
    """
    Keeps every record: one step for each event with what followed from it at once.

    `rests` are the numbers of steps after which nothing more followed, where a real journal may close a block.
    """

    def __init__(self) -> None:
        self.steps: list[list[AnyEvent | Deed | Observation]] = []
        self.rests: list[int] = [0]
        self.snapshots: list[bytes] = []
        self.commits = 0

    def append(self, event: AnyEvent) -> None:
        self.steps.append([event])

    def record(self, deed: Deed) -> None:
        self.steps[-1].append(deed)

    def observe(self, observation: Observation) -> None:
        self.steps[-1].append(observation)

    def step_done(self) -> None:
        self.rests.append(len(self.steps))

    def keep(self) -> None:
        pass

    def commit(self) -> None:
        self.commits += 1

    def snapshot(self, state: bytes) -> None:
        self.snapshots.append(state)

    @property
    def event_count(self) -> int:
        return len(self.steps)

    @property
    def records(self) -> list[AnyEvent | Deed | Observation]:
        return [record for step in self.steps for record in step]

    def of(self, kind: type[_T]) -> list[_T]:
        return [record for record in self.records if isinstance(record, kind)]


class World:
    """
    An engine with a paper broker, a scripted model and candles that history knows.

    `history` are the candles of each market by opening time; what is played is added to it.
    """

    def __init__(
        self,
        core: Engine,
        *,
        markets: Sequence[Instrument] | None = None,
        p_up: Callable[[str, int], float] = no_model,
        budget: Decimal = BUDGET,
        participation: str = "1",
        broker: Broker | None = None,
    ) -> None:
        self.engine = core
        self.markets = markets or [instrument()]
        by_symbol = {one.symbol: one for one in self.markets}
        self.paper = PaperBroker(by_symbol, budget, Decimal(participation))
        self.journal = MemoryJournal()
        self.model = ScriptedModel(p_up)
        self.history: dict[str, dict[int, Candle]] = {symbol: {} for symbol in by_symbol}
        self.pump = Pump(
            core,
            self.journal,
            broker or self.paper,
            self.model,
            backfill=self._backfill,
            measures_latency=False,
        )

    def play(self, *instants: Candle | Mapping[str, Candle]) -> "World":
        """Play one instant after the other; a bare candle is the first market's."""
        for instant in instants:
            candles = {self.markets[0].symbol: instant} if isinstance(instant, Candle) else instant
            events = [closed(candles[one.symbol], one.symbol) for one in self.markets if one.symbol in candles]
            self.meet(events)
        return self

    def meet(self, events: Sequence[CandleClosed]) -> None:
        """Play these candles of one instant, in this order."""
        fire_timers(self.pump, events[0].at_ms)
        for event in events:
            self.history[event.symbol][event.candle.open_time_ms] = event.candle
        play_instant(self.pump, self.paper, events)

    def feed(self, *events: AnyEvent) -> "World":
        """Feed events past the broker."""
        for event in events:
            self.pump.feed(event)
        return self

    def fills(self, symbol: str = BTC) -> list[Fill]:
        """Executions in a market, in order."""
        return [event.fill for event in self.journal.of(OrderFilled) if event.fill.symbol == symbol]

    def submitted(self, symbol: str = BTC) -> list[Intent]:
        """Orders that left for the broker, in order."""
        intents = [command.approved.intent for command in self.journal.of(SubmitOrder)]
        return [one for one in intents if one.symbol == symbol]

    def held(self, symbol: str = BTC) -> Decimal:
        """What is held of a market."""
        return self.engine.state.portfolio.position(symbol).quantity

    def resting_stop(self, symbol: str = BTC) -> Intent | None:
        """The stop that the venue holds."""
        stop_id = self.engine.state.markets[symbol].stop_id
        return self.engine.state.orders[stop_id].intent if stop_id else None

    def codes(self) -> list[str]:
        """What the operator was told, as codes."""
        return [told.code for told in self.journal.of(Notify)]

    def _backfill(self, request: Backfill) -> list[Backfilled]:
        known = self.history[request.symbol]
        span = range(request.from_ms, request.to_ms, HOUR)
        candles = tuple(known[at_ms] for at_ms in span if at_ms in known)
        return [Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, candles)]


def started(
    strategy: Strategy,
    *,
    markets: Sequence[Instrument] | None = None,
    risk: RiskLimits | None = None,
    features: FeatureSet | None = None,
    window: int = 1,
    participation: str = "1",
    budget: Decimal = BUDGET,
    p_up: Callable[[str, int], float] = no_model,
) -> World:
    """A world whose session has begun at `T0`, with everything proven."""
    core = engine(strategy, markets=markets, risk=risk, features=features, window=window, budget=budget)
    world = World(core, markets=markets, p_up=p_up, participation=participation, budget=budget)
    begin_session(world.pump, T0, "scripted" if strategy.needs_forecast else None)
    return world
