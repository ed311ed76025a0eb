"""
Binance's shapes: the JSON that the exchange says, from its own values.

Field names and meanings are those of Binance's public spot documentation. Knows nothing of sockets or time.
"""

from typing import Any, Final

import msgspec

from bot.core.market import Candle
from bot.exchange.listing import Listing
from bot.exchange.venue import Update

MAX_KLINES: Final = 1_000
DEFAULT_KLINES: Final = 500

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


def parse_symbols(text: str) -> list[str]:
    """The `symbols` parameter of `exchangeInfo`, a JSON list. Raises `Refusal`."""
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        raise Refusal(-1100, "Illegal characters found in parameter 'symbols'.") from None


def _trade_count(candle: Candle) -> int:
    return int(candle.volume * candle.close / 1_000.0)
