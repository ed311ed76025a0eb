"""
Whether a market's data can be trusted now: its age, its proofs, and the difference between quiet and dead.

Pure. Frames that stop, or that go on and never change, raise a doubt. History settles it: if it knows of trades
that the stream does not bring, the feed is dead, else there are none.
"""

from collections.abc import Mapping
from typing import Final

from bot.adapters.candle_proof import CandleProof, is_near
from bot.adapters.feed_outputs import FeedOutput
from bot.adapters.patience import Patience
from bot.core.events import MarketRestored, MarketSuspended
from bot.core.market import Candle

_UNHEARD: Final = -1


class FrameClock:
    """
    The venue's time, from what it says: never ahead of it, and behind by the quickest message of late.

    Elapsed time carries it on. An offset that was too large is forgotten after two of `window_ms`.
    """

    def __init__(self, window_ms: int, slack_ms: int) -> None:
        self._window_ms = window_ms
        self._slack_ms = slack_ms
        self._window_since = 0
        self._offset: int | None = None
        self._older_offset: int | None = None

    def hear(self, venue_ms: int, now: int) -> None:
        """Take the time of a message, which is no later than its receipt."""
        if now - self._window_since >= self._window_ms:
            self._window_since, self._older_offset, self._offset = now, self._offset, None
        if self._offset is None or venue_ms - now > self._offset:
            self._offset = venue_ms - now

    def settle(self, venue_ms: int, now: int) -> None:
        """Take the time that the venue was asked for: it corrects messages that claimed a later one."""
        if self.now_ms(now) > venue_ms + self._slack_ms:
            self._older_offset = None
            self._offset = venue_ms - now

    def now_ms(self, now: int) -> int:
        """What time it is there at least; 0 while nothing was heard."""
        if self._offset is None:
            return 0 if self._older_offset is None else self._older_offset + now
        return now + (self._offset if self._older_offset is None else max(self._offset, self._older_offset))


class MarketWatch:
    """
    The trust in one market's data.

    Args:
        proof: What is proven of its bars.
        patience: Time limits.
        now: Elapsed time.
    """

    def __init__(self, proof: CandleProof, patience: Patience, now: int) -> None:
        self.proof = proof
        self.suspended = False
        self._symbol = proof.symbol
        self._patience = patience
        self._trusted_at = now
        self._watched_since = now
        self._heard = _UNHEARD
        self._changed = now
        self._shown: Candle | None = None
        self._owed: Candle | None = None
        self._owed_since = now
        self._lost_because = ""
        self._told: Candle | None = None
        self._leaps = False

    def connected(self, now: int) -> None:
        """Begin to expect frames: another connection stands."""
        self._watched_since = self._changed = now
        self._owed = None

    def lost(self, reason: str) -> None:
        """Remember why a connection went."""
        self._lost_because = reason

    def heard(self, candle: Candle, now: int) -> None:
        """Take note of a frame that was news."""
        self._heard = self._trusted_at = self._watched_since = now
        if candle != self._shown:
            self._changed = now
        self._shown = candle
        if self._owed and _covers(candle, self._owed):
            self._owed = None

    def believes(self, price: float) -> bool:
        """Whether a price may be handed on: one that leaps has to be borne out by history, which will be asked."""
        last, told = self.proof.last, self._told
        if last is None or is_near(price, last.close):
            return True
        if told and told.open_time_ms > last.open_time_ms and is_near(price, told.close):
            return True
        self._leaps = True
        return False

    def history_said(self, candles: Mapping[int, Candle], now: int) -> None:
        """Settle a doubt: either there are no trades, or the stream owes us some."""
        newest = candles[max(candles)] if candles else None
        self._leaps = False
        self._told = newest
        # An answer without any candle settles nothing.
        if newest is None or self._owed or not self._is_doubtful(now):
            return
        if newest.volume == 0.0 or (self._shown and _covers(self._shown, newest)):
            self._heard = self._trusted_at = self._watched_since = self._changed = now
        else:
            self._owed, self._owed_since = newest, now

    def tick(self, now: int, venue_ms: int, out: list[FeedOutput]) -> str:
        """
        Ask, suspend or restore, as the time demands.

        Returns:
            Why the connection of this market has to be replaced; empty if it has not.
        """
        patience, proof = self._patience, self.proof
        proof.ask_when_due(now, venue_ms, out, in_doubt=self._leaps or self._is_doubtful(now))
        if self._owed and now - self._owed_since >= patience.grace_ms:
            self._owed = None
            self._changed = now
            return f"{self._symbol} has trades that the stream does not bring"
        too_long_ms = patience.silence_ms + patience.prove_ms
        if now - self._trusted_at >= too_long_ms:
            because = self._lost_because or "the stream says nothing of it"
            self._suspend(f"no data for {(now - self._trusted_at) // 1000} s: {because}", venue_ms, out)
        if proof.overdue_ms(now) >= patience.prove_ms and not proof.is_quiet:
            self._suspend(f"the candle of {proof.next_ms} is not proven: {proof.trouble}", venue_ms, out)
        self.restore_if_proven(venue_ms, now, out)
        if now - self._watched_since >= too_long_ms:
            self._watched_since = now
            return f"no data of {self._symbol}, and history does not say why"
        return ""

    def restore_if_proven(self, venue_ms: int, now: int, out: list[FeedOutput]) -> None:
        """Trust the market again, where nothing is missing and its data is young."""
        if (
            self.suspended
            and self._heard > _UNHEARD
            and now - self._heard < self._patience.silence_ms
            and (self.proof.overdue_ms(now) == 0 or self.proof.is_quiet)
        ):
            self.suspended = False
            out.append(MarketRestored(venue_ms, self._symbol))

    def _is_doubtful(self, now: int) -> bool:
        patience = self._patience
        return now - self._watched_since >= patience.silence_ms or now - self._changed >= patience.frozen_ms

    def _suspend(self, reason: str, venue_ms: int, out: list[FeedOutput]) -> None:
        if not self.suspended:
            self.suspended = True
            out.append(MarketSuspended(venue_ms, self._symbol, reason))


def _covers(shown: Candle, newest: Candle) -> bool:
    """Whether the stream has shown as much as history has."""
    if shown.open_time_ms == newest.open_time_ms:
        return shown.volume >= newest.volume
    return shown.open_time_ms > newest.open_time_ms
