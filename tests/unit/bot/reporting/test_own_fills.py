"""Which fills count as the bot's own, and how often."""

from decimal import Decimal

from msgspec.structs import replace

from bot.core.commands import SubmitOrder
from bot.core.events import OrderFilled
from bot.core.orders import BUY, MARKET, Approved, Intent, Purpose
from bot.reporting.own_fills import OwnFills
from tests.hourly_bars import BTC
from tests.made_orders import fill


def submitted(own: OwnFills, order_id: str) -> None:
    own.submitted(SubmitOrder(Approved(Intent(order_id, BTC, BUY, MARKET, Decimal(1), Purpose.ENTRY, 0))))


def trade(order_id: str, trade_id: str) -> OrderFilled:
    return OrderFilled(1, replace(fill(BUY, "1", "100", order_id=order_id), trade_id=trade_id))


def test_a_trade_that_is_told_twice_counts_once_and_a_foreign_one_never() -> None:
    own = OwnFills()
    submitted(own, "a")
    assert own.filled(trade("a", "1")) is not None
    assert own.filled(trade("a", "1")) is None
    assert own.filled(trade("b", "2")) is None


def test_a_venue_that_begins_anew_counts_its_trades_anew() -> None:
    own = OwnFills()
    submitted(own, "a")
    own.filled(trade("a", "1"))
    own.begin_epoch()
    submitted(own, "b")
    assert own.filled(trade("b", "1")) is not None


def test_what_an_order_does_after_the_venue_has_forgotten_it_is_not_ours() -> None:
    own = OwnFills()
    submitted(own, "a")
    own.begin_epoch()
    assert own.filled(trade("a", "1")) is None
