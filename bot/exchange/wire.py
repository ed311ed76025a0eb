"""
Binance's shapes: the JSON that the exchange says, from its own values.

Field names and meanings are those of Binance's public spot documentation. Knows nothing of sockets or time.
"""

from decimal import Decimal
from typing import Any, Final

import msgspec

from bot.core.market import Candle
from bot.exchange.listing import Listing
from bot.exchange.venue import Update

MAX_KLINES: Final = 1_000
DEFAULT_KLINES: Final = 500

_ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT")
_TAKER_SHARE: Final = 0.5
"""Share of the volume that is shown as bought by takers; a generated market has no two sides to count."""


class Refusal(Exception):
    """A request that Binance would refuse: HTTP status, Binance's code and its words."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.body = error_body(code, text)
        self.status = status


def error_body(code: int, text: str) -> dict[str, Any]:
    """An error as Binance words it."""
    return {"code": code, "msg": text}


def stream_name(listing: Listing, interval: str) -> str:
    """`btcusdt@kline_1m`."""
    return f"{listing.venue_symbol.lower()}@kline_{interval}"


def kline_event(update: Update) -> str:
    """One kline event as JSON, without the wrapping of combined streams."""
    candle, listing, at_ms = update.candle, update.listing, update.at_ms
    symbol, interval = listing.venue_symbol, update.timeframe.value
    trades = _trade_count(candle)
    last_trade = candle.open_time_ms // 100 + trades
    quote = candle.volume * candle.close
    return (
        f'{{"e":"kline","E":{at_ms},"s":"{symbol}","k":{{"t":{candle.open_time_ms},'
        f'"T":{candle.open_time_ms + update.timeframe.ms - 1},"s":"{symbol}","i":"{interval}",'
        f'"f":{last_trade - trades + 1},"L":{last_trade},"o":"{candle.open:.8f}","c":"{candle.close:.8f}",'
        f'"h":"{candle.high:.8f}","l":"{candle.low:.8f}","v":"{candle.volume:.8f}","n":{trades},'
        f'"x":{"true" if update.closed else "false"},"q":"{quote:.8f}","V":"{candle.volume * _TAKER_SHARE:.8f}",'
        f'"Q":"{quote * _TAKER_SHARE:.8f}","B":"0"}}}}'
    )


def combined(stream: str, event: str) -> str:
    """An event as the combined endpoint wraps it."""
    return f'{{"stream":"{stream}","data":{event}}}'


def shutdown_event(at_ms: int) -> str:
    """What is said before the server goes down; its stream is called `!serverShutdown`."""
    return f'{{"e":"serverShutdown","E":{at_ms}}}'


def kline_row(candle: Candle, timeframe_ms: int) -> list[int | str]:
    """One candle as the twelve columns of `GET /api/v3/klines`."""
    quote = candle.volume * candle.close
    return [
        candle.open_time_ms,
        f"{candle.open:.8f}",
        f"{candle.high:.8f}",
        f"{candle.low:.8f}",
        f"{candle.close:.8f}",
        f"{candle.volume:.8f}",
        candle.open_time_ms + timeframe_ms - 1,
        f"{quote:.8f}",
        _trade_count(candle),
        f"{candle.volume * _TAKER_SHARE:.8f}",
        f"{quote * _TAKER_SHARE:.8f}",
        "0",
    ]


def exchange_info(listings: list[Listing], now_ms: int) -> dict[str, Any]:
    """The answer of `GET /api/v3/exchangeInfo`."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160000},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol_info(listing) for listing in listings],
    }


def parse_symbols(text: str) -> list[str]:
    """The `symbols` parameter of `exchangeInfo`, a JSON list. Raises `Refusal`."""
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.") from None


def _symbol_info(listing: Listing) -> dict[str, Any]:
    tick, step = str(listing.tick_size), str(listing.lot_step)
    return {
        "symbol": listing.venue_symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(_ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "9000.00000000", "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "900.00000000", "stepSize": str(0)},
            {
                "filterType": "NOTIONAL",
                "minNotional": f"{listing.min_notional:.8f}",
                "applyMinToMarket": True,
                "maxNotional": f"{Decimal(9_000_000):.8f}",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def _trade_count(candle: Candle) -> int:
    return int(candle.volume * candle.close / 1_000.0)
