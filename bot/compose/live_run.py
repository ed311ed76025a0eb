"""A live stream wired into an account at a venue: signals from candles, orders through ccxt, stops at the venue."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.account_stream import AccountStream
from bot.adapters.ccxt_account import preload
from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.history import CcxtHistory
from bot.adapters.journal_reader import read_run
from bot.adapters.live_broker import LiveBroker
from bot.adapters.narrator import Tell
from bot.adapters.no_model import NoModel
from bot.adapters.order_messages import MarketPrice
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_tracker import OrderTracker
from bot.adapters.tape_writer import TapeWriter
from bot.adapters.venue_peers import tls_context
from bot.adapters.venue_rules import VenueRules, heard, instrument
from bot.adapters.venues.binance_account import BinanceAccount, account_url
from bot.compose.account import Account, AccountRequest, open_at
from bot.compose.asked import asked_symbol, asked_timeframe, stopped_by_signals
from bot.compose.market_source import InventedMarket, embedded_start_ms
from bot.compose.parts import costs, overruled, resolve_strategy
from bot.compose.run import PLACE, SPEED, Opened, open_run, plan
from bot.compose.session_parts import (
    ModelGuard,
    after_tape,
    asked_model,
    begin,
    candles,
    control,
    floor_ms,
    planned_feed,
    told,
)
from bot.compose.tape_events import TAPE_FOLDER
from bot.core.commands import Notify
from bot.core.errors import ConfigError
from bot.core.events import PriceUpdated
from bot.core.market import Instrument, Timeframe
from bot.core.ports import Forecaster
from bot.core.run_record import RunRecord
from bot.engine.engine import Engine
from bot.flows import LiveFlow
from bot.price_steps import PriceSteps
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints
from bot.runner import Questions, Session
from config.loading import Loaded, load_settings

_log = logging.getLogger(__name__)

_PARTING_S: Final = 15.0
"""For the answers to orders that are on their way when a session is stopped: longer than any request may take."""


class LiveRequest(Struct, frozen=True):
    """
    What a live session was asked to do; the names are those of the command line.

    `invented` is what an embedded exchange of our own makes up, and its speed that of one that is joined. `for_ms` is
    market time; None is until stopped.
    """

    out: Path
    account: AccountRequest = AccountRequest()
    symbols: tuple[str, ...] = ("BTC/USDT",)
    timeframe: str = "1h"
    bundle: Path | None = None
    runtime: str = "onnx"
    strategy: str = "forecast"
    profile: str | None = None
    overrides: Mapping[str, str] = {}
    cash: str | None = None
    for_ms: int | None = None
    invented: InventedMarket = InventedMarket(speed="1")
    record: bool = False


OpenAccount = Callable[
    [AccountRequest, InventedMarket, Sequence[str], Timeframe, int, int | None], AbstractAsyncContextManager[Account]
]
"""Opens an account; the arguments are those of `open_at`."""


async def run_live(
    request: LiveRequest, tell: Tell, progress: Callable[[int, int], None], open_account: OpenAccount = open_at
) -> bool:
    """
    Run a session to its end, its time limit or a signal; the same request goes on with one that was stopped.

    Args:
        request: What to do.
        tell: Called with everything that a person would want to see as it happens.
        progress: Called with the number of candles and their close time.
        open_account: Opens the account that is asked for.

    Returns:
        Whether the run is finished; otherwise it was stopped and can be gone on with.

    Raises:
        CandlewickError: Settings, model, account, venue or folder are not what they should be.
    """
    overrides = {**request.overrides, **({"account.budget": request.cash} if request.cash else {})}
    loaded = load_settings(request.profile, overrides)
    timeframe = asked_timeframe(request.timeframe)
    request = replace(request, symbols=tuple(sorted({asked_symbol(text) for text in request.symbols})))
    if request.invented.speed == "max":
        raise ConfigError("--speed max has no time in which an order could travel: write a number")
    recorded = read_run(request.out) if (request.out / "journal.sqlite").exists() else None
    bundle, model, life = None, None, None
    if resolve_strategy(request.strategy, loaded.settings).needs_forecast:
        bundle, model, life = asked_model(request.bundle, request.runtime)
    preload()
    from_ms = embedded_start_ms(timeframe)
    until_ms = None if request.for_ms is None else from_ms + request.for_ms
    async with (
        open_account(request.account, request.invented, request.symbols, timeframe, from_ms, until_ms) as account,
        CcxtHistory(
            request.symbols,
            timeframe,
            account.source.rest_url,
            venue=account.source.rest_venue,
            session=account.session,
        ) as history,
    ):
        rules = await account.orders.rules(request.symbols)
        account.gate.learn(account.orders.limits)
        header = plan(
            loaded,
            _instruments(rules, request, loaded, recorded),
            timeframe,
            strategy=request.strategy,
            bundle=bundle,
            started_ms=recorded.header.at_ms if recorded else floor_ms(account.clock.now_ms(), timeframe),
            inputs=_inputs(request, account, recorded),
            labels={
                "market": account.source.label,
                "profile": request.profile or "cautious",
                "signal_venue": request.account.place,
            },
        )
        opened = open_run(request.out, header, synchronous="FULL")
        try:
            session = _LiveSession(
                request,
                opened,
                recorded,
                account,
                history,
                rules,
                model or NoModel(),
                ModelGuard(bundle, life, recorded),
            )
            finished = await session.run(tell, progress)
            if finished:
                opened.journal.finish()
        finally:
            opened.journal.close()
    return finished


class _LiveSession:
    """One process's share of a live run."""

    def __init__(
        self,
        request: LiveRequest,
        opened: Opened,
        recorded: RunRecord | None,
        account: Account,
        history: CcxtHistory,
        rules: Mapping[str, VenueRules],
        model: Forecaster,
        guard: ModelGuard,
    ) -> None:
        self._request = request
        self._opened = opened
        self._recorded = recorded
        self._account = account
        self._history = history
        self._rules = rules
        self._model = model
        self._guard = guard
        header = opened.header
        self._timeframe = Timeframe(header.timeframe)
        self._symbols = [one.symbol for one in header.instruments]
        self._tracker = OrderTracker(
            header.instruments,
            header.run_id[:8],
            header.budget,
            patience=OrderPatience(absent_ms=int(header.settings["execution.absent_ms"])).scaled(account.speed),
            watched=[symbol for symbol, one in rules.items() if "STOP_LOSS" not in one.order_types],
            may_reset=True,
        )
        self._prices = PriceSteps(float(header.settings["execution.mark_step_bps"]))

    async def run(self, tell: Tell, progress: Callable[[int, int], None]) -> bool:
        """Run to the session's end; tell whether the run came to its own."""
        engine, header, clock = self._opened.engine, self._opened.header, self._account.clock
        board = told(self._opened, tell, self._recorded)
        questions = Questions()
        broker = LiveBroker(self._tracker, self._account.orders, self._account.standings, clock)
        self._broker = broker
        pump = Pump(
            engine,
            self._guard.journal(board),
            broker,
            self._guard.model(self._model),
            backfill=questions.ask,
            measures_latency=True,
        )
        now_ms = clock.now_ms()
        planned = planned_feed(self._request.account.place, self._opened, now_ms)
        async with AsyncExitStack() as held:
            tape = None
            if self._request.record:
                writer = TapeWriter(self._request.out / TAPE_FOLDER, planned.header(now_ms))
                tape = held.enter_context(writer)
            checkpoints = Checkpoints(engine, self._opened.journal, int(header.settings["journal.snapshot_events"]))
            session = Session(
                pump,
                questions,
                LiveFlow(pump, checkpoints, board, after_tape(tape, board.keep), progress, self._guard.doubts),
                checkpoints,
                clock=clock,
                until_ms=None if self._request.for_ms is None else header.at_ms + self._request.for_ms,
            )
            broker.post_to(session.put_first)
            held.enter_context(stopped_by_signals(session.stop))
            await held.enter_async_context(control(self._request.out, engine, session, board, clock))
            spare_collector()
            begin(pump, engine, now_ms, self._model.name if engine.needs_forecast else None)
            for rules in self._rules.values():
                broker.hear(heard(rules, now_ms))
            board.commit()
            finished = await session.run(
                candles(planned, self._account.source, self._history, tape, self._choose),
                self._history,
                services={"orders": broker.run, "private stream": self._stream().run, "clock": clock.keep},
                settle=lambda: broker.settle(_PARTING_S),
            )
            if finished:
                # The engine has not said it, so it is none of the journal's.
                for notice in left_behind(engine):
                    _log.warning("%s", notice.text)
            return finished

    def _stream(self) -> AccountStream:
        account = self._account
        return AccountStream(
            account_url(account.place.socket_host),
            BinanceAccount({symbol.replace("/", ""): symbol for symbol in self._symbols}),
            account.credentials,
            self._broker.hear,
            clock=account.clock,
            gate=account.gate,
            peers=account.peers,
            tls=tls_context(account.ca_file),
        )

    def _choose(self, event: EngineEvent) -> EngineEvent | None:
        """Have stops that are watched here see every price, and the engine those that say something new."""
        if not isinstance(event, PriceUpdated):
            return event
        self._broker.hear(MarketPrice(self._account.clock.now_ms(), event.symbol, Decimal(repr(event.last))))
        return event if self._prices.is_news(event) else None


