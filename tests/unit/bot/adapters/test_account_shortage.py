"""Coins that are gone, or locked by others: what is there is sold and protected, and the rest is told, once."""

from decimal import Decimal

import pytest

from bot.adapters.order_messages import (
    AccountLookedUp,
    AskAccount,
    Balance,
    NotSent,
    OrderReport,
    PlaceOrder,
    Refusal,
    Refused,
    VenueStatus,
)
from bot.adapters.order_outputs import OrderOutput
from bot.core.events import HoldingShort, OrderCancelled, OrderRejected, OrderUnknown
from bot.core.orders import SELL, Intent
from tests.hourly_bars import BTC
from tests.order_script import OrderScript, entry, leaving, names, of, report, stop, trade

NO_COINS = Refused(Refusal.FUNDS, "Account has insufficient balance for requested action.")


def holding(quantity: str = "50", **told: object) -> OrderScript:
    """A tracker whose books hold so much."""
    script = OrderScript(reconciled=False, **told)
    script.reconcile(holdings={BTC: quantity}, cash=Decimal(0))
    script.account(balances={"BTC": quantity})
    return script


def refused(script: OrderScript, wish: Intent) -> list[OrderOutput]:
    """What is said when an order finds too few coins."""
    assert of(PlaceOrder, script.submit(wish)) or of(PlaceOrder, script.later(500))
    return script.placed(wish, NO_COINS)


def until_asked(script: OrderScript) -> int:
    """Let time pass until the account is asked for; tell how much."""
    before = script.now
    while not of(AskAccount, script.later(1_000)):
        assert script.now < before + 600_000
    return script.now - before


def look(script: OrderScript, free: str, locked: str = "0", *shown: OrderReport, asked_ms: int | None = None) -> list:
    """The account as it is seen."""
    asked = script.now if asked_ms is None else asked_ms
    balances = {"BTC": Balance(Decimal(free), Decimal(locked))}
    return script.tell(AccountLookedUp(script.now, asked, balances, shown))


def test_a_sell_that_finds_too_few_coins_is_looked_into_and_sells_those_that_are_there() -> None:
    script, wish = holding(), leaving(quantity="50")
    assert names(refused(script, wish)) == ["AskAccount"]
    (told,) = look(script, "45.0004")
    assert isinstance(told, HoldingShort)
    assert told.missing == Decimal("4.9996")
    assert told.reason == "of 50 BTC that are ours the account has 45.0004 to sell"
    (sent,) = of(PlaceOrder, script.later(500))
    assert (sent.intent.quantity, sent.intent.client_order_id) == (Decimal(45), wish.client_order_id)
    done = report(sent.intent, VenueStatus.FILLED, "45", trade("45", side=SELL))
    assert names(script.placed(wish, done)) == ["OrderAccepted", "OrderFilled", "OrderCancelled"]
    assert not of(PlaceOrder, script.later(60_000))


def test_a_stop_that_finds_too_few_coins_is_over_when_the_engine_knows_how_many_there_are() -> None:
    script, wish = holding(), stop(quantity="50")
    refused(script, wish)
    said = look(script, "45")
    assert names(said) == ["HoldingShort", "OrderCancelled"]
    assert of(OrderCancelled, said)[0].reason == "not sent: there is no more than 45 to sell"
    (sent,) = of(PlaceOrder, script.submit(stop("run00000t", quantity="45")))
    assert sent.intent.quantity == Decimal(45)


@pytest.mark.parametrize("wish", [leaving(quantity="50"), stop(quantity="50")])
def test_where_nothing_is_there_the_order_is_over_and_that_is_told_once(wish: Intent) -> None:
    script = holding()
    refused(script, wish)
    assert names(look(script, "0.0005")) == ["HoldingShort", "OrderCancelled"]
    for _ in range(10):
        script.later(60_000)
        assert not of(HoldingShort, look(script, "0.0005"))


