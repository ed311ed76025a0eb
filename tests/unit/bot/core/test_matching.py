"""Every rule by which an order meets a price path, and what the meeting costs."""

from decimal import Decimal

import pytest

from bot.core.market import Costs
from bot.core.matching import Span, affordable, candle_spans, execute, fee, reference_price
from bot.core.orders import Intent, OrderType, Side
from tests.hourly_bars import bar
from tests.made_orders import instrument, intent

BUY, SELL = Side.BUY, Side.SELL
OPEN, RANGE = candle_spans(bar(0, 100.0, 110.0, 90.0, 105.0))
COSTLY = instrument(
    costs=Costs(
        maker_fee_bps=Decimal(5), taker_fee_bps=Decimal(10), half_spread_bps=Decimal(2), slippage_bps=Decimal(3)
    )
)


def market(side: Side) -> Intent:
    return intent(side, OrderType.MARKET)


def stop(side: Side, price: str) -> Intent:
    return intent(side, OrderType.STOP, stop=price)


def limit(side: Side, price: str) -> Intent:
    return intent(side, OrderType.LIMIT, limit=price)


def test_a_candle_is_its_open_and_then_its_range() -> None:
    assert Span(Decimal("100.0"), Decimal("100.0"), Decimal("100.0")) == OPEN
    assert Span(Decimal("100.0"), Decimal("90.0"), Decimal("110.0")) == RANGE


def test_a_candles_prices_are_read_as_they_are_written() -> None:
    opened, inside = candle_spans(bar(0, 0.3, 0.3, 0.1, 0.2))
    assert (opened.first, inside.low) == (Decimal("0.3"), Decimal("0.1"))


@pytest.mark.parametrize("side", list(Side))
def test_a_market_order_takes_the_open(side: Side) -> None:
    assert reference_price(market(side), OPEN) == 100


def test_a_market_order_inside_a_bar_takes_its_worst_price() -> None:
    assert reference_price(market(BUY), RANGE) == 110
    assert reference_price(market(SELL), RANGE) == 90


@pytest.mark.parametrize(
    ("order", "span", "expected"),
    [
        pytest.param(stop(SELL, "95"), RANGE, "95", id="a touched sell stop fills at its price"),
        pytest.param(stop(SELL, "90"), RANGE, "90", id="touching it at the low is enough"),
        pytest.param(stop(SELL, "89.99"), RANGE, None, id="a price that was not reached does nothing"),
        pytest.param(stop(SELL, "104"), RANGE, "100", id="a gap past a sell stop fills at the open"),
        pytest.param(stop(SELL, "104"), OPEN, "100", id="and it does so at the open already"),
        pytest.param(stop(SELL, "95"), OPEN, None, id="the open does not reach a stop below it"),
        pytest.param(stop(BUY, "105"), RANGE, "105", id="a touched buy stop fills at its price"),
        pytest.param(stop(BUY, "110"), RANGE, "110", id="touching it at the high is enough"),
        pytest.param(stop(BUY, "110.01"), RANGE, None, id="above the high it waits"),
        pytest.param(stop(BUY, "96"), RANGE, "100", id="a gap past a buy stop fills at the open"),
        pytest.param(limit(BUY, "95"), RANGE, "95", id="a passed buy limit fills at its price"),
        pytest.param(limit(BUY, "90"), RANGE, None, id="a touched buy limit does not fill"),
        pytest.param(limit(BUY, "104"), RANGE, "100", id="a gap past a buy limit fills at the open"),
        pytest.param(limit(BUY, "100"), OPEN, None, id="an open at the limit does not pass it"),
        pytest.param(limit(SELL, "105"), RANGE, "105", id="a passed sell limit fills at its price"),
        pytest.param(limit(SELL, "110"), RANGE, None, id="a touched sell limit does not fill"),
        pytest.param(limit(SELL, "96"), RANGE, "100", id="a gap past a sell limit fills at the open"),
    ],
)
def test_resting_orders_meet_the_path(order: Intent, span: Span, expected: str | None) -> None:
    assert reference_price(order, span) == (None if expected is None else Decimal(expected))


def test_stops_and_limits_without_their_price_are_refused() -> None:
    for kind in (OrderType.STOP, OrderType.LIMIT):
        with pytest.raises(ValueError, match="needs a"):
            reference_price(intent(BUY, kind), RANGE)


def test_a_buy_pays_spread_slippage_and_the_taker_fee_as_stated() -> None:
    done = execute(COSTLY, market(BUY), Decimal(100), Decimal(2))
    assert done.price == Decimal("100.05")
    assert done.spread_cost == Decimal("0.04")
    assert done.slippage_cost == Decimal("0.06")
    assert done.fee == Decimal("0.2001")


def test_a_sell_pays_them_too() -> None:
    done = execute(COSTLY, market(SELL), Decimal(100), Decimal(2))
    assert done.price == Decimal("99.95")
    assert done.spread_cost == Decimal("0.04")
    assert done.slippage_cost == Decimal("0.06")
    assert done.fee == Decimal("0.1999")


def test_a_stop_takes_liquidity_like_a_market_order() -> None:
    assert execute(COSTLY, stop(SELL, "100"), Decimal(100), Decimal(2)) == execute(
        COSTLY, market(SELL), Decimal(100), Decimal(2)
    )


def test_a_limit_order_pays_the_maker_fee_alone() -> None:
    done = execute(COSTLY, limit(BUY, "100"), Decimal(100), Decimal(2))
    assert (done.price, done.spread_cost, done.slippage_cost) == (100, 0, 0)
    assert done.fee == Decimal("0.1")


@pytest.mark.parametrize(("side", "price"), [(BUY, "100.06"), (SELL, "99.95")])
def test_the_price_is_rounded_to_the_grid_against_the_trader_and_the_rounding_is_slippage(
    side: Side, price: str
) -> None:
    # 100.003 costs five basis points more or less: 100.0530015 or 99.9529985.
    done = execute(COSTLY, market(side), Decimal("100.003"), Decimal(1))
    assert done.price == Decimal(price)
    assert done.spread_cost == Decimal("0.0200006")
    assert done.slippage_cost == abs(Decimal(price) - Decimal("100.003")) - Decimal("0.0200006")


def test_a_sell_never_goes_below_one_tick_and_never_has_a_negative_cost_for_it() -> None:
    done = execute(COSTLY, market(SELL), Decimal("0.01"), Decimal(1))
    assert done.price == Decimal("0.01")
    assert done.spread_cost + done.slippage_cost == 0


def test_fees_are_rounded_up_to_eight_decimals() -> None:
    assert fee(COSTLY.costs, market(BUY), Decimal("0.000011")) == Decimal("0.00000002")
    assert fee(COSTLY.costs, market(BUY), Decimal(0)) == 0


def test_what_is_affordable_pays_for_price_costs_and_fee() -> None:
    most = affordable(COSTLY, market(BUY), Decimal(100), Decimal(1000))
    assert most == Decimal("9.985")
    done = execute(COSTLY, market(BUY), Decimal(100), most)
    assert done.price * most + done.fee <= 1000
    more = most + COSTLY.lot_step
    done = execute(COSTLY, market(BUY), Decimal(100), more)
    assert done.price * more + done.fee > 1000


@pytest.mark.parametrize("cash", ["0", "-5", "0.00000001"])
def test_nothing_is_affordable_without_cash(cash: str) -> None:
    assert affordable(COSTLY, market(BUY), Decimal(100), Decimal(cash)) == 0
