"""Books that only fills change, exact to the last unit."""

from decimal import Decimal

import pytest

from bot.core.errors import DataError
from bot.core.orders import Side
from bot.core.portfolio import FLAT, Portfolio, Position
from tests.hourly_bars import BTC, ETH
from tests.made_orders import fill, instrument

MARKET = instrument()


def portfolio(cash: str = "1000", **positions: Position) -> Portfolio:
    return Portfolio(Decimal(cash), {f"{base}/USDT": held for base, held in positions.items()})


def test_a_buy_turns_cash_into_a_holding() -> None:
    books = portfolio()
    held = books.apply(fill(Side.BUY, "0.3", "100.10"), MARKET)
    assert held == Position(Decimal("0.3"), Decimal("100.10"))
    assert books.cash == Decimal("969.970")


def test_a_fee_in_quote_is_paid_from_cash() -> None:
    books = portfolio()
    books.apply(fill(Side.BUY, "1", "100", fee="0.1"), MARKET)
    assert books.cash == Decimal("899.9")
    books.apply(fill(Side.SELL, "1", "100", fee="0.1"), MARKET)
    assert books.cash == Decimal("999.8")
    assert books.position(BTC) is FLAT


def test_a_fee_in_base_comes_out_of_what_was_bought() -> None:
    books = portfolio()
    held = books.apply(fill(Side.BUY, "1", "100", fee="0.001", fee_asset="BTC"), MARKET)
    assert held == Position(Decimal("0.999"), Decimal(100))
    assert books.cash == Decimal(900)


def test_the_average_price_is_weighted_and_without_fees() -> None:
    books = portfolio()
    books.apply(fill(Side.BUY, "1", "100", fee="5"), MARKET)
    assert books.apply(fill(Side.BUY, "3", "200"), MARKET) == Position(Decimal(4), Decimal(175))
    assert books.apply(fill(Side.SELL, "1", "50"), MARKET) == Position(Decimal(3), Decimal(175))


def test_what_is_sold_out_leaves_no_position() -> None:
    books = portfolio(BTC=Position(Decimal(1), Decimal(90)))
    assert books.apply(fill(Side.SELL, "1", "100"), MARKET) is FLAT
    assert books.positions == {}


def test_selling_more_than_is_held_is_refused_and_changes_nothing() -> None:
    books = portfolio(BTC=Position(Decimal(1), Decimal(90)))
    with pytest.raises(DataError, match=r"sells 1\.001 BTC of 1 held"):
        books.apply(fill(Side.SELL, "1.001", "100"), MARKET)
    assert books.cash == 1000
    assert books.position(BTC).quantity == 1


def test_a_fee_in_a_third_asset_is_paid_by_other_money() -> None:
    books = portfolio()
    held = books.apply(fill(Side.BUY, "1", "100", fee="0.1", fee_asset="BNB"), MARKET)
    assert (books.cash, held.quantity) == (900, 1)


def test_holdings_are_valued_at_the_given_marks() -> None:
    books = portfolio(BTC=Position(Decimal("0.5"), Decimal(1)), ETH=Position(Decimal(2), Decimal(1)))
    value = books.holdings_value({BTC: 100.0, ETH: 10.0})
    assert isinstance(value, float)
    assert value == 70.0
    assert isinstance(books.cash, Decimal)


def test_two_portfolios_share_no_positions() -> None:
    Portfolio(Decimal(1000)).apply(fill(Side.BUY, "1", "100"), MARKET)
    assert Portfolio(Decimal(1000)).positions == {}
