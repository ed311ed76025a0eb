"""`candlewick exchange`: candles to a file, and the arguments of the server."""

import asyncio
import json
import ssl

import ccxt.async_support as ccxt  # type: ignore[import-untyped]
import pytest
from aiohttp import ClientSession, TCPConnector
from click.testing import CliRunner

from bot.adapters.exchange_process import ExchangeProcess
from bot.adapters.history import CcxtHistory
from bot.cli.exchange import exchange
from bot.core.commands import Backfill
from bot.core.errors import ConfigError, StorageError
from bot.core.market import Timeframe
from bot.exchange.candle_file import read_market
from bot.exchange.market import MarketModel, SeededMarket


def test_candles_writes_the_seeded_market_and_says_what_its_edge_is(tmp_path) -> None:
    out = tmp_path / "btc.csv"
    words = ["candles", "--count", "300", "--seed", "3", "--rho", "0.5", "--start", "2024-02-01", "--out", str(out)]
    result = CliRunner().invoke(exchange, words, catch_exceptions=False)
    start_ms = 1_706_745_600_000
    market = SeededMarket(3, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=0.5), start_ms)
    read = read_market(out, "BTC/USDT", Timeframe.H1)
    assert result.exit_code == 0
    assert "66.7%" in result.output
    assert read.begin_ms == start_ms
    assert [read.at(start_ms + n * Timeframe.H1.ms) for n in range(300)] == [
        market.at(start_ms + n * Timeframe.H1.ms) for n in range(300)
    ]


def test_candles_are_told_as_one_object_and_never_overwrite(tmp_path) -> None:
    out = tmp_path / "btc.csv"
    words = ["candles", "--count", "3", "--rho", "0.5", "--out", str(out)]
    result = CliRunner().invoke(exchange, [*words, "--json"], catch_exceptions=False)
    told = json.loads(result.output)
    assert (told["path"], told["candles"], told["best_hit_rate"]) == (str(out), 3, pytest.approx(2 / 3))
    with pytest.raises(ConfigError, match=r"btc\.csv exists and is not overwritten: name another file with --out"):
        CliRunner().invoke(exchange, words, catch_exceptions=False)


def test_candles_that_cannot_be_written_are_a_matter_of_storage(tmp_path) -> None:
    words = ["candles", "--count", "3", "--out", str(tmp_path / "nowhere" / "btc.csv")]
    with pytest.raises(StorageError, match=r"btc\.csv cannot be written: No such file or directory"):
        CliRunner().invoke(exchange, words, catch_exceptions=False)


@pytest.mark.parametrize("start", ["1706745600000", "2024-02-01T00:00", "2024-02-01T01:00+01:00"])
def test_a_start_may_be_a_date_a_time_or_milliseconds(tmp_path, start) -> None:
    out = tmp_path / "btc.csv"
    result = CliRunner().invoke(exchange, ["candles", "--count", "1", "--start", start, "--out", str(out)])
    assert result.exit_code == 0
    assert read_market(out, "BTC/USDT", Timeframe.H1).begin_ms == 1_706_745_600_000


def test_a_start_that_is_no_date_is_a_usage_error(tmp_path) -> None:
    words = ["candles", "--count", "1", "--start", "soon", "--out", str(tmp_path / "x.csv")]
    result = CliRunner().invoke(exchange, words)
    assert result.exit_code == 2
    assert "is not a date" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--speed", "0"], "--speed '0'"),
        (["--speed", "nan"], "--speed 'nan'"),
        (["--candles", "BTC/USDT"], "SYMBOL=FILE"),
        (["--candles", "BTC/USDT=/no/such/file"], "there is no file"),
        (["--from", "2024-01-01T00:30"], "not a multiple"),
        (["--accounts", "/no/such/file"], "cannot be read"),
    ],
)
def test_arguments_that_cannot_be_served_are_one_sentence(words, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CliRunner().invoke(exchange, ["serve", *words], catch_exceptions=False)


@pytest.mark.asyncio
async def test_a_file_of_candles_is_served_as_a_market(tmp_path) -> None:
    out = tmp_path / "btc.csv"
    await asyncio.to_thread(CliRunner().invoke, exchange, ["candles", "--count", "50", "--out", str(out)])
    market = read_market(out, "BTC/USDT", Timeframe.H1)
    middle_ms = market.begin_ms + 40 * Timeframe.H1.ms
    words = ["--candles", f"BTC/USDT={out}", "--from", str(middle_ms), "--speed", "60"]
    async with (
        await ExchangeProcess.start(words) as process,
        CcxtHistory(["BTC/USDT"], Timeframe.H1, process.rest_url) as history,
    ):
        answer = await history.backfill(Backfill("BTC/USDT", 0, market.end_ms))
    assert list(answer.candles) == [market.at(market.begin_ms + n * Timeframe.H1.ms) for n in range(40)]


@pytest.mark.asyncio
async def test_accounts_trade_over_tls_and_are_seen_by_who_controls_the_exchange(tmp_path) -> None:
    key, secret = "k" * 64, "not a real secret"
    accounts = tmp_path / "accounts.json"
    accounts.touch(0o600)
    customer = {"account": "main", "api_key": key, "secret": secret, "balances": {"USDT": "100000"}}
    accounts.write_text(json.dumps([customer]))
    words = ["--accounts", str(accounts), "--tls", str(tmp_path / "tls"), "--control-port", "0", "--speed", "max"]
    async with await ExchangeProcess.start(words) as process:
        ready = process.ready
        trusted = ssl.create_default_context(cafile=ready.ca_file)
        connector = TCPConnector(ssl=trusted)
        async with ClientSession(connector=connector) as session:
            api = f"{ready.tls_url}/api/v3"
            client = ccxt.binance(
                {
                    "apiKey": key,
                    "secret": secret,
                    "session": session,
                    "timeout_on_exit": 0,
                    "urls": {"api": {"public": api, "private": api}},
                    "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
                }
            )
            order = await client.create_order("BTC/USDT", "market", "buy", 0.5)
            await client.close()
            async with session.get(f"{ready.control_url}/orders?account=main") as answer:
                truth = await answer.json()
    assert [str(found["order_id"]) for found in truth["orders"]] == [order["id"]]
    assert order["status"] == "closed"
