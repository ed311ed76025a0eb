"""A live stream wired into an account at a venue: signals from candles, orders through ccxt, stops at the venue."""

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from msgspec.structs import replace

from bot.adapters.account_stream import AccountStream
from bot.adapters.ccxt_account import preload
from bot.adapters.history import CcxtHistory
from bot.adapters.live_broker import LiveBroker
from bot.adapters.narrator import Tell
from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_tracker import OrderTracker
from bot.adapters.tape_writer import TapeWriter
from bot.adapters.venue_peers import tls_context
from bot.adapters.venue_rules import VenueRules, heard, instrument
from bot.adapters.venues.binance_account import BinanceAccount, account_url
from bot.compose.account import Account, AccountRequest, open_at
from bot.compose.account_opening import see_account
from bot.compose.asked import stopped_by_signals
from bot.compose.left_behind import left_behind
from bot.compose.listed_markets import ListedMarkets, listed_markets
from bot.compose.market_source import InventedMarket, embedded_start_ms
from bot.compose.parts import costs, overruled
from bot.compose.run import PLACE, SPEED, Opened, open_run
from bot.compose.session_parts import (
    after_tape,
    begin,
    candles,
    control,
    heard_until,
    planned_feed,
    told,
)
from bot.compose.session_request import SessionRequest, Terms, terms_of
from bot.compose.tape_events import TAPE_FOLDER
from bot.compose.venue_prices import VenuePrices
from bot.core.errors import ConfigError
from bot.core.events import EpochBegan, MarketBarred, MarketSuspended
from bot.core.market import Instrument, Timeframe
from bot.core.run_record import RunRecord
from bot.flows import LiveFlow
from bot.price_steps import PriceSteps
from bot.pump import Pump, spare_collector
from bot.replay import Checkpoints
from bot.runner import Questions, Session
from config.resolved import settings_from
from config.settings import Settings

_log = logging.getLogger(__name__)

_PARTING_S: Final = 15.0
"""For the answers to orders that are on their way when a session is stopped: longer than any request may take."""


