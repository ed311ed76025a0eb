"""Orders inside the process: three steps of a candle, against the trader, in exact books."""

from decimal import Decimal

import pytest

from bot.adapters.paper_broker import PaperBroker
from bot.core.commands import CancelOrder, Reconcile, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    CandleClosed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from bot.core.market import Costs, Instrument
from bot.core.orders import Intent, Order, OrderStatus, OrderType, Side
from tests.hourly_bars import AMPLE, BTC, ETH, T0, bar, closed, closes, opens
from tests.made_orders import approve, instrument, intent

BUY, SELL = Side.BUY, Side.SELL
COSTLY = instrument(costs=Costs(Decimal(10), Decimal(10), Decimal(1), Decimal(1)))


def broker(*, cash: str = "10000", held: str = "0", share: str = "1", market: Instrument | None = None) -> PaperBroker:
    one = PaperBroker({BTC: market or instrument(), ETH: instrument(ETH)}, Decimal(cash), Decimal(share))
    holdings = {BTC: Decimal(held)} if Decimal(held) else {}
    one.reconcile(Reconcile((), Decimal(cash), holdings, ()), T0)
    return one


def submit(one: PaperBroker, *wishes: Intent) -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for wish in wishes:
        events += one.submit(SubmitOrder(approve(wish, instrument(wish.symbol))), T0)
    return events


def market(side: Side, quantity: str = "1", order_id: str = "m", decided_ms: int = T0) -> Intent:
    return intent(side, OrderType.MARKET, quantity, order_id=order_id, decided_ms=decided_ms)


def stop(price: str, quantity: str = "1", order_id: str = "s") -> Intent:
    return intent(SELL, OrderType.STOP, quantity, stop=price, order_id=order_id)


def limit(side: Side, price: str, quantity: str = "1", order_id: str = "l") -> Intent:
    return intent(side, OrderType.LIMIT, quantity, limit=price, order_id=order_id)


def trade(one: PaperBroker, *candles: CandleClosed) -> list[AnyEvent]:
    return list(one.trade(candles)) if one.is_met(candles) else []


def fills(events: list[AnyEvent]) -> list[tuple[str, float, float, int]]:
    return [
        (e.fill.client_order_id, float(e.fill.quantity), float(e.fill.price), e.at_ms)
        for e in events
        if isinstance(e, OrderFilled)
    ]


def test_it_moves_no_money() -> None:
    assert broker().moves_money is False


def test_an_order_is_accepted_and_waits() -> None:
    one = broker()
    assert submit(one, market(BUY)) == [OrderAccepted(T0, "m", "paper-m")]


def test_a_market_order_fills_at_the_next_open_and_carries_its_time() -> None:
    one = broker()
    submit(one, market(BUY))
    assert fills(trade(one, closed(bar(0, 100.0, 110.0, 90.0, 105.0)))) == [("m", 1.0, 100.0, opens(0))]


def test_a_fill_inside_a_bar_carries_its_close_time() -> None:
    one = broker(held="1")
    submit(one, stop("95"))
    assert fills(trade(one, closed(bar(0, 100.0, 110.0, 90.0, 105.0)))) == [("s", 1.0, 95.0, closes(0))]


def test_a_stop_that_the_market_opens_below_fills_at_the_open() -> None:
    one = broker(held="1")
    submit(one, stop("95"))
    assert fills(trade(one, closed(bar(0, 80.0, 110.0, 70.0, 105.0)))) == [("s", 1.0, 80.0, opens(0))]


def test_stop_and_target_in_one_candle_means_the_stop() -> None:
    one = broker(held="1")
    submit(one, limit(SELL, "105"), stop("95"))
    events = trade(one, closed(bar(0, 100.0, 110.0, 90.0, 100.0, volume=1.0)))
    assert fills(events) == [("s", 1.0, 95.0, closes(0))]


def test_a_limit_fills_only_when_it_is_passed() -> None:
    one = broker()
    submit(one, limit(BUY, "90"))
    assert trade(one, closed(bar(0, 100.0, 110.0, 90.0, 105.0))) == []
    assert fills(trade(one, closed(bar(1, 100.0, 110.0, 89.9, 105.0)))) == [("l", 1.0, 90.0, closes(1))]


def test_the_opens_of_all_markets_come_before_any_range() -> None:
    one = broker(held="1")
    submit(one, stop("95"), intent(BUY, OrderType.MARKET, "1", order_id="e", symbol=ETH))
    events = trade(one, closed(bar(0, 100.0, 110.0, 90.0, 100.0)), closed(bar(0, 10.0), ETH))
    assert [order_id for order_id, *_ in fills(events)] == ["e", "s"]


