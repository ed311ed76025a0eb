import asyncio
import os
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from msgspec import Struct

from bot.adapters.clock import SystemClock
from bot.adapters.history import PUBLIC_DATA_URL, CcxtHistory, TradingRules
from bot.compose.asked import asked_symbol, asked_timeframe, stopped_by_signals
from bot.compose.market_source import InventedMarket, market_source
from bot.compose.paper_run import PaperRequest, _inputs, _instruments
from bot.compose.session_parts import heard_until
from bot.compose.session_request import Terms, terms_of
from bot.core.commands import Deed, Observation
from bot.core.errors import ConfigError
from bot.core.events import AnyEvent, CandleClosed, RunStarted
from bot.core.market import Timeframe
from config.loading import load_settings
from tests.hourly_bars import bar
from tests.made_orders import instrument

HOUR_MS = 3_600_000
TWO = ("BTC/USDT", "ETH/USDT")
REQUEST = PaperRequest(Path("run"))


class Rules:
    """A history that knows the rules of every market, and counts who asks."""

    def __init__(self) -> None:
        self.asked = 0

    async def instruments(self, symbols: tuple[str, ...]) -> dict[str, TradingRules]:
        self.asked += 1
        step = Decimal("0.05")
        return {symbol: TradingRules(symbol, step, step, step, Decimal(5)) for symbol in symbols}


class Recorded(Struct, frozen=True):
    """A run of a first record and some events."""

    header: RunStarted
    events: tuple[AnyEvent, ...] = ()
    events_sha256: str = ""
    finished: bool = False

    def records(self) -> Iterator[AnyEvent | Deed | Observation]:
        return iter((self.header, *self.events))


def recorded(*events: AnyEvent) -> Recorded:
    markets = tuple(instrument(symbol) for symbol in TWO)
    return Recorded(RunStarted(5 * HOUR_MS, "run", "code", {}, {}, markets, "1h", Decimal(1), {}), events)


def candle(symbol: str, close_hour: int) -> CandleClosed:
    return CandleClosed(close_hour * HOUR_MS, symbol, bar(0, 100.0))


@pytest.mark.parametrize("text", ["BTC/USDT", "btc/usdt", "BTC-USDT", "btc_usdt", "BTCUSDT", " btcusdt "])
def test_a_market_may_be_spelled_in_several_ways(text: str) -> None:
    assert asked_symbol(text) == "BTC/USDT"


@pytest.mark.parametrize("text", ["", "bitcoin", "BTC", "USDT/USDT", "BTC/USDT/ETH"])
def test_what_names_no_market_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="names no market: write BASE/QUOTE such as BTC/USDT"):
        asked_symbol(text)


def test_a_timeframe_is_one_of_ours() -> None:
    assert asked_timeframe("5m") is Timeframe.M5
    with pytest.raises(ConfigError, match="--timeframe 7m is not known: it is one of 1m, 3m, 5m"):
        asked_timeframe("7m")


def test_the_market_takes_up_again_where_the_last_of_them_was_heard() -> None:
    assert heard_until(TWO, recorded()) == 5 * HOUR_MS
    one_missing = recorded(candle("BTC/USDT", 6), candle("ETH/USDT", 6), candle("BTC/USDT", 7))
    assert heard_until(TWO, one_missing) == 6 * HOUR_MS
    assert heard_until(TWO, recorded(candle("BTC/USDT", 7), candle("ETH/USDT", 7))) == 7 * HOUR_MS


def test_what_the_embedded_exchange_invents_is_an_input_and_its_speed_is_not() -> None:
    request = PaperRequest(Path("run"), for_ms=HOUR_MS, invented=InventedMarket(seed=9, rho=0.1, speed="60"))
    asked = {"exchange": "embedded", "for_ms": str(HOUR_MS), "runtime": "onnx", "seed": "9", "rho": "0.1"}
    assert _inputs(request) == asked
    real = PaperRequest(Path("run"), exchange="binance")
    assert _inputs(real) == {"exchange": "binance", "for_ms": "None", "runtime": "onnx"}


def test_a_session_runs_by_its_markets_in_the_order_of_their_names_and_once_each(tmp_path: Path) -> None:
    request = PaperRequest(
        tmp_path / "run", symbols=("eth-usdt", "BTC/USDT", "btcusdt"), strategy="buy-and-hold", cash="250"
    )
    terms = terms_of(request)
    assert terms.symbols == TWO
    assert terms.loaded.settings.account.budget == Decimal(250)
    assert (terms.recorded, terms.bundle, terms.model.name) == (None, None, "none")
    assert terms.kept_markets is None


@pytest.mark.asyncio
async def test_a_new_run_asks_for_the_rules_of_its_markets() -> None:
    rules = Rules()
    loaded = load_settings(None, {"markets.ETH/USDT.tick_size": "0.5"})
    made = await _instruments(cast("CcxtHistory", rules), REQUEST, Terms(loaded, Timeframe.H1, TWO))
    assert [(one.symbol, one.tick_size, one.signal_venue) for one in made] == [
        ("BTC/USDT", Decimal("0.05"), "embedded"),
        ("ETH/USDT", Decimal("0.5"), "embedded"),
    ]


@pytest.mark.asyncio
async def test_a_run_that_is_gone_on_with_keeps_the_rules_that_it_began_with() -> None:
    rules = Rules()
    before = recorded()
    terms = Terms(load_settings(None, {}), Timeframe.H1, TWO, before)
    made = await _instruments(cast("CcxtHistory", rules), REQUEST, terms)
    assert made == before.header.instruments
    assert rules.asked == 0


@pytest.mark.asyncio
async def test_other_markets_than_those_of_the_run_are_what_they_are() -> None:
    terms = Terms(load_settings(None, {}), Timeframe.H1, ("BTC/USDT",), recorded())
    made = await _instruments(cast("CcxtHistory", Rules()), REQUEST, terms)
    assert [one.symbol for one in made] == ["BTC/USDT"]


@pytest.mark.asyncio
async def test_binance_is_listened_to_in_real_time_and_without_an_end() -> None:
    async with market_source("binance", TWO, Timeframe.H1, InventedMarket(), 0, None) as venue:
        assert (venue.rest_url, venue.stream_url, venue.end_reason) == (PUBLIC_DATA_URL, None, None)
        assert venue.dial is None
        assert isinstance(venue.clock, SystemClock)
        assert "invented" not in venue.label


@pytest.mark.asyncio
async def test_a_venue_without_a_parser_of_its_own_is_dialled_through_ccxt() -> None:
    async with market_source("bitstamp", TWO, Timeframe.H1, InventedMarket(), 0, None) as venue:
        assert venue.dial is not None
        assert (venue.rest_venue, venue.rest_url) == ("bitstamp", None)


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_asks_for_an_end_and_leaves_the_second_to_the_process(number: signal.Signals) -> None:
    asked = asyncio.Event()
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with stopped_by_signals(asked.set):
        os.kill(os.getpid(), number)
        await asked.wait()
        assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    after = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert after[1] == before[1]


@pytest.mark.asyncio
async def test_without_a_signal_nothing_is_left_behind() -> None:
    with stopped_by_signals(lambda: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
