from decimal import Decimal

from bot.core.orders import Purpose, Side
from bot.reporting.reading import read_columns
from bot.reporting.trips import round_trips, traded_amounts


def trips_of(run):
    columns = read_columns(run)
    return round_trips(columns.fills, {one.symbol: one for one in columns.header.instruments})


def amounts_of(run):
    columns = read_columns(run)
    return traded_amounts(columns.fills, {one.symbol: one for one in columns.header.instruments})


def test_a_round_trip_earns_what_came_in_less_what_went_out_and_both_fees(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "2", "100", fee="0.2")
    run.trade(4, Side.SELL, "2", "110", fee="0.22")
    (trip,) = trips_of(run)
    assert trip.profit == Decimal("19.58")
    assert trip.closed_ms - trip.opened_ms == 3 * 3_600_000


def test_a_trip_that_is_built_up_and_taken_down_in_parts_is_one_trip(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100")
    run.trade(2, Side.BUY, "1", "120")
    run.trade(3, Side.SELL, "0.5", "110")
    run.trade(4, Side.SELL, "1.5", "130", purpose=Purpose.STOP)
    assert [trip.profit for trip in trips_of(run)] == [Decimal(30)]


def test_a_position_that_is_still_open_is_no_round_trip(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100")
    assert trips_of(run) == ()


def test_markets_are_flat_one_by_one(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.trade(1, Side.BUY, "1", "100")
    run.trade(1, Side.BUY, "1", "10", symbol="ETH/USDT")
    run.trade(2, Side.SELL, "1", "9", symbol="ETH/USDT")
    assert [(trip.symbol, trip.profit) for trip in trips_of(run)] == [("ETH/USDT", Decimal(-1))]


def test_the_dust_that_a_fee_in_base_leaves_counts_as_flat(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100", fee="0.0015", fee_asset="BTC")
    run.trade(2, Side.SELL, "0.998", "110")
    assert [trip.profit for trip in trips_of(run)] == [Decimal("9.78")]


def test_costs_are_summed_exactly_and_a_fee_in_base_at_its_price(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100", fee="0.001", fee_asset="BTC", costs=("0.01", "0.02"))
    run.trade(2, Side.SELL, "0.5", "200", fee="0.3", costs=("0.03", "0.04"))
    amounts = amounts_of(run)
    assert amounts.traded == Decimal(200)
    assert amounts.fees == Decimal("0.4")
    assert amounts.spread == Decimal("0.04")
    assert amounts.slippage == Decimal("0.06")
    assert amounts.costs == Decimal("0.5")


def test_a_fill_of_a_foreign_order_is_not_counted(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100")
    foreign = run.entries.pop()
    run.entries.pop()
    run.add(foreign)
    assert read_columns(run).fills == ()


def test_a_trade_that_is_reported_twice_is_one_fill(new_run):
    run = new_run()
    run.trade(1, Side.BUY, "1", "100")
    run.add(run.entries[-1])
    assert len(read_columns(run).fills) == 1