def test_cash_at_the_open_goes_by_the_order_of_the_instruments() -> None:
    """Invariant 5."""
    one = broker(cash="120")
    submit(one, intent(BUY, OrderType.MARKET, "9", order_id="e", symbol=ETH), market(BUY))
    events = trade(one, closed(bar(0, 100.0)), closed(bar(0, 10.0), ETH))
    assert [(order_id, size) for order_id, size, *_ in fills(events)] == [("m", 1.0), ("e", 1.999)]


def test_cash_that_a_stop_frees_inside_a_bar_pays_for_nothing_at_its_open() -> None:
    one = broker(cash="5.01", held="1")
    submit(one, stop("95"), intent(BUY, OrderType.MARKET, "9", order_id="e", symbol=ETH))
    events = trade(one, closed(bar(0, 100.0, 110.0, 90.0, 100.0)), closed(bar(0, 10.0), ETH))
    bought = [float(e.fill.quantity) for e in events if isinstance(e, OrderFilled) and e.fill.symbol == ETH]
    assert sum(bought) == 0.5


def test_what_is_submitted_after_a_fill_at_the_open_works_in_the_same_candle() -> None:
    one = broker()
    submit(one, market(BUY))
    events: list[AnyEvent] = []
    for event in one.trade([closed(bar(0, 100.0, 110.0, 90.0, 105.0))]):
        events.append(event)
        if isinstance(event, OrderFilled) and event.fill.side is BUY:
            submit(one, stop("95"))
    assert [order_id for order_id, *_ in fills(events)] == ["m", "s"]


def test_an_order_that_was_decided_at_the_close_of_a_candle_cannot_trade_in_it() -> None:
    one = broker()
    submit(one, market(BUY, decided_ms=closes(0)))
    assert trade(one, closed(bar(0, 100.0, 110.0, 90.0, 105.0))) == []
    assert fills(trade(one, closed(bar(1, 100.0)))) == [("m", 1.0, 100.0, opens(1))]


def test_an_order_that_was_decided_inside_a_bar_takes_its_worst_price() -> None:
    one = broker()
    submit(one, market(BUY, decided_ms=opens(0) + 1))
    assert fills(trade(one, closed(bar(0, 100.0, 110.0, 90.0, 105.0)))) == [("m", 1.0, 110.0, closes(0))]


def test_our_orders_take_no_more_than_their_share_of_the_volume_and_the_rest_expires() -> None:
    one = broker(share="0.1")
    submit(one, market(BUY, "3"))
    events = trade(one, closed(bar(0, 100.0, volume=12.34567)))
    assert fills(events) == [("m", 1.234, 100.0, opens(0))]
    assert isinstance(events[-1], OrderCancelled)
    assert events[-1].at_ms == closes(0)
    assert trade(one, closed(bar(1, 100.0))) == []


def test_orders_of_one_market_share_its_liquidity() -> None:
    one = broker(held="5")
    submit(one, market(SELL, "2", "a"), market(SELL, "3", "b"))
    events = trade(one, closed(bar(0, 100.0, volume=4.0)))
    assert fills(events) == [("a", 2.0, 100.0, opens(0)), ("b", 2.0, 100.0, opens(0))]


def test_a_triggered_stop_keeps_working_until_it_is_filled() -> None:
    one = broker(held="5")
    submit(one, stop("95", "5"))
    assert fills(trade(one, closed(bar(0, 100.0, 100.0, 90.0, 100.0, volume=2.0)))) == [("s", 2.0, 95.0, closes(0))]
    assert fills(trade(one, closed(bar(1, 99.0, 101.0, 98.0, 100.0)))) == [("s", 3.0, 99.0, opens(1))]


def test_a_buy_takes_no_more_than_the_cash_pays_for() -> None:
    one = broker(cash="250", market=COSTLY)
    submit(one, market(BUY, "3"))
    events = trade(one, closed(bar(0, 100.0)))
    (done,) = [event.fill for event in events if isinstance(event, OrderFilled)]
    assert done.quantity == Decimal("2.497")
    assert done.price * done.quantity + done.fee <= 250
    assert isinstance(events[-1], OrderCancelled)


def test_costs_are_charged_as_stated() -> None:
    one = broker(market=COSTLY)
    submit(one, market(BUY, "2"))
    (event,) = [e for e in trade(one, closed(bar(0, 100.0))) if isinstance(e, OrderFilled)]
    done = event.fill
    assert (done.price, done.fee, done.fee_asset) == (Decimal("100.02"), Decimal("0.20004"), "USDT")
    assert (done.reference_price, done.spread_cost, done.slippage_cost) == (100, Decimal("0.02"), Decimal("0.02"))


