"""What is ours in an account, what is missing of it, and what is others'."""

from collections import Counter
from decimal import Decimal

from bot.adapters.account_check import check, in_words, own_part
from bot.adapters.foreign_orders import ForeignOrders
from bot.adapters.order_messages import Balance
from bot.core.orders import SELL
from tests.builders import BTC, instrument
from tests.order_script import entry, report, trade

D = Decimal
MARKETS = {BTC: instrument()}


def test_what_is_ours_is_the_books_and_the_trades_that_they_lack():
    later = [
        trade("2", "100", fee="0.002", fee_asset="BTC"),
        trade("1", "110", side=SELL, fee="0.11"),
        trade("1", "120", side=SELL, fee="3", fee_asset="BNB"),
    ]
    own = own_part(MARKETS, D(1_000), {BTC: D(5)}, later)
    assert own == {"USDT": D("1029.89"), "BTC": D("4.998")}


def test_what_is_beyond_ours_is_foreign_and_what_is_locked_is_there():
    balances = {"USDT": Balance(D(5), D(100)), "BTC": Balance(D("0.5")), "DOGE": Balance(D(7))}
    found = check({"USDT": D(100), "BTC": D(1)}, balances)
    assert found.foreign == {"USDT": D(5), "DOGE": D(7)}
    assert found.missing == {"BTC": D("0.5")}
    assert in_words({"BTC": D(1)}, balances, found.missing) == "1 BTC are ours and the account holds 0.5"


def test_what_is_exactly_ours_is_neither():
    found = check({"USDT": D(100)}, {"USDT": Balance(D(100))})
    assert not found.foreign
    assert not found.missing


def test_so_many_orders_of_others_do_not_fill_the_memory():
    counts: Counter[str] = Counter()
    foreign = ForeignOrders("run00000", counts)
    for number in range(3_000):
        assert foreign.see(report(entry("x"), venue_order_id=str(number)))
    assert len(foreign._seen) == 1_024
    assert counts["foreign orders"] == 3_000
