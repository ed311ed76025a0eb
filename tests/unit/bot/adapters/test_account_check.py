"""What is ours in an account, what is missing of it, and what is others'."""

from collections import Counter
from decimal import Decimal

import pytest

from bot.adapters.account_check import check, in_words, own_part, rounded_off
from bot.adapters.foreign_orders import ForeignOrders
from bot.adapters.order_messages import AccountLookedUp, Asked, Balance, TimePassed
from bot.adapters.order_tracker import OrderTracker
from bot.core.commands import Reconcile
from bot.core.events import AccountDrifted, AccountReconciled
from bot.core.orders import SELL
from tests.hourly_bars import BTC
from tests.made_orders import instrument
from tests.order_script import PREFIX, T0, entry, of, report, trade

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


ETH_BTC = instrument("ETH/BTC", tick_size=D("0.00001"), lot_step=D("0.0001"))


def test_what_a_venue_rounds_off_its_amounts_is_not_missing():
    assert rounded_off([ETH_BTC, instrument()], 3) == {"BTC": D("3e-8")}
    books, account = {"BTC": D("1") - D("0.0000000299")}, {"BTC": Balance(D(1) - D("0.00000005"))}
    tolerated = rounded_off([ETH_BTC], 3)
    assert check(books, account, tolerated).missing == {}
    assert check(books, account, rounded_off([ETH_BTC], 2)).missing == {"BTC": D("0.0000000201")}


@pytest.mark.parametrize(("fills", "is_drift"), [(8, False), (7, True)])
def test_each_fill_of_the_books_can_have_cost_the_last_digit(fills, is_drift):
    tracker = OrderTracker([ETH_BTC], PREFIX, D(1))
    tracker.take(Asked(T0, Reconcile((), D("0.99999998"), {}, (), {}, fills)))
    said = []
    for number in range(3):
        now = T0 + 5_000 * number
        said += tracker.take(AccountLookedUp(now, now, {"BTC": Balance(D("0.9999999"))}, ()))
        said += tracker.take(TimePassed(now + 5_000))
    assert bool(of(AccountReconciled, said)) is not is_drift
    assert bool(of(AccountDrifted, said)) is is_drift


def test_so_many_orders_of_others_do_not_fill_the_memory():
    counts: Counter[str] = Counter()
    foreign = ForeignOrders("run00000", counts)
    for number in range(3_000):
        assert foreign.see(report(entry("x"), venue_order_id=str(number)))
    assert len(foreign._seen) == 1_024
    assert counts["foreign orders"] == 3_000
