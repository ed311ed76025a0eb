"""Whatever is traded, money and coins are moved and never made (invariant 11)."""

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.core.orders import Side
from bot.core.portfolio import Portfolio
from tests.hourly_bars import BTC
from tests.made_orders import fill, instrument

MARKET = instrument()
BUDGET = Decimal("1000000.00000001")

units = st.decimals(min_value=Decimal("1e-8"), max_value=Decimal(10_000), places=8)
prices = st.one_of(
    st.decimals(min_value=Decimal("1e-8"), max_value=Decimal("1e-4"), places=8),
    st.decimals(min_value=Decimal("0.01"), max_value=Decimal(200_000), places=2),
)
fees = st.decimals(min_value=0, max_value=Decimal(10), places=8)
trades = st.lists(st.tuples(st.booleans(), units, prices, fees, st.booleans()), min_size=1, max_size=30)


@given(trades)
def test_cash_and_coins_are_conserved_to_the_last_unit(
    sequence: list[tuple[bool, Decimal, Decimal, Decimal, bool]],
) -> None:
    """Invariant 11: fills, cash and holdings are exact; computed beside them in fractions, nothing is off."""
    books = Portfolio(BUDGET)
    cash, coins = Fraction(BUDGET), Fraction(0)
    for number, (buys, wanted, price, fee, in_base) in enumerate(sequence):
        held = books.position(BTC).quantity
        quantity = wanted if buys else min(wanted, held)
        if not quantity:
            continue
        base_fee = min(fee, quantity) if in_base and buys else Decimal(0)
        quote_fee = Decimal(0) if in_base and buys else fee
        side = Side.BUY if buys else Side.SELL
        asset = "BTC" if in_base and buys else "USDT"
        paid = base_fee if asset == "BTC" else quote_fee
        books.apply(fill(side, str(quantity), str(price), fee=str(paid), fee_asset=asset, trade_id=str(number)), MARKET)
        amount = Fraction(price) * Fraction(quantity)
        cash += (-amount if buys else amount) - Fraction(quote_fee)
        coins += (Fraction(quantity) if buys else -Fraction(quantity)) - Fraction(base_fee)
    assert Fraction(books.cash) == cash
    assert Fraction(books.position(BTC).quantity) == coins


@given(trades)
def test_books_survive_being_written_and_read(sequence: list[tuple[bool, Decimal, Decimal, Decimal, bool]]) -> None:
    books = Portfolio(BUDGET)
    for number, (_, quantity, price, fee, _) in enumerate(sequence):
        books.apply(fill(Side.BUY, str(quantity), str(price), fee=str(fee), trade_id=str(number)), MARKET)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(books), type=Portfolio)
    assert again == books
    assert str(again.cash) == str(books.cash)


@given(trades)
def test_the_average_price_stays_within_the_prices_paid(
    sequence: list[tuple[bool, Decimal, Decimal, Decimal, bool]],
) -> None:
    books = Portfolio(BUDGET)
    for number, (_, quantity, price, _, _) in enumerate(sequence):
        books.apply(fill(Side.BUY, str(quantity), str(price), trade_id=str(number)), MARKET)
    average, paid = books.position(BTC).average_price, [price for _, _, price, _, _ in sequence]
    # The average is the one figure that is rounded, to 28 digits.
    assert min(paid) * (1 - Decimal("1e-24")) <= average <= max(paid) * (1 + Decimal("1e-24"))
