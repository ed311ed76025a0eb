"""
Numbers as Binance writes them: exact decimals in text, whole numbers for times and ids.

Checked before they become anything else, so that no NaN, no sign and no float gets into an amount.
"""

import re
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta

from bot.core.errors import DataError

# Their size is bounded, so that writing one out is no danger.
_AMOUNT: Final = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")

_LAST_DECIMAL: Final = Decimal("1e-8")

WireId = Annotated[int, Meta(ge=0)]
"""The number of an order, a trade or a list."""

WireTime = Annotated[int, Meta(ge=100_000_000_000, lt=100_000_000_000_000)]
"""Milliseconds UTC; seconds and microseconds are out of its range."""


def exact(text: str) -> Decimal:
    """
    The amount of 0 or more that a text says, in full or with an exponent.

    Raises:
        DataError: It says something else.
    """
    if not _AMOUNT.fullmatch(text):
        raise DataError(f"{text!r:.40} is no amount")
    return Decimal(text)


def is_sound(symbol: str, quantity: Decimal, price: Decimal, amount: Decimal | None, fee: tuple[Decimal, str]) -> bool:
    """
    Whether what a venue says of one execution goes together.

    Args:
        symbol: Ours, such as BTC/USDT.
        quantity: In base.
        price: In quote.
        amount: What was paid in all, in quote, rounded to Binance's eight decimals; None where it is not told.
        fee: How much, and of which asset. No trade costs more than it moves; a fee in a third asset can be anything.
    """
    base, _, quote = symbol.partition("/")
    if amount is not None and abs(quantity * price - amount) >= _LAST_DECIMAL:
        return False
    most = {base: quantity, quote: quantity * price}.get(fee[1])
    return most is None or fee[0] <= most


def plain(amount: Decimal) -> str:
    """An amount as venues read it: without exponent, without trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
