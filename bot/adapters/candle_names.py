"""
Which market and which timeframe a piece of text names: an argument, a cell of a column, the name of a file.

A name is read only where it can mean one thing. Knows nothing of what is inside a file.
"""

import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from bot.core.market import Timeframe

EXPECTED_SYMBOL: Final = "BASE/QUOTE such as BTC/USDT"

_QUOTES: Final = (
    *("FDUSD", "USDT", "USDC", "USDP", "DAI", "EURI", "USD", "EUR", "GBP", "CHF", "JPY", "AUD", "CAD", "TRY", "BRL"),
    *("BTC", "ETH", "BNB"),
)
"""What pays. Where nothing parts base and quote the first match decides, so the longer stands before its ending."""

_TWO_READINGS: Final = ("TUSD", "BUSD")
"""Dollar tokens that cannot be told from a base on T or B paid in USD: BNBUSD is BNB/USD, and could be BN/BUSD."""

_PARTED: Final = re.compile(r"([A-Z0-9]{1,20})[/_-]([A-Z0-9]{1,20})")
_TIMEFRAME: Final = re.compile(r"\d{1,3}[mhdHD]")
_ENDINGS: Final = re.compile(r"(\.(csv|txt|gz|zip|parquet|feather|arrow))+$", re.IGNORECASE)


class FileName(Struct, frozen=True):
    """What the name of a file says; `None` where it says nothing, or nothing certain."""

    symbol: str | None
    timeframe: str | None


def read_symbol(text: str) -> str | None:
    """
    Bring a market's name into the form BASE/QUOTE.

    Takes `BTC/USDT`, `btc_usdt`, `BTC-USDT` and, for the quotes that are known here, `BTCUSDT`.

    Returns:
        The name, or `None` when it can be read in no way or in two.
    """
    name = text.strip().upper()
    if parted := _PARTED.fullmatch(name):
        base, quote = parted.groups()
        return f"{base}/{quote}" if base != quote else None
    if name.endswith(_TWO_READINGS) or not (name.isascii() and name.isalnum()):
        return None
    quote = next((quote for quote in _QUOTES if name.endswith(quote)), "")
    base = name[: len(name) - len(quote)]
    return f"{base}/{quote}" if base and quote and base != quote else None


def read_timeframe(text: str) -> Timeframe | None:
    """Read a timeframe such as `5m`, `1h`, `1H` or `1d`; `None` for what is not one of ours."""
    name = text.strip()
    # A month is written 1M by exchanges, so only hours and days may be capitals.
    label = name.lower() if _TIMEFRAME.fullmatch(name) else ""
    return next((timeframe for timeframe in Timeframe if timeframe.value == label), None)


def read_file_name(path: Path) -> FileName:
    """
    Read what a file is called: `BTC_USDT-1h_2020-12_2025-06.parquet`, `BTCUSDT-1h-2024-01.csv`, `ETH-USDT_5m.csv`.

    The market stands before the timeframe or, where there is none, before the dates. A timeframe that is none of
    ours, such as `7m`, is returned as it stands.
    """
    words = [word for word in re.split(r"[-_. ]+", _ENDINGS.sub("", path.name)) if word]
    at = next((place for place, word in enumerate(words) if _TIMEFRAME.fullmatch(word)), None)
    timeframe = words[at].lower() if at is not None else None
    if at is None:
        at = next((place for place, word in enumerate(words) if place and word.isdigit()), len(words))
    return FileName(_symbol_before(words[:at]), timeframe)


def _symbol_before(words: list[str]) -> str | None:
    if not words:
        return None
    *before, last = words
    if last.upper() in _QUOTES or last.upper() in _TWO_READINGS:
        return read_symbol(f"{before[-1]}/{last}") if before else None
    return read_symbol(last)
