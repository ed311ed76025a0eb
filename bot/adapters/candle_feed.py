"""
From what connections, history and the clock say to candles that can be traded on.

Deterministic and without effects: the same inputs in the same order give the same outputs, whatever the machine.
`CandleProof` holds the contract of a market's bars, `MarketWatch` the trust in its data; here are the connections,
and who is told what. Knows no venue's wire format.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, assert_never

from bot.adapters.candle_monitor import CandleMonitor
from bot.adapters.candle_proof import CandleProof
from bot.adapters.feed_inputs import (
    AnyFeedInput,
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.feed_outputs import CannotSubscribe, FeedOutput, GiveUp, Ready
from bot.adapters.feed_watch import FrameClock, MarketWatch
from bot.adapters.patience import Patience
from bot.adapters.venues import (
    Alive,
    ClosedCandle,
    FormingCandle,
    Ignored,
    Refused,
    ShuttingDown,
    StreamMessage,
    Subscribed,
    SubscriptionRefused,
    VenueStream,
)
from bot.core.errors import ConfigError
from bot.core.events import CandleClosed, PriceUpdated

_QUOTE: Final = 200


class _Link:
    """One connection, as the feed sees it."""

    def __init__(self, number: int, stream: VenueStream, now: int, confirm_ms: int) -> None:
        self.number = number
        self.stream = stream
        self.unconfirmed = set(stream.subscription().awaited)
        self.since = now
        self.confirm_by = now + confirm_ms
        self.fed = now
        self.given_up = False
        self.is_leaving = False


class CandleFeed:
    """
    The candles and prices of a venue's markets, from whatever arrives.

    Args:
        streams: The markets by connection; a `Connected` is of the one with its symbols.
        patience: Time limits.
        monitor: Asks history about a sample of what was emitted; None asks about nothing.
        begin_ms: Open time of the first candle wanted, by symbol; a market that is not named begins with the
            first bar that its stream speaks of.

    `counts` tells what has happened, by name.

    Raises:
        ConfigError: A market is on two connections, or timeframes differ.
    """

    def __init__(
        self,
        streams: Sequence[VenueStream],
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        monitor: CandleMonitor | None = None,
        begin_ms: Mapping[str, int] | None = None,
    ) -> None:
        symbols = [symbol for stream in streams for symbol in stream.symbols]
        if len(set(symbols)) != len(symbols) or len({stream.timeframe for stream in streams}) != 1:
            raise ConfigError("a feed needs streams of one timeframe, with each market on one of them")
        self.counts: Counter[str] = Counter()
        self._streams = {stream.symbols: stream for stream in streams}
        self._patience = patience
        self._monitor = monitor
        self._clock = FrameClock(patience.silence_ms, patience.stale_ms)
        self._links: dict[int, _Link] = {}
        self._elapsed = 0
        self._last_ms: int | None = None
        begins = begin_ms or {}
        self._markets = {
            symbol: MarketWatch(CandleProof(symbol, stream, patience, self.counts, begins.get(symbol)), patience, 0)
            for stream in streams
            for symbol in stream.symbols
        }
        self._granted: set[tuple[str, ...]] = set()

    @property
    def is_settled(self) -> bool:
        """Whether everything that was called closed has been emitted, and no answer is waited for."""
        return all(market.proof.is_settled for market in self._markets.values())

    def take(self, given: AnyFeedInput) -> list[FeedOutput]:
        """Learn one thing, and say what follows from it."""
        now = self._pass_time(given.at_ms)
        out: list[FeedOutput] = []
        if type(given) is FrameReceived:
            self._frame(given, now, out)
        elif type(given) is Tick:
            self._tick(now, out)
        elif type(given) is HistoryAnswered:
            self._answered(given, now, out)
        elif type(given) is HistoryFailed:
            self._failed(given, now)
        elif type(given) is Connected:
            self._connected(given, now, out)
        elif type(given) is Disconnected:
            self._disconnected(given)
        else:
            assert_never(given)
        if self._monitor:
            for output in out:
                if type(output) is CandleClosed:
                    self._monitor.note(output, now)
        return out

    def _pass_time(self, at_ms: int) -> int:
        """Elapsed time: it never goes back, whatever the machine's clock does."""
        if self._last_ms is not None:
            self._elapsed += max(0, at_ms - self._last_ms)
        self._last_ms = at_ms
        return self._elapsed

    def _connected(self, given: Connected, now: int, out: list[FeedOutput]) -> None:
        stream = self._streams[given.symbols]
        requests = len(stream.subscription().frames)
        patience = self._patience
        link = _Link(given.connection, stream, now, patience.confirm_ms + requests * patience.request_gap_ms)
        self._links[given.connection] = link
        self.counts["connections"] += 1
        for symbol in given.symbols:
            self._markets[symbol].connected(now)
        if not link.unconfirmed:
            out.append(Ready(link.number))

    def _disconnected(self, given: Disconnected) -> None:
        link = self._links.pop(given.connection, None)
        if link is None:
            return
        for symbol in link.stream.symbols:
            self._markets[symbol].lost(given.reason)

    def _frame(self, given: FrameReceived, now: int, out: list[FeedOutput]) -> None:
        link = self._links.get(given.connection)
        if link is None:
            self.counts["frames of no connection"] += 1
            return
        if link.stream.only_trades:
            link.fed = now
        for message in link.stream.parse(given.frame):
            if _is_ahead(message, given.latest_ms):
                # It says nothing of the bar, and less of the time: the engine's would never go back.
                self.counts["ahead of the clock"] += 1
            elif type(message) is FormingCandle:
                self._forming(link, message, now, out)
            elif type(message) is ClosedCandle:
                self._closed(link, message, now, out)
            else:
                self._said(link, message, out)

    def _forming(self, link: _Link, message: FormingCandle, now: int, out: list[FeedOutput]) -> None:
        market = self._markets[message.symbol]
        if not market.proof.take_forming(message, now):
            return
        candle, event_ms = message.candle, message.event_ms
        if event_ms is None:
            event_ms = max(self._clock.now_ms(now), candle.open_time_ms)
        else:
            self._clock.hear(event_ms, now)
        link.fed = now
        market.heard(candle, now)
        if self._clock.now_ms(now) - event_ms >= self._patience.stale_ms:
            self.counts["stale prices"] += 1
            return
        if not market.believes(candle.close):
            self.counts["doubted prices"] += 1
            return
        self.counts["prices"] += 1
        # A candle stream has no quotes: the last trade stands for both sides.
        last = candle.close
        out.append(PriceUpdated(event_ms, message.symbol, last, last, last))

    def _closed(self, link: _Link, message: ClosedCandle, now: int, out: list[FeedOutput]) -> None:
        market = self._markets[message.symbol]
        if not market.proof.take_closed(message, now, out):
            return
        self._clock.hear(message.event_ms, now)
        link.fed = now
        market.heard(message.candle, now)
        venue_ms = self._clock.now_ms(now)
        market.proof.ask_when_due(now, venue_ms, out)
        market.restore_if_proven(venue_ms, now, out)

    def _said(self, link: _Link, message: StreamMessage, out: list[FeedOutput]) -> None:
        """Take a message that is no candle."""
        match message:
            case Subscribed():
                self._confirmed(link, message, out)
            case SubscriptionRefused():
                self._refused(link, message, out)
            case ShuttingDown():
                self._leave(link, "the venue is shutting down", out)
            case Refused():
                self.counts[f"refused: {message.code}"] += 1
            case Ignored():
                self.counts["ignored"] += 1
            case Alive():
                self.counts["alive"] += 1
            case FormingCandle() | ClosedCandle():
                raise AssertionError("candles are taken elsewhere")
            case _:
                assert_never(message)

    def _confirmed(self, link: _Link, message: Subscribed, out: list[FeedOutput]) -> None:
        was_waiting = bool(link.unconfirmed)
        link.unconfirmed.difference_update(message.keys)
        if was_waiting and not link.unconfirmed:
            self._granted.add(link.stream.symbols)
            out.append(Ready(link.number))

    def _refused(self, link: _Link, message: SubscriptionRefused, out: list[FeedOutput]) -> None:
        about = f" for {message.key}" if message.key else ""
        reason = f"the venue refused a subscription{about}: code {message.code}, {message.text[:_QUOTE]!r}"
        self.counts["subscriptions refused"] += 1
        if link.stream.symbols in self._granted:
            self._give_up(link, reason, out)
        else:
            out.append(CannotSubscribe(reason))

    def _answered(self, answer: HistoryAnswered, now: int, out: list[FeedOutput]) -> None:
        market = self._markets[answer.symbol]
        if self._monitor and self._monitor.answered(answer, out):
            return
        self._clock.settle(answer.venue_ms, now)
        venue_ms = self._clock.now_ms(now)
        candles = market.proof.answered(answer, now, venue_ms, out)
        if candles is not None:
            market.history_said(candles, now)
        market.restore_if_proven(venue_ms, now, out)

    def _failed(self, failure: HistoryFailed, now: int) -> None:
        if not (self._monitor and self._monitor.failed(failure)):
            self._markets[failure.symbol].proof.failed(failure, now)

    def _tick(self, now: int, out: list[FeedOutput]) -> None:
        for link in self._links.values():
            self._look_at(link, now, out)
        venue_ms = self._clock.now_ms(now)
        for symbol, market in self._markets.items():
            dead = market.tick(now, venue_ms, out)
            if dead:
                for link in self._links.values():
                    if symbol in link.stream.symbols:
                        self._give_up(link, dead, out)
        if self._monitor:
            self._monitor.tick(now, out)

    def _look_at(self, link: _Link, now: int, out: list[FeedOutput]) -> None:
        if link.unconfirmed and now >= link.confirm_by:
            self._give_up(link, f"no answer to a subscription: {', '.join(sorted(link.unconfirmed))[:_QUOTE]}", out)
        elif now - link.fed >= self._patience.silence_ms:
            self._give_up(link, "connected, but no data", out)
        elif now - link.since >= self._patience.hand_over_ms:
            self._leave(link, "its age", out)

    def _give_up(self, link: _Link, reason: str, out: list[FeedOutput]) -> None:
        if not link.given_up:
            link.given_up = True
            self.counts["given up"] += 1
            out.append(GiveUp(link.number, reason))

    def _leave(self, link: _Link, reason: str, out: list[FeedOutput]) -> None:
        if not link.is_leaving and not link.given_up:
            link.is_leaving = True
            self.counts["handed over"] += 1
            out.append(GiveUp(link.number, reason, still_speaks=True))


def _is_ahead(message: StreamMessage, latest_ms: int | None) -> bool:
    """Whether a bar is told of from a time that has not come yet."""
    if latest_ms is None:
        return False
    if type(message) is ClosedCandle:
        return message.event_ms > latest_ms
    return type(message) is FormingCandle and max(message.event_ms or 0, message.candle.open_time_ms) > latest_ms