def left_behind(engine: Engine) -> list[Notify]:
    """What a run that is over leaves at its venue: no later run knows that it is ours."""
    state, found = engine.state, []
    for market in engine.status({}).markets:
        holding = market.holding
        if holding is None or holding.is_dust:
            continue
        stop = state.orders.get(state.markets[market.symbol].stop_id)
        guarded = f"protected by stop {stop.intent.client_order_id} at {stop.intent.stop_price}" if stop else "bare"
        text = (
            f"{market.symbol}: the run is over, and {holding.quantity} of it are still held at the venue, {guarded}: "
            "no other run will see to them, sell them there"
        )
        found.append(Notify(state.time_ms, "left_behind", text))
    return found


def _instruments(
    rules: Mapping[str, VenueRules], request: LiveRequest, loaded: Loaded, recorded: RunRecord | None
) -> tuple[Instrument, ...]:
    if recorded and tuple(one.symbol for one in recorded.header.instruments) == request.symbols:
        return recorded.header.instruments  # a run keeps the rules that it began with
    place = request.account.place
    return tuple(
        overruled(instrument(rules[symbol], costs(loaded.settings), place, place), loaded.settings)
        for symbol in request.symbols
    )


def _inputs(request: LiveRequest, account: Account, recorded: RunRecord | None) -> dict[str, str]:
    # Where an account is real, two runs are never the same one: the name of each is drawn, and written down.
    drawn = recorded.header.fingerprints.get("drawn", "") if recorded else secrets.token_hex(8)
    return {
        PLACE: request.account.place,
        SPEED: repr(account.speed),
        "for_ms": str(request.for_ms),
        "runtime": request.runtime,
        "drawn": drawn,
    }
