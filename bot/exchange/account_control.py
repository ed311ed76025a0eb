"""
The hand on the accounts and markets of the exchange: what happens there without anybody's order, and what is true.

    GET    /control/orders?account=main         all orders, trades and balances of an account, as the venue has them
    POST   /control/deposit                     {"account", "asset", "amount"}: below 0 is a withdrawal
    PUT    /control/account                     {"account", "may_trade", "fees"}: what is left out stays
    PUT    /control/keys                        {"account", "api_key", "secret", "may_read", "may_trade"}
    DELETE /control/keys/KEY                    the key is taken away
    POST   /control/expire                      {"account", "symbol", "order_id" or "client_order_id"}
    PUT    /control/market                      {"symbol", "status", "filters", "depth"}: what is left out stays
    POST   /control/reset                       the venue begins anew, as practice venues do

Knows nothing of faults.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from bot.core.errors import ConfigError
from bot.exchange.accounts import Account
from bot.exchange.accounts_file import Fees
from bot.exchange.depth import Depth, Tick
from bot.exchange.order_rules import AnyFilter
from bot.exchange.requests import OrderRef
from bot.exchange.signing import Credentials, is_key
from bot.exchange.trade_desk import Trading
from bot.exchange.traded_market import MarketStatus
from bot.exchange.wire import Refusal

_T = TypeVar("_T")
_Command = Callable[[web.Request], Awaitable[None]]


class _Order(Struct, frozen=True, forbid_unknown_fields=True):
    """What is told to a control endpoint."""


class Deposit(_Order, frozen=True):
    """Money that comes from outside, or below 0 goes there."""

    account: str
    asset: str
    amount: Decimal


class ChangeAccount(_Order, frozen=True):
    """What an account may do and pays from now on."""

    account: str
    may_trade: bool | None = None
    fees: Fees | None = None


class NewKey(_Order, frozen=True):
    """A key of an account, or what it may do from now on."""

    account: str
    api_key: str
    secret: str
    may_read: bool = True
    may_trade: bool = True


class Expire(_Order, frozen=True):
    """An order that the exchange ends of its own accord."""

    account: str
    symbol: str
    order_id: int | None = None
    client_order_id: str | None = None


class ChangeMarket(_Order, frozen=True):
    """What a market is like from now on."""

    symbol: str
    status: MarketStatus | None = None
    filters: tuple[AnyFilter, ...] | None = None
    depth: Depth | None = None


class AccountControl:
    """
    Carries out what the control endpoints of accounts and markets are told.

    Args:
        trading: The accounts and their markets.
    """

    def __init__(self, trading: Trading) -> None:
        self._trading = trading

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the requests of a control endpoint."""
        router.add_get("/control/orders", self._orders)
        router.add_post("/control/deposit", self._done(self._deposit))
        router.add_put("/control/account", self._done(self._change_account))
        router.add_put("/control/keys", self._done(self._put_key))
        router.add_delete("/control/keys/{key}", self._done(self._revoke))
        router.add_post("/control/expire", self._done(self._expire))
        router.add_put("/control/market", self._done(self._change_market))
        router.add_post("/control/reset", self._done(self._reset))

    async def _orders(self, request: web.Request) -> web.Response:
        account = self._account(request.query.get("account", "")).name
        self._trading.move()
        venue, now_ms = self._trading.venue, self._trading.pace.now_ms()
        records = [market.floor.records for market in venue.markets.values()]
        known = {
            "now_ms": now_ms,
            "epoch": self._trading.epoch,
            "orders": [order for record in records for order in record.orders(account, now_ms)],
            "trades": [trade for record in records for trade in record.trades(account, now_ms)],
            "lists": list(venue.lists.of(account)),
            "balances": venue.ledger.accounts[account].balances,
        }
        return web.Response(body=msgspec.json.encode(known), content_type="application/json")

    async def _deposit(self, request: web.Request) -> None:
        said = await _read(request, Deposit)
        account = self._account(said.account).name
        self._trading.venue.deposit(account, said.asset, said.amount, self._trading.pace.now_ms())

    async def _change_account(self, request: web.Request) -> None:
        said = await _read(request, ChangeAccount)
        account = self._account(said.account)
        if said.may_trade is not None:
            account.may_trade = said.may_trade
        if said.fees is not None:
            account.fees = said.fees.schedule()

    async def _put_key(self, request: web.Request) -> None:
        said = await _read(request, NewKey)
        if not is_key(said.api_key) or not said.secret:
            raise ConfigError("a key is 64 letters and digits, and has a secret")
        account = self._account(said.account).name
        self._trading.put_key(Credentials(said.api_key, said.secret, account, said.may_read, said.may_trade))

    async def _revoke(self, request: web.Request) -> None:
        self._trading.revoke(request.match_info["key"])

    async def _expire(self, request: web.Request) -> None:
        said = await _read(request, Expire)
        account = self._account(said.account).name
        self._trading.move([said.symbol])
        ref = OrderRef(said.symbol, said.order_id, said.client_order_id)
        self._trading.venue.expire(account, ref, self._trading.pace.now_ms())

    async def _change_market(self, request: web.Request) -> None:
        said = await _read(request, ChangeMarket)
        # What has happened up to now has happened in the market as it was.
        self._trading.move([said.symbol])
        market = self._trading.venue.market(said.symbol)
        if said.status is not None:
            market.status = said.status
        if said.filters is not None:
            market.rules = replace(market.rules, filters=said.filters)
        if said.depth is not None:
            market.floor.depth = said.depth
        last = market.floor.prints.last
        if last is not None:
            # The street quotes anew, or not at all, before anybody else comes.
            self._trading.venue.move(said.symbol, Tick(self._trading.pace.now_ms(), last, gap=True))

    async def _reset(self, _: web.Request) -> None:
        self._trading.reset()

    def _done(self, command: _Command) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that carries out a command, and tells what follows from it before it answers."""

        async def handle(request: web.Request) -> web.Response:
            try:
                await command(request)
            except Refusal as refusal:
                raise ConfigError(f"the exchange refuses: {refusal.body['msg']}") from None
            finally:
                self._trading.tell()
            return web.json_response({})

        return handle

    def _account(self, name: str) -> Account:
        accounts = self._trading.venue.ledger.accounts
        if name not in accounts:
            raise ConfigError(f"no account {name[:40]!r} here: there are {', '.join(accounts) or 'none'}")
        return accounts[name]


async def _read(request: web.Request, kind: type[_T]) -> _T:
    """The body of a request. Raises `ConfigError`."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"this is not what is told here: {error}") from None
