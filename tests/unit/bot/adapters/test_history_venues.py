"""History of the venues other than Binance, through the real ccxt, from answers of their documented shapes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.adapters.ccxt_venue import open_exchange
from bot.adapters.history import CcxtHistory
from bot.core.commands import Backfill
from bot.core.errors import ConfigError, VenueError
from bot.core.market import Candle, Timeframe

MINUTE = Timeframe.M1.ms
T0 = 28_000_000 * MINUTE
NOW_MS = T0 + 5 * MINUTE + 30_000
"""Half-way through bar 5."""

Answer = Callable[[web.Request], object]


def numbers(bar: int) -> tuple[str, ...]:
    return (f"{100 + bar}.0", f"{110 + bar}.0", f"{90 + bar}.0", f"{105 + bar}.5", f"{bar + 1}.25")


def candle(bar: int) -> Candle:
    first, high, low, last, volume = map(float, numbers(bar))
    return Candle(T0 + bar * MINUTE, first, high, low, last, volume)


KRAKEN_MARKET = {
    "altname": "XBTUSDT",
    "wsname": "XBT/USDT",
    "base": "XXBT",
    "quote": "USDT",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.4]],
    "fees_maker": [[0, 0.25]],
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def kraken_rows(request: web.Request) -> object:
    # Kraken gives what opened after `since`, to the open bar, and cannot be told where to stop.
    since_ms = int(request.query["since"]) * 1_000
    rows = []
    for bar in range(6):
        open_ms = T0 + bar * MINUTE
        if open_ms > since_ms:
            first, high, low, last, volume = numbers(bar)
            rows.append([open_ms // 1_000, first, high, low, last, last, volume, 7])
    return {"error": [], "result": {"XBTUSDT": rows, "last": T0 // 1_000}}


KRAKEN: dict[str, Answer] = {
    "/0/public/Time": lambda _: {"error": [], "result": {"unixtime": NOW_MS // 1_000, "rfc1123": ""}},
    "/0/public/AssetPairs": lambda _: {"error": [], "result": {"XBTUSDT": KRAKEN_MARKET}},
    "/0/public/Assets": lambda _: {"error": [], "result": {}},
    "/0/public/OHLC": kraken_rows,
}

BYBIT_MARKET = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "innovation": "0",
    "status": "Trading",
    "marginTrading": "both",
    "lotSizeFilter": {
        "basePrecision": "0.000001",
        "quotePrecision": "0.00000001",
        "minOrderQty": "0.000048",
        "maxOrderQty": "71",
        "minOrderAmt": "1",
        "maxOrderAmt": "4000000",
    },
    "priceFilter": {"tickSize": "0.01"},
}


def bybit(result: object) -> object:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW_MS}


def bybit_rows(request: web.Request) -> object:
    # Bybit lists the newest first.
    begin_ms, end_ms = int(request.query["start"]), int(request.query["end"])
    bars = [bar for bar in range(6) if begin_ms <= T0 + bar * MINUTE <= end_ms]
    rows = [[str(T0 + bar * MINUTE), *numbers(bar), "0"] for bar in reversed(bars)]
    return bybit({"category": request.query["category"], "symbol": "BTCUSDT", "list": rows})


BYBIT: dict[str, Answer] = {
    "/v5/market/time": lambda _: bybit({"timeSecond": str(NOW_MS // 1_000), "timeNano": str(NOW_MS * 1_000_000)}),
    "/v5/market/instruments-info": lambda _: bybit({"category": "spot", "list": [BYBIT_MARKET], "nextPageCursor": ""}),
    "/v5/market/kline": bybit_rows,
}

OKX_MARKET = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "baseCcy": "BTC",
    "quoteCcy": "USDT",
    "tickSz": "0.1",
    "lotSz": "0.00000001",
    "minSz": "0.00001",
    "maxLmtSz": "9999999999",
    "maxLmtAmt": "20000000",
    "state": "live",
    "uly": "",
    "settleCcy": "",
    "ctVal": "",
    "ctMult": "",
    "expTime": "",
    "listTime": "1548133413000",
    "lever": "",
    "optType": "",
    "stk": "",
}


def okx_rows(request: web.Request) -> object:
    # OKX gives what opened between two times, both of them left out, the newest first.
    before_ms, after_ms = int(request.query["before"]), int(request.query["after"])
    bars = [bar for bar in range(6) if before_ms < T0 + bar * MINUTE < after_ms]
    rows = [[str(T0 + bar * MINUTE), *numbers(bar), "0", "0", "1"] for bar in reversed(bars)]
    return {"code": "0", "msg": "", "data": rows}


OKX: dict[str, Answer] = {
    "/api/v5/public/time": lambda _: {"code": "0", "msg": "", "data": [{"ts": str(NOW_MS)}]},
    "/api/v5/public/instruments": lambda _: {"code": "0", "msg": "", "data": [OKX_MARKET]},
    "/api/v5/market/candles": okx_rows,
    "/api/v5/market/history-candles": okx_rows,
}

VENUES = {"kraken": KRAKEN, "bybit": BYBIT, "okx": OKX}


@asynccontextmanager
async def history_of(venue: str) -> AsyncIterator[CcxtHistory]:
    application = web.Application()
    for path, answer in VENUES[venue].items():

        async def handle(request: web.Request, answer: Answer = answer) -> web.Response:
            return web.json_response(answer(request))

        application.router.add_get(path, handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with CcxtHistory(["BTC/USDT"], Timeframe.M1, url, venue=venue, retries_s=()) as history:
            # Nobody is spared by waiting on loopback; Kraken wants a second between two requests.
            history._exchange.enableRateLimit = False
            yield history
    finally:
        await runner.cleanup()


@pytest.mark.asyncio
@pytest.mark.parametrize("venue", VENUES)
async def test_rows_come_with_the_open_one_and_the_venue_s_clock(venue) -> None:
    async with history_of(venue) as history:
        answer = await history.rows("BTC/USDT", T0 + MINUTE, T0 + 6 * MINUTE)
    assert answer.venue_ms in {NOW_MS, NOW_MS // 1_000 * 1_000}
    assert [row[0] for row in answer.rows] == [T0 + bar * MINUTE for bar in range(1, 6)]


@pytest.mark.asyncio
@pytest.mark.parametrize("venue", VENUES)
async def test_closed_candles_of_a_span_are_those_of_the_span(venue) -> None:
    async with history_of(venue) as history:
        some = await history.backfill(Backfill("BTC/USDT", T0 + MINUTE, T0 + 3 * MINUTE))
        rest = await history.backfill(Backfill("BTC/USDT", T0 + 3 * MINUTE, T0 + 9 * MINUTE))
    assert some.candles == (candle(1), candle(2))
    assert rest.candles == (candle(3), candle(4))


@pytest.mark.asyncio
async def test_a_market_that_the_venue_does_not_list_is_an_error() -> None:
    async with history_of("kraken") as history:
        with pytest.raises(VenueError, match="NO/SUCH"):
            await history.rows("NO/SUCH", T0, T0 + MINUTE)


@pytest.mark.parametrize("venue", ["nowhere", "kraken-testnet", "binance-paper", "base"])
def test_an_exchange_or_a_practice_ground_that_there_is_not_is_a_config_error(venue) -> None:
    with pytest.raises(ConfigError, match="no exchange"):
        open_exchange(venue)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("venue", "host"),
    [
        ("binance-testnet", "testnet.binance.vision"),
        ("binance-demo", "demo-api.binance.com"),
        ("bybit-testnet", "api-testnet"),
    ],
)
async def test_a_practice_ground_is_not_the_exchange_itself(venue, host) -> None:
    exchange = open_exchange(venue)
    await exchange.close()
    assert host in exchange.urls["api"]["public"]