def test_what_is_missing_is_looked_for_until_it_is_back() -> None:
    script = holding()
    refused(script, leaving(quantity="50"))
    look(script, "0")
    pauses = []
    for _ in range(5):
        pauses.append(until_asked(script))
        look(script, "0")
    assert pauses == [5_000, 5_000, 5_000, 60_000, 60_000]
    until_asked(script)
    (told,) = of(HoldingShort, look(script, "50"))
    assert (told.missing, told.reason) == (0, "")
    assert not of(AskAccount, script.later(600_000))


def test_coins_in_a_strangers_order_are_told_as_such_and_those_in_our_own_are_there() -> None:
    script, resting = holding(), stop(quantity="10")
    script.submit(resting)
    script.placed(resting, report(resting))
    refused(script, leaving(quantity="40"))
    script.later(1)
    (told,) = of(HoldingShort, look(script, "30", "20", report(resting)))
    assert told.missing == Decimal(10)
    assert told.reason.endswith("the account has 40 to sell, and 10 are locked by orders that are not ours")


def test_a_look_from_before_the_refusal_proves_nothing() -> None:
    script = holding()
    script.later(1_000)
    refused(script, leaving(quantity="50"))
    assert not of(PlaceOrder, look(script, "45", asked_ms=script.now - 1))
    assert not of(PlaceOrder, script.later(400))


def test_where_enough_is_there_the_whole_order_goes_out_again() -> None:
    script, wish = holding(), stop(quantity="50")
    refused(script, wish)
    assert not look(script, "50")
    (sent,) = of(PlaceOrder, script.later(500))
    assert sent.intent is wish
    script.placed(wish, NO_COINS)
    look(script, "50")
    assert not script.later(999)
    assert of(PlaceOrder, script.later(1))


def test_what_is_on_the_move_is_neither_here_nor_there_and_nothing_is_told_of_it() -> None:
    script, other = holding(), leaving("run00000y", quantity="5")
    script.submit(other)
    refused(script, leaving(quantity="45"))
    assert not of(HoldingShort, look(script, "0"))
    script.placed(other, report(other, VenueStatus.FILLED, "5", trade("5", side=SELL)))
    script.later(1)
    (told,) = of(HoldingShort, look(script, "44"))
    assert told.missing == 1


def test_a_watched_stop_that_finds_too_few_coins_does_not_protect_any_more_and_sells_what_is_there() -> None:
    script, wish = holding(watched=[BTC]), stop(quantity="50")
    script.submit(wish)
    assert of(PlaceOrder, script.price("95"))
    assert of(OrderUnknown, script.placed(wish, NO_COINS))
    assert of(HoldingShort, look(script, "45"))
    (sent,) = of(PlaceOrder, script.later(500))
    assert sent.intent.quantity == Decimal(45)


def test_an_order_that_waits_for_coins_can_be_taken_back() -> None:
    script, wish = holding(), leaving(quantity="50")
    refused(script, wish)
    assert names(script.cancel(wish)) == ["OrderCancelled"]
    look(script, "45")
    assert not of(PlaceOrder, script.later(60_000))


def test_an_order_that_is_taken_back_while_it_is_refused_is_over() -> None:
    script, wish = holding(), leaving(quantity="50")
    script.submit(wish)
    script.cancel(wish)
    assert names(script.placed(wish, NO_COINS)) == ["OrderCancelled"]


def test_an_entry_without_money_is_refused_as_ever() -> None:
    script, wish = holding(), entry()
    script.submit(wish)
    said = script.placed(wish, NO_COINS)
    assert names(said) == ["OrderRejected"]
    assert of(OrderRejected, said)


def test_a_cut_order_that_could_not_be_sent_stays_cut() -> None:
    script, wish = holding(), leaving(quantity="50")
    refused(script, wish)
    look(script, "45")
    assert of(PlaceOrder, script.later(500))
    script.placed(wish, NotSent("the wire is down"))
    (sent,) = of(PlaceOrder, script.later(1_000))
    assert sent.intent.quantity == Decimal(45)
