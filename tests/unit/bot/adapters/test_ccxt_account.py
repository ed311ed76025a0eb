"""An account is opened where it was asked for, and can reach nowhere else."""

import logging
from typing import Any

import aiohttp
import ccxt.async_support  # type: ignore[import-untyped]
import pytest

from bot.adapters.account_places import PLACES, account_place
from bot.adapters.api_keys import Credentials
from bot.adapters.ccxt_account import open_account
from bot.adapters.ccxt_orders import CcxtOrders
from bot.core.errors import ConfigError
from tests import market_time
from tests.scripted_venue import KEY, SECRET, order_body, still_clock, told, trading


def opened(place: str = "embedded", **options: Any) -> Any:
    async def story() -> Any:
        async with aiohttp.ClientSession() as session:
            exchange = open_account(PLACES[place], Credentials(KEY, SECRET), session, still_clock(), **options)
            await exchange.close()
            return exchange

    return market_time.run(story())


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ("embedded", "api.binance.com"),
        ("binance-testnet", "testnet.binance.vision"),
        ("binance-demo", "demo-api.binance.com"),
    ],
)
def test_every_request_of_a_place_goes_to_its_host(place, host):
    async def story() -> set[str]:
        async with trading(lambda _: told(200, order_body()), place) as (orders, venue):
            await orders.order("BTC/USDT", "c1")
            await orders.time_ms()
            await orders.rules(["BTC/USDT"])
            return {heard.host for heard in venue.heard}

    assert market_time.run(story()) == {host}


@pytest.mark.parametrize("place", PLACES)
def test_ccxt_knows_no_other_address(place):
    exchange = opened(place)
    assert set(exchange.urls["api"]) == {"public", "private"}
    assert {address.split("/")[2] for address in exchange.urls["api"].values()} == {PLACES[place].rest_host}


@pytest.mark.parametrize("switch", ["set_sandbox_mode", "enable_demo_trading"])
def test_a_switch_of_ccxt_that_fails_in_silence_is_noticed(switch, monkeypatch):
    monkeypatch.setattr(ccxt.async_support.binance, switch, lambda *_, **__: None)
    place = "binance-testnet" if switch == "set_sandbox_mode" else "binance-demo"
    with pytest.raises(ConfigError, match=r"api\.binance\.com"):
        opened(place)


def test_addresses_that_are_gone_are_noticed(monkeypatch):
    monkeypatch.setattr(
        ccxt.async_support.binance, "set_sandbox_mode", lambda self, _: self.urls.update(api={"public": None})
    )
    with pytest.raises(ConfigError, match="nowhere"):
        opened("binance-testnet")


def test_a_request_does_not_outlive_its_timeout():
    with pytest.raises(ConfigError, match="outlives"):
        opened(timeout_ms=4_999)
    assert opened(timeout_ms=5_000).timeout == 5_000


def test_ccxts_own_limiter_retries_and_clock_are_off():
    exchange = opened()
    assert exchange.enableRateLimit is False
    assert exchange.options["maxRetriesOnFailure"] == 0
    assert exchange.options["adjustForTimeDifference"] is False
    assert exchange.number is str
    assert exchange.verbose is False


def test_ccxts_logger_never_writes_headers():
    logging.getLogger("ccxt").setLevel(logging.DEBUG)
    opened()
    assert logging.getLogger("ccxt").level >= logging.INFO


def test_the_session_stays_its_owners():
    async def story() -> bool:
        async with aiohttp.ClientSession() as session:
            clock = still_clock()
            exchange = open_account(PLACES["embedded"], Credentials(KEY, SECRET), session, clock)
            await CcxtOrders(exchange, clock).close()
            return session.closed

    assert market_time.run(story()) is False


def test_no_place_holds_real_money():
    with pytest.raises(ConfigError, match="real money is refused"):
        account_place("binance")
    with pytest.raises(ConfigError, match="did you mean binance-testnet"):
        account_place("binance-tesnet")
    with pytest.raises(ConfigError, match="choose one of embedded"):
        account_place("kraken")
    assert account_place("embedded").is_local
    assert not account_place("binance-demo").is_local