def test_every_fill_of_an_order_has_its_own_trade_id() -> None:
    one = broker(held="5")
    submit(one, stop("95", "5"))
    ids = []
    for number in range(3):
        events = trade(one, closed(bar(number, 100.0, 100.0, 90.0, 92.0, volume=2.0)))
        ids += [event.fill.trade_id for event in events if isinstance(event, OrderFilled)]
    assert len(ids) == len(set(ids)) == 3


def test_a_cancelled_order_is_gone_and_a_second_cancel_says_nothing() -> None:
    one = broker(held="1")
    submit(one, stop("95"))
    assert one.cancel(CancelOrder("s", BTC), T0) == [OrderCancelled(T0, "s", "cancelled")]
    assert one.cancel(CancelOrder("s", BTC), T0) == []
    assert not one.is_met([closed(bar(0, 100.0, 100.0, 1.0, 100.0))])


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        pytest.param(market(BUY, "0.0001"), "lot grid", id="off the lot grid"),
        pytest.param(stop("94.999", "1"), "tick grid", id="off the tick grid"),
        pytest.param(market(SELL, "2"), "holds less than 2", id="more than is held"),
    ],
)
def test_what_an_exchange_would_reject_is_rejected(wish: Intent, reason: str) -> None:
    fine = Decimal("0.0001")
    one = broker(held="1")
    loose = instrument(lot_step=fine, tick_size=fine, min_quantity=fine, min_notional=Decimal(0))
    (event,) = one.submit(SubmitOrder(approve(wish, loose)), T0)
    assert isinstance(event, OrderRejected)
    assert reason in event.reason


def test_an_id_that_is_working_is_not_taken_twice() -> None:
    """Invariant 7: the venue's own guard against an order sent again."""
    one = broker()
    submit(one, market(BUY))
    (event,) = submit(one, market(BUY))
    assert isinstance(event, OrderRejected)


def test_candles_above_the_resting_stop_meet_nothing() -> None:
    one = broker(held="1")
    submit(one, stop("95"))
    assert not one.is_met([closed(bar(0, 100.0, 110.0, 95.01, 105.0))])
    assert one.is_met([closed(bar(0, 100.0, 110.0, 95.0, 105.0))])
    assert not one.is_met([closed(bar(0, 1.0), ETH)])


def test_a_reconciled_broker_works_the_orders_that_it_held() -> None:
    one = broker()
    resting = Order(stop("95"), OrderStatus.ACCEPTED, venue_order_id="v")
    answers = one.reconcile(Reconcile((resting,), Decimal(500), {BTC: Decimal(1)}, ()), T0)
    assert answers == [AccountReconciled(T0)]
    assert fills(trade(one, closed(bar(0, 100.0, 100.0, 90.0, 100.0)))) == [("s", 1.0, 95.0, closes(0))]


def test_a_reconciled_broker_answers_the_open_deeds_in_their_order() -> None:
    one = broker()
    resting = Order(stop("95"), OrderStatus.ACCEPTED)
    open_deeds = (CancelOrder("s", BTC), SubmitOrder(approve(market(SELL))))
    answers = one.reconcile(Reconcile((resting,), Decimal(500), {BTC: Decimal(1)}, open_deeds), T0)
    assert [type(answer) for answer in answers] == [OrderCancelled, OrderAccepted, AccountReconciled]
    assert fills(trade(one, closed(bar(0, 100.0, 100.0, 90.0, 100.0)))) == [("m", 1.0, 100.0, opens(0))]


def test_a_reconciled_broker_forgets_what_it_held_before() -> None:
    one = broker(held="1")
    submit(one, stop("95"))
    one.reconcile(Reconcile((), Decimal(500), {}, ()), T0)
    assert not one.is_met([closed(bar(0, 1.0))])


def test_a_journal_whose_working_order_is_filled_is_refused() -> None:
    done = Order(stop("95"), OrderStatus.ACCEPTED, Decimal(1))
    with pytest.raises(JournalError, match="without a quantity: s"):
        broker().reconcile(Reconcile((done,), Decimal(500), {BTC: Decimal(1)}, ()), T0)


def test_volume_beyond_every_order_leaves_nothing_open() -> None:
    one = broker()
    submit(one, market(BUY, "3"))
    trade(one, closed(bar(0, 100.0, volume=AMPLE)))
    assert not one.is_met([closed(bar(1, 1.0))])
