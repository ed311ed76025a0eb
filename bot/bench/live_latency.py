"""
How long the live path takes from a frame's sending to an order's handing over, or to an instant's last decision.

Every part is the shipped one: socket, parser, feed, inbox, engine, features, CNN-LSTM, risk. The broker alone is made
for this: it notes the time of each market order and fills it at once, so that every candle brings another order.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.candle_stream import CandleStreams
from bot.adapters.clock import MarketClock, SystemClock
from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history_rows import VenueRows
from bot.adapters.journal import Journal
from bot.adapters.venues.binance import BinanceKlines
from bot.compose.parts import load_forecaster
from bot.core.commands import Backfill, CancelOrder, Decided, Observation, Reconcile, SubmitOrder
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    Backfilled,
    CandleClosed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    RunStarted,
)
from bot.core.forecast import Forecast
from bot.core.market import Candle, Costs, Instrument, Timeframe
from bot.core.orders import MARKET, ZERO, Fill
from bot.engine.engine import Engine
from bot.engine.state import EngineSettings
from bot.flows import PaperFlow
from bot.instant_assembler import InstantAssembler
from bot.paper_play import PaperPlay
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints, begin_session
from bot.runner import Emit, Questions, Session
from risk.limits import RiskLimits, SizingMethod, StopKind
from strategies.forecasting.features import SHIPPED
from strategies.strategy import MarketView, Signal

TIMEFRAME: Final = Timeframe.H1
BUDGET: Final = Decimal(1_000_000_000)
_NEVER: Final = 10**12
LIMITS: Final = RiskLimits(
    sizing=SizingMethod.FIXED_FRACTION,
    fraction=0.001,
    target_volatility=0.5,
    max_position_frac=0.01,
    max_exposure_frac=1.0,
    rebalance_band_frac=0.5,
    stop=StopKind.FIXED,
    stop_distance_frac=0.5,
    atr_multiple=3.0,
    cooldown_candles=0,
    daily_loss_frac=1.0,
    drawdown_frac=1.0,
    price_collar_frac=0.1,
    max_orders_per_day=1_000_000,
)


class Latencies(Struct, frozen=True):
    """
    Microseconds from the sending of an instant's first frame, one figure an instant.

    `orders` end when the broker is handed the first order, `decisions` with the last market's decision; `commits` are
    what the journal's durable write took, apart.
    """

    orders: tuple[float, ...]
    decisions: tuple[float, ...]
    commits: tuple[float, ...]


class _Alternating(Struct, frozen=True):
    """In and out again, at every candle, whatever the model says."""

    needs_forecast: bool = True

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        del forecast
        return Signal(0.0 if view.held else 1.0, "the benchmark trades every candle")


class _Watching(Struct, frozen=True):
    """Reads every forecast and wants nothing."""

    needs_forecast: bool = True

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        del view, forecast
        return Signal(0.0, "the benchmark does not trade")


class _AtOnceBroker:
    """Fills a market order the moment it is handed over, and notes that moment. Also the market that never moves."""

    moves_money = False

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.handed_ns: dict[int, int] = {}
        self._prices = {one.symbol: Decimal(1) for one in instruments}

    def submit(self, command: SubmitOrder, at_ms: int) -> list[AnyEvent]:
        now_ns = perf_counter_ns()
        intent = command.approved.intent
        taken: list[AnyEvent] = [OrderAccepted(at_ms, intent.client_order_id, "bench")]
        if intent.type is MARKET:
            self.handed_ns.setdefault(at_ms, now_ns)
            price = self._prices[intent.symbol]
            names = (intent.client_order_id, f"{intent.client_order_id}-1", intent.symbol)
            fill = Fill(*names, intent.side, intent.quantity, price, ZERO, "USDT", price)
            taken.append(OrderFilled(at_ms, fill))
        return taken

    def cancel(self, command: CancelOrder, at_ms: int) -> list[AnyEvent]:
        return [OrderCancelled(at_ms, command.client_order_id, "cancelled")]

    def reconcile(self, command: Reconcile, at_ms: int) -> list[AnyEvent]:
        del command
        return [AccountReconciled(at_ms)]

    def is_met(self, closed: Sequence[CandleClosed]) -> bool:
        self._prices.update((one.symbol, Decimal(repr(one.candle.close))) for one in closed)
        return False

    def trade(self, closed: Sequence[CandleClosed]) -> Iterable[AnyEvent]:
        del closed
        return ()


class _TimedJournal:
    """The journal, with the time of the last decision of each instant and of each durable write."""

    def __init__(self, journal: Journal) -> None:
        self.decided_ns: dict[int, int] = {}
        self.commits: list[float] = []
        self.append = journal.append
        self.record = journal.record
        self.step_done = journal.step_done
        self._journal = journal

    def observe(self, observation: Observation) -> None:
        if type(observation) is Decided:
            self.decided_ns[observation.close_time_ms] = perf_counter_ns()
        self._journal.observe(observation)

    def keep(self) -> None:
        self._journal.keep()

    def commit(self) -> None:
        began = perf_counter_ns()
        self._journal.commit()
        self.commits.append((perf_counter_ns() - began) / 1e3)


class _Past:
    """The candles before the stream's, as history."""

    def __init__(self, candles: dict[str, Sequence[Candle]]) -> None:
        self._candles = candles

    async def backfill(self, request: Backfill) -> Backfilled:
        known = self._candles[request.symbol]
        found = tuple(one for one in known if request.from_ms <= one.open_time_ms < request.to_ms)
        return Backfilled(request.to_ms, request.symbol, request.from_ms, request.to_ms, found)

    async def rows(self, symbol: str, from_ms: int, to_ms: int) -> VenueRows:
        del symbol, from_ms, to_ms
        return VenueRows(0, ())