class LiveRequest(SessionRequest, frozen=True):
    """
    What a live session was asked to do.

    `invented` is what an embedded exchange of our own makes up, and its speed that of one that is joined.
    """

    account: AccountRequest = AccountRequest()
    invented: InventedMarket = InventedMarket(speed="1")


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
    if request.invented.speed == "max":
        raise ConfigError("--speed max has no time in which an order could travel: write a number")
    terms = terms_of(request)
    preload()
    from_ms, until_ms = _invented_span(request, terms)
    async with AsyncExitStack() as held:
        account = await held.enter_async_context(
            open_account(request.account, request.invented, terms.symbols, terms.timeframe, from_ms, until_ms)
        )
        listed = await listed_markets(account.orders, terms)
        account.gate.learn(account.orders.limits)
        await see_account(account.orders, terms)
        source = account.source
        history = await held.enter_async_context(
            CcxtHistory(
                tuple(listed.rules),
                terms.timeframe,
                source.rest_url,
                venue=source.rest_venue,
                session=account.session,
            )
        )
        header = terms.header(
            request,
            _instruments(listed.rules, request, terms),
            source,
            request.account.place,
            _inputs(request, account, terms.recorded),
        )
        opened = open_run(request.out, header, synchronous="FULL")
        try:
            session = _LiveSession(request, terms, opened, account, history, listed)
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
        terms: Terms,
        opened: Opened,
        account: Account,
        history: CcxtHistory,
        listed: ListedMarkets,
    ) -> None:
        self._request = request
        self._terms = terms
        self._opened = opened
        self._account = account
        self._history = history
        self._listed = listed
        self._guard = terms.guard()
        header = opened.header
        self._symbols = [one.symbol for one in header.instruments]
        self._tracker = OrderTracker(
            header.instruments,
            header.run_id[:8],
            header.budget,
            patience=_patience(settings_from(header.settings)).scaled(account.speed),
            watched=[symbol for symbol, one in listed.rules.items() if "STOP_LOSS" not in one.order_types],
            may_reset=True,
        )

    async def run(self, tell: Tell, progress: Callable[[int, int], None]) -> bool:
        """Run to the session's end; tell whether the run came to its own."""
        engine, header, clock = self._opened.engine, self._opened.header, self._account.clock
        board = told(self._opened, tell, self._terms.recorded)
        questions = Questions()
        broker = LiveBroker(self._tracker, self._account.orders, self._account.standings, clock)
        self._broker = broker
        pump = Pump(
            engine,
            self._guard.journal(board),
            broker,
            self._guard.model(self._terms.model),
            backfill=questions.ask,
            measures_latency=True,
        )
        now_ms = clock.now_ms()
        planned = planned_feed(self._request.account.place, self._opened, now_ms, self._listed.missing)
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
            if self._account.begins_anew and (engine.state.portfolio.positions or engine.state.orders):
                pump.feed(EpochBegan(now_ms, "an exchange of our own lives no longer than a session"))
            begin(pump, engine, now_ms, self._terms.model.name if engine.needs_forecast else None)
            for symbol, reason in self._listed.missing.items():
                # What nobody tells of is waited for by no instant, and nothing is bought there.
                pump.feed(MarketSuspended(now_ms, symbol, reason))
                pump.feed(MarketBarred(now_ms, symbol, reason))
            for rules in self._listed.rules.values():
                broker.hear(heard(rules, now_ms))
            board.commit()
            steps = PriceSteps(float(header.settings["execution.mark_step_bps"]))
            prices = VenuePrices(header.instruments, broker.hear, clock, steps)
            ahead_ms = round(planned.patience.stale_ms * self._account.speed)
            finished = await session.run(
                candles(
                    planned,
                    self._account.source,
                    self._history,
                    tape,
                    prices.choose,
                    latest_ms=lambda: clock.now_ms() + ahead_ms,
                ),
                self._history,
                services={"orders": broker.run, "private stream": self._stream().run, "clock": clock.keep},
                settle=lambda: broker.settle(_PARTING_S),
            )
            if finished and not self._account.begins_anew:
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


def _instruments(rules: Mapping[str, VenueRules], request: LiveRequest, terms: Terms) -> tuple[Instrument, ...]:
    if terms.kept_markets is not None:
        return terms.kept_markets
    place, settings = request.account.place, terms.loaded.settings
    return tuple(
        overruled(instrument(rules[symbol], costs(settings), place, place), settings) for symbol in terms.symbols
    )


def _patience(settings: Settings) -> OrderPatience:
    usual = OrderPatience(absent_ms=settings.execution.absent_ms)
    deciding_ms = settings.engine.batch_deadline_ms + (settings.engine.forecast_deadline_ms or 0)
    return replace(usual, decision_ms=max(usual.decision_ms, deciding_ms + usual.entry_ms))


def _invented_span(request: LiveRequest, terms: Terms) -> tuple[int, int | None]:
    """Where the market of an exchange of our own takes up, and where it ends."""
    begun = terms.recorded
    started_ms = begun.header.at_ms if begun else embedded_start_ms(terms.timeframe)
    from_ms = heard_until(terms.symbols, begun) if begun else started_ms
    return from_ms, None if request.for_ms is None else started_ms + request.for_ms


def _inputs(request: LiveRequest, account: Account, recorded: RunRecord | None) -> dict[str, str]:
    # Where an account is real, two runs are never the same one: the name of each is drawn, and written down.
    drawn = recorded.header.fingerprints.get("drawn", "") if recorded else secrets.token_hex(8)
    invented = {"seed": str(request.invented.seed), "rho": str(request.invented.rho)} if account.begins_anew else {}
    return invented | {
        PLACE: request.account.place,
        SPEED: repr(account.speed),
        "for_ms": str(request.for_ms),
        "runtime": request.runtime,
        "drawn": drawn,
    }
