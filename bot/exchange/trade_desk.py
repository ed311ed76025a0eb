"""
The trading half of a running exchange: its accounts, keys, prices and counters under one market clock.

Whoever speaks to clients, over REST or a socket, hands requests in here and is told what happens to accounts. Knows
nothing of HTTP, websockets and faults.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

from msgspec import Struct

from bot.exchange.account_api import AccountApi, Answer, Request
from bot.exchange.account_events import AccountEvent
from bot.exchange.accounts_file import Customer, open_accounts
from bot.exchange.courses import Courses
from bot.exchange.depth import Depth
from bot.exchange.order_rules import MarketRules
from bot.exchange.pace import Pace
from bot.exchange.signing import Credentials, Keyring
from bot.exchange.trading import TradingVenue
from bot.exchange.venue import Market
from bot.exchange.weights import Limits, RequestMeter

Listener = Callable[[Sequence[AccountEvent]], None]


class Terms(Struct, frozen=True):
    """
    On which terms an exchange trades.

    `depth` is how the street quotes in every market, `rules` are by symbol on the wire; a market without any has
    those of its listing.
    """

    customers: tuple[Customer, ...] = ()
    depth: Depth = Depth()
    limits: Limits = Limits()
    rules: dict[str, MarketRules] = {}


class Trading:
    """
    Accounts that trade in the markets of an exchange.

    `venue` is the state of everything, and another object after `reset`. `keys` knows who may ask, `meter` counts
    what the address of all clients has used up.

    Args:
        markets: Where the candles come from, by symbol on the wire.
        pace: The market's clock.
        terms: Who trades, and how.
    """

    def __init__(self, markets: Mapping[str, Market], pace: Pace, terms: Terms) -> None:
        self._markets = markets
        self._terms = terms
        self._listeners: list[Listener] = []
        self._bereft: list[Callable[[str], None]] = []
        self.pace = pace
        self.epoch = 0
        self.keys = Keyring((customer.credentials for customer in terms.customers), pace.speed)
        self.meter = RequestMeter(terms.limits)
        self._begin()

    @property
    def limits(self) -> Limits:
        """How much may be asked and placed."""
        return self._terms.limits

    def on_events(self, tell: Listener) -> None:
        """Call `tell` with what happens to accounts, in order, as soon as it has happened."""
        self._listeners.append(tell)

    def on_revoked(self, tell: Callable[[str], None]) -> None:
        """Call `tell` with a key that is taken away."""
        self._bereft.append(tell)

    def move(self, symbols: Iterable[str] = ()) -> None:
        """
        Let the markets come to the present in which there are orders, and tell what follows.

        Args:
            symbols: Markets that somebody wants to look at, whether or not there are orders in them.
        """
        self._move(self.pace.now_ms(), symbols)

    def answer(self, request: Request) -> Answer:
        """
        Answer a signed request, a refusal included; what follows from it is told before this returns.

        Args:
            request: One that `knows` knows, of `pace.now_ms()`.
        """
        sent = dict(parse_qsl(f"{request.query}&{request.body}"))
        self._move(request.now_ms, [sent["symbol"]] if "symbol" in sent else ())
        try:
            return self._api.answer(request)
        finally:
            self.tell()

    def knows(self, method: str, endpoint: str) -> bool:
        """Whether this is a signed request of an account."""
        return self._api.knows(method, endpoint)

    def tell(self) -> None:
        """Hand over what has happened since the last time; to be called after each command to `venue`."""
        happened = self.venue.drain()
        if happened:
            for listener in self._listeners:
                listener(happened)

    def put_key(self, key: Credentials) -> None:
        """Give an account a key, or change what a key may do."""
        self.keys.put(key)

    def revoke(self, api_key: str) -> None:
        """Take a key away."""
        self.keys.revoke(api_key)
        for tell in self._bereft:
            tell(api_key)

    def reset(self) -> None:
        """
        Begin anew, as practice venues do: orders are gone without a word, balances are whole again, keys are kept.

        The state and the rules of markets are those of the beginning.
        """
        self.epoch += 1
        self._begin()

    def _begin(self) -> None:
        now_ms = self.pace.now_ms()
        terms = self._terms
        self.venue = TradingVenue(
            [market.listing for market in self._markets.values()],
            open_accounts(terms.customers),
            now_ms,
            terms.depth,
            terms.limits,
            terms.rules,
        )
        self._courses = Courses(self._markets, now_ms)
        self._api = AccountApi(self.venue, self.keys)

    def _move(self, now_ms: int, symbols: Iterable[str]) -> None:
        self._courses.bring(self.venue, now_ms, symbols)
        self.tell()
