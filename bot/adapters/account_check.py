"""
Whether an account holds what our books say is ours, and what else lies in it.

Ours is what the budget and our own fills made; it must be covered by the venue's totals, locked amounts included.
Whatever is beyond it is foreign. Exact, and pure.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from bot.adapters.order_messages import Balance, TradeReport
from bot.core.market import Instrument
from bot.core.orders import BUY, ZERO

_LEAST_AMOUNT: Final = Decimal("1e-8")
_NOTHING: Final[Mapping[str, Decimal]] = MappingProxyType({})


class AccountCheck(Struct, frozen=True):
    """
    An account beside our books.

    `missing` is what the account does not have of ours, `foreign` what it has beyond it, both by asset and without
    zeros.
    """

    missing: dict[str, Decimal]
    foreign: dict[str, Decimal]


def own_part(
    instruments: Mapping[str, Instrument],
    cash: Decimal,
    holdings: Mapping[str, Decimal],
    later: Iterable[TradeReport],
) -> dict[str, Decimal]:
    """
    What is ours, by asset.

    Args:
        instruments: Our markets, all of one quote asset.
        cash: Of the books, in quote.
        holdings: Of the books, in base, by symbol.
        later: Trades of ours that the books do not have yet. A fee in a third asset is paid by foreign money.
    """
    own: dict[str, Decimal] = {instrument.quote: cash for instrument in instruments.values()}
    for symbol, quantity in holdings.items():
        base = instruments[symbol].base
        own[base] = own.get(base, ZERO) + quantity
    for trade in later:
        instrument = instruments[trade.symbol]
        base, quote = instrument.base, instrument.quote
        sign = 1 if trade.side is BUY else -1
        own[base] = own.get(base, ZERO) + sign * trade.quantity
        own[quote] = own.get(quote, ZERO) - sign * trade.quantity * trade.price
        if trade.fee_asset in (base, quote):
            own[trade.fee_asset] -= trade.fee
    return own


def rounded_off(instruments: Iterable[Instrument], trades: int) -> dict[str, Decimal]:
    """
    The most that a venue can have rounded off the amounts of so many trades, by quote asset.

    Books are exact, and Binance keeps eight digits after the point: where a price times a quantity has more of them,
    each trade can cost up to the last of these.
    """
    return {one.quote: _LEAST_AMOUNT * trades for one in instruments if (one.tick_size * one.lot_step) % _LEAST_AMOUNT}


def check(
    own: Mapping[str, Decimal], balances: Mapping[str, Balance], tolerated: Mapping[str, Decimal] = _NOTHING
) -> AccountCheck:
    """Compare what is ours with what is there; less than ours by what is `tolerated`, by asset, is not missing."""
    rest = {asset: balance.total for asset, balance in balances.items()}
    for asset, amount in own.items():
        rest[asset] = rest.get(asset, ZERO) - amount
    return AccountCheck(
        missing={asset: -amount for asset, amount in sorted(rest.items()) if -amount > tolerated.get(asset, ZERO)},
        foreign={asset: amount for asset, amount in sorted(rest.items()) if amount > 0},
    )


def in_words(own: Mapping[str, Decimal], balances: Mapping[str, Balance], missing: Iterable[str]) -> str:
    """Say what is missing, for a person."""
    return "; ".join(
        f"{own[asset]} {asset} are ours and the account holds {balances.get(asset, Balance()).total}"
        for asset in missing
    )