class _Sent(Struct):
    class Event(Struct):
        E: int
        sent_ns: int

    data: Event


def measure_live(
    bundle: Path, candles: dict[str, Sequence[Candle]], streamed: int, pause_s: float, *, trades: bool
) -> Latencies:
    """
    Stream the last candles of each market from another process through a whole session.

    Args:
        bundle: The model.
        candles: Of each market, contiguous and of one length; all but the last `streamed` are history.
        streamed: Instants that are streamed.
        pause_s: Seconds between two of them.
        trades: Whether every candle brings an order; otherwise there are decisions alone.
    """
    with TemporaryDirectory() as folder:
        bars = Path(folder) / "bars.jsonl"
        write_bars(bars, candles, streamed)
        with frame_source(bars, pause_s) as url:
            return asyncio.run(_session(bundle, candles, streamed, url, Path(folder) / "run", trades=trades))


async def _session(
    bundle_path: Path, candles: dict[str, Sequence[Candle]], streamed: int, url: str, folder: Path, *, trades: bool
) -> Latencies:
    bundle, model = load_forecaster(bundle_path)
    instruments = tuple(
        Instrument(one, Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5), Costs(), "bench", "bench")
        for one in candles
    )
    settings = EngineSettings(TIMEFRAME, LIMITS, bundle.features.window, _NEVER, _NEVER, "bench000")
    strategy = _Alternating() if trades else _Watching()
    engine = Engine(instruments, settings, strategy, SHIPPED, BUDGET)
    begin_ms = next(iter(candles.values()))[-streamed].open_time_ms
    header = RunStarted(begin_ms, "bench", "bench", {}, {}, instruments, TIMEFRAME.value, BUDGET)
    journal = Journal.create(folder, header, synchronous="FULL")
    timed, broker, questions, past = _TimedJournal(journal), _AtOnceBroker(instruments), Questions(), _Past(candles)
    pump = Pump(engine, timed, broker, model, backfill=questions.ask, measures_latency=True)
    begin_session(pump, begin_ms, "bench")
    last_ms = begin_ms + streamed * TIMEFRAME.ms
    frames: list[bytes] = []
    checkpoints = Checkpoints(engine, journal, _NEVER)
    flow = PaperFlow(
        pump,
        PaperPlay(pump, broker, TIMEFRAME.ms),
        InstantAssembler(list(candles), _NEVER),
        checkpoints,
        commit=timed.commit,
        progress=lambda _, at_ms: session.stop() if at_ms >= last_ms else None,
    )
    session = Session(pump, questions, flow, checkpoints, clock=MarketClock(begin_ms), until_ms=None)
    stream = BinanceKlines({symbol.replace("/", ""): symbol for symbol in candles}, TIMEFRAME, url)
    feed = CandleFeed([stream], begin_ms=dict.fromkeys(candles, begin_ms))

    def tap(given: AnyFeedInput) -> None:
        if type(given) is FrameReceived:
            frames.append(given.frame)

    async def run(inbox: Emit) -> None:
        async def emit(event: EngineEvent) -> None:
            await inbox(event)

        await CandleStreams([stream], feed, past, emit, SystemClock(), tap=tap).run()

    spare_collector()
    await session.run(run, past)
    journal.close()
    sent = first_sent(frames)
    return Latencies(
        tuple((at - sent[instant]) / 1e3 for instant, at in broker.handed_ns.items() if instant in sent),
        tuple((at - sent[instant]) / 1e3 for instant, at in timed.decided_ns.items() if instant in sent),
        tuple(timed.commits[-streamed:]),
    )


def first_sent(frames: Iterable[bytes]) -> dict[int, int]:
    """When the first frame of each instant was sent, by the bar's end: nanoseconds of the monotonic clock."""
    sent: dict[int, int] = {}
    for frame in frames:
        try:
            said = msgspec.json.decode(frame, type=_Sent).data
        except msgspec.ValidationError:
            continue  # the answer to a subscription
        sent.setdefault(said.E, said.sent_ns)
    return sent


def write_bars(path: Path, candles: Mapping[str, Sequence[Candle]], streamed: int) -> None:
    """Write the last `streamed` candles of each market as the frame source reads them."""
    with path.open("wb") as file:
        for place in range(-streamed, 0):
            bars = [_kline(symbol, market[place]) for symbol, market in candles.items()]
            file.write(msgspec.json.encode(bars) + b"\n")


def _kline(symbol: str, candle: Candle) -> dict[str, object]:
    end_ms = candle.open_time_ms + TIMEFRAME.ms - 1
    names = {"t": candle.open_time_ms, "T": end_ms, "s": symbol.replace("/", ""), "i": TIMEFRAME.value, "x": True}
    figures = zip("ohlcv", (candle.open, candle.high, candle.low, candle.close, candle.volume), strict=True)
    return names | {name: repr(figure) for name, figure in figures}


@contextmanager
def frame_source(bars: Path, pause_s: float) -> Iterator[str]:
    """Start the process that sends the frames, and give its address."""
    words = [sys.executable, "-P", str(Path(__file__).with_name("frame_source.py")), str(bars), str(pause_s)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own file
        try:
            # The pipe was asked for in the line above.
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}"  # type: ignore[union-attr]
        finally:
            process.kill()
