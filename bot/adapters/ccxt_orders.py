"""
Orders at a venue through ccxt.

Binance spot. ccxt makes and signs the requests, the reports are read from the answers as they came. Placing,
cancelling and looking up never raise: what they come to is a value, and unknown is one of them. Knows nothing of what
an order is for, nor of limits of requests: the session sees to those.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from bot.adapters import order_reports as reports
from bot.adapters.ccxt_line import CcxtLine
from bot.adapters.ccxt_markets import CcxtMarkets
from bot.adapters.order_messages import Answered, Balance, OrderReport, Outcome, TradeReport
from bot.adapters.order_outcome import No, Question
from bot.adapters.order_requests import OrderArguments, order_arguments, pair_parameters
from bot.adapters.rate_limits import RateLimits
from bot.adapters.venue_clock import VenueClock
from bot.adapters.venue_filters import Standing
from bot.adapters.venue_rules import VenueRules
from bot.core.errors import VenueError
from bot.core.orders import Intent

_TRADES_AT_ONCE: Final = 1_000
_OPEN_OF_ONE: Final = 6
_OPEN_OF_ALL: Final = 80
"""What Binance counts for the open orders of one market, and for those of all."""

_log = logging.getLogger(__name__)


class CcxtOrders:
    """
    The orders of one account.

    The rules of a market are loaded before anything else is asked of it; until then nothing is sent.

    Args:
        exchange: What `open_account` returned; it belongs to this object now.
        clock: The one that its requests are stamped by.
        standing: How things stand in a market now, by its symbol, for the rules that ask; where nobody knows, those
            rules are left to the venue.
    """

    def __init__(
        self, exchange: Any, clock: VenueClock, standing: Callable[[str], Standing] = lambda _symbol: Standing()
    ) -> None:
        self._exchange = exchange
        self._line = CcxtLine(exchange, clock)
        self._markets = CcxtMarkets(self._line, standing)

    async def place(self, intent: Intent, *, post_only: bool = False, until_ms: int | None = None) -> Outcome:
        """
        Send an order, once.

        Args:
            intent: What is wanted; a stop with a limit becomes a limit order when its price is touched.
            post_only: Whether the venue is to refuse it where it would trade at once.
            until_ms: When it is too late to send it again after the venue found its timestamp wrong.
        """
        objection = self._markets.objection(intent, post_only=post_only)
        if objection:
            return objection
        send = partial(self._create, order_arguments(intent, post_only=post_only))
        read = partial(reports.placed, symbol=intent.symbol, client_order_id=intent.client_order_id)
        return _outcome(await self._line.ask(Question.PLACE, send, read, until_ms))

    async def place_pair(self, limit: Intent, stop: Intent) -> tuple[Outcome, Outcome]:
        """
        Send two orders of which one cancels the other, once: a limit that waits, and a stop on the other side.

        Args:
            limit: Of type LIMIT; it is refused where it would trade at once.
            stop: Of type STOP, of the same market, side and quantity.

        Returns:
            What became of each, in this order.

        Raises:
            ValueError: They are no pair.
        """
        params = pair_parameters(limit, stop)
        objection = self._markets.objection(limit, post_only=True) or self._markets.objection(stop)
        if objection:
            return objection, objection
        send = partial(self._exchange.private_post_orderlist_oco, params)
        ids = (limit.client_order_id, stop.client_order_id)
        read = partial(reports.pair_placed, symbol=limit.symbol, client_order_ids=ids)
        answer = await self._line.ask(Question.PLACE, send, read)
        return (Answered(answer[0]), Answered(answer[1])) if isinstance(answer, tuple) else (answer, answer)

    async def cancel(self, symbol: str, client_order_id: str) -> Outcome:
        """
        Take an order back; harmless when asked twice.

        `NOT_FOUND` says no more than that: there is nothing to cancel any more. It may have been filled, or cancelled
        by a request whose answer was lost.
        """
        send = partial(self._exchange.cancel_order, None, symbol, {"clientOrderId": client_order_id})
        read = partial(reports.cancelled, symbol=symbol, client_order_id=client_order_id)
        return self._markets.unknown(symbol) or _outcome(await self._line.ask(Question.CANCEL, send, read))

    async def order(self, symbol: str, client_order_id: str) -> Outcome:
        """Look an order up; `NOT_FOUND` proves nothing by itself, since the venue's copies can be behind."""
        send = partial(self._exchange.fetch_order, None, symbol, {"clientOrderId": client_order_id})
        read = partial(reports.shown, symbol=symbol, client_order_id=client_order_id)
        return self._markets.unknown(symbol) or _outcome(await self._line.ask(Question.LOOK_UP, send, read))

    async def trades(self, symbol: str, venue_order_id: str) -> tuple[TradeReport, ...]:
        """
        Look up all trades of an order that the venue shows now.

        Raises:
            VenueError: It does not.
        """
        self._check_known(symbol)
        what = f"the trades of order {venue_order_id}"
        read = partial(reports.trades, symbol=symbol, venue_order_id=venue_order_id)
        found: tuple[TradeReport, ...] = ()
        while True:
            after = {"fromId": int(found[-1].trade_id) + 1} if found else {}
            send = partial(self._exchange.fetch_order_trades, venue_order_id, symbol, None, _TRADES_AT_ONCE, after)
            page = await self._line.look_up(what, send, read)
            found += page
            if len(page) < _TRADES_AT_ONCE:
                return found

    async def account(self, symbols: Sequence[str]) -> tuple[dict[str, Balance], tuple[OrderReport, ...]]:
        """
        Look up what the account has, by asset, and what is open in these markets, foreign orders included.

        The two are asked for one after the other: what trades in between is seen in the balances alone. A market that
        is missing has no open orders.

        Raises:
            VenueError: The venue does not tell.
        """
        symbols = [symbol for symbol in symbols if not self._markets.is_missed(symbol)]
        for symbol in symbols:
            self._check_known(symbol)
        asked: Sequence[str | None] = symbols if _OPEN_OF_ONE * len(symbols) < _OPEN_OF_ALL else [None]
        found: tuple[OrderReport, ...] = ()
        for one in asked:
            read = partial(reports.open_orders, symbols=symbols if one is None else [one])
            found += await self._line.look_up("the open orders", partial(self._exchange.fetch_open_orders, one), read)
        send = partial(self._exchange.fetch_balance, {"omitZeroBalances": "true"})
        return await self._line.look_up("the balances", send, reports.balances), found

    async def rules(self, symbols: Sequence[str]) -> dict[str, VenueRules]:
        """
        Load the rules of some markets, anew where they are known; those of others stay.

        Raises:
            VenueError: The venue does not tell them all; what was known before stays in force.
        """
        return await self._markets.load(symbols)

    def miss(self, symbol: str, reason: str) -> None:
        """
        Do without a market that the venue does not list any more, until `renew_rules` finds it there again.

        Orders in it are refused here as in a closed market, and what was there cannot be asked for.
        """
        self._markets.miss(symbol, reason)

    @property
    def limits(self) -> RateLimits:
        """What the venue lets us ask and place, as it said when rules were loaded last."""
        return self._markets.limits

    async def renew_rules(self, symbol: str) -> VenueRules | None:
        """Load the rules of a market anew; None where that fails, and those that are known stay in force."""
        try:
            return (await self._markets.load([symbol]))[symbol]
        except VenueError as error:
            _log.warning("going on by the old rules of %s: %s", symbol, error)
            return None

    async def time_ms(self) -> int:
        """
        Ask for the venue's time.

        Raises:
            VenueError: It does not tell.
        """
        return await self._line.time_ms()

    async def close(self) -> None:
        """End it; the session that it used stays open."""
        await self._line.close()

    async def _create(self, arguments: OrderArguments) -> None:
        """
        Do what ccxt's `create_order` does for a spot order, but for its own reading of the answer.

        That one takes a tenth of the time of the whole call, and nobody needs it.
        """
        await self._exchange.private_post_order(self._exchange.create_order_request(*arguments))

    def _check_known(self, symbol: str) -> None:
        unknown = self._markets.unknown(symbol)
        if unknown:
            raise VenueError(unknown.reason)


def _outcome(answer: OrderReport | No) -> Outcome:
    return Answered(answer) if isinstance(answer, OrderReport) else answer
