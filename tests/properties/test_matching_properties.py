"""Fills lie on the path, and never favour the trader."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.market import Costs
from bot.core.matching import affordable, candle_spans, execute, reference_price
from bot.core.orders import Intent, OrderType, Side
from tests.hourly_bars import bar
from tests.made_orders import instrument, intent

bps = st.decimals(min_value=0, max_value=100, places=2)
costs = st.builds(Costs, maker_fee_bps=bps, taker_fee_bps=bps, half_spread_bps=bps, slippage_bps=bps)
prices = st.integers(1, 2_000_000).map(lambda cents: cents / 100)
references = st.one_of(
    st.decimals(min_value=Decimal("0.01"), max_value=Decimal(200_000), places=2),
    st.floats(min_value=1e-9, max_value=2e5).map(lambda price: Decimal(repr(price))),
)
quantities = st.decimals(min_value=Decimal("0.001"), max_value=Decimal(100_000), places=3)


@st.composite
def orders(draw: st.DrawFn) -> Intent:
    kind, side = draw(st.sampled_from(OrderType)), draw(st.sampled_from(Side))
    price = str(draw(prices))
    return intent(
        side,
        kind,
        limit=price if kind is OrderType.LIMIT else None,
        stop=price if kind is OrderType.STOP else None,
    )


@given(orders(), st.lists(prices, min_size=4, max_size=4))
def test_a_reference_price_lies_within_the_candle(order: Intent, four: list[float]) -> None:
    low, *inner, high = sorted(four)
    for span in candle_spans(bar(0, inner[0], high, low, inner[1])):
        price = reference_price(order, span)
        assert price is None or span.low <= price <= span.high


@given(orders(), st.lists(prices, min_size=4, max_size=4))
def test_a_stop_never_fills_better_and_a_limit_never_worse_than_its_price(order: Intent, four: list[float]) -> None:
    low, *inner, high = sorted(four)
    for span in candle_spans(bar(0, inner[0], high, low, inner[1])):
        price = reference_price(order, span)
        if price is None or order.type is OrderType.MARKET:
            continue
        own = order.stop_price or order.limit_price
        assert own is not None
        worse = price >= own if order.side is Side.BUY else price <= own
        assert worse or order.type is OrderType.LIMIT
        better = price <= own if order.side is Side.BUY else price >= own
        assert better or order.type is OrderType.STOP


@given(costs, orders(), references, quantities)
def test_costs_are_never_in_the_traders_favour(stated: Costs, order: Intent, reference: Decimal, size: Decimal) -> None:
    market = instrument(costs=stated)
    assume(reference >= market.tick_size)
    done = execute(market, order, reference, size)
    assert done.fee >= 0
    assert done.spread_cost >= 0
    assert done.slippage_cost >= 0
    paid = done.price - reference if order.side is Side.BUY else reference - done.price
    assert paid >= 0
    if order.type is not OrderType.LIMIT:
        stated_price = reference * (stated.half_spread_bps + stated.slippage_bps) / 10_000
        assert paid >= stated_price or done.price == market.tick_size


# Prices as venues state them; one of 17 digits leaves no room for its costs within the 28 digits of a Decimal.
stated_prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(200_000), places=8)


@given(costs, orders(), stated_prices, quantities)
def test_spread_and_slippage_explain_the_whole_difference(
    stated: Costs, order: Intent, reference: Decimal, size: Decimal
) -> None:
    """Invariant 11: a fill's costs add up to the last unit."""
    done = execute(instrument(costs=stated), order, reference, size)
    difference = abs(Fraction(done.price) - Fraction(reference)) * Fraction(size)
    assert Fraction(done.spread_cost) + Fraction(done.slippage_cost) == difference


@given(costs, references, st.decimals(min_value=0, max_value=10**7, places=8))
def test_what_is_affordable_is_always_paid_for(stated: Costs, reference: Decimal, cash: Decimal) -> None:
    market, order = instrument(costs=stated), intent()
    assume(reference >= market.tick_size)
    most = affordable(market, order, reference, cash)
    assert most >= 0
    assert most % market.lot_step == 0
    done = execute(market, order, reference, most)
    assert done.price * most + done.fee <= cash
