"""Every rule of the gate, on both of its sides."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bot.core.market import Costs, Instrument
from bot.core.matching import affordable
from bot.core.orders import Approved, Denied, Intent, OrderType, Purpose, Side
from risk.account_view import AccountView
from risk.breakers import TradingState
from risk.buying import cash_needed
from risk.denial import Denial
from risk.gate import review
from risk.limits import RiskLimits, SizingMethod, StopKind

NAN = float("nan")

MARKET = Instrument(
    symbol="ETH/USDT",
    tick_size=Decimal("0.01"),
    lot_step=Decimal("0.001"),
    min_quantity=Decimal("0.002"),
    min_notional=Decimal(10),
    costs=Costs(Decimal(10), Decimal(10), Decimal(1), Decimal(1)),
    signal_venue="binance",
    execution_venue="binance",
)
LIMITS = RiskLimits(
    sizing=SizingMethod.FIXED_FRACTION,
    fraction=0.4,
    target_volatility=0.4,
    max_position_frac=0.5,
    max_exposure_frac=0.8,
    rebalance_band_frac=0.1,
    stop=StopKind.FIXED,
    stop_distance_frac=0.05,
    atr_multiple=2.0,
    cooldown_candles=3,
    daily_loss_frac=0.03,
    drawdown_frac=0.2,
    price_collar_frac=0.02,
    max_orders_per_day=50,
)
ACCOUNT = AccountView(
    state=TradingState.ACTIVE,
    state_reason="",
    equity=10_000.0,
    available_cash=Decimal(8000),
    position=Decimal(1),
    sellable=Decimal(1),
    position_notional=2000.0,
    exposure_notional=4000.0,
    price=2000.0,
    market_problem=None,
    candles_since_stop=None,
    orders_today=0,
)
BUY = Intent("r1", "ETH/USDT", Side.BUY, OrderType.MARKET, Decimal("0.5"), Purpose.ENTRY, 0)
SELL = Intent("r2", "ETH/USDT", Side.SELL, OrderType.MARKET, Decimal(1), Purpose.EXIT, 0)
STOP = Intent("r3", "ETH/USDT", Side.SELL, OrderType.STOP, Decimal(1), Purpose.STOP, 0, stop_price=Decimal(1900))


def changed(intent: Intent, **fields: Any) -> Intent:
    return msgspec.structs.replace(intent, **fields)


def reviewed(intent: Intent, limits: RiskLimits = LIMITS, **account: Any) -> Approved | Denied:
    return review(intent, MARKET, msgspec.structs.replace(ACCOUNT, **account), limits)


def refusal(intent: Intent, limits: RiskLimits = LIMITS, **account: Any) -> tuple[str, str]:
    answer = reviewed(intent, limits, **account)
    assert isinstance(answer, Denied)
    assert answer.intent is intent
    return answer.code, answer.reason


def approved(intent: Intent, limits: RiskLimits = LIMITS, **account: Any) -> bool:
    return reviewed(intent, limits, **account) == Approved(intent)


def test_an_entry_within_every_limit_an_exit_and_a_stop_are_approved() -> None:
    assert approved(BUY)
    assert approved(SELL)
    assert approved(STOP)


def test_an_intent_for_another_market_is_denied() -> None:
    assert refusal(changed(SELL, symbol="BTC/USDT")) == (
        "wrong_market",
        "the order is for BTC/USDT, the rules are those of ETH/USDT",
    )


@pytest.mark.parametrize("intent", [BUY, SELL, STOP])
@pytest.mark.parametrize("quantity", ["0", "-0.5", "NaN", "Infinity"])
def test_a_quantity_that_is_not_above_zero_is_denied(intent: Intent, quantity: str) -> None:
    assert refusal(changed(intent, quantity=Decimal(quantity)))[0] == Denial.QUANTITY


@pytest.mark.parametrize("intent", [BUY, SELL])
def test_a_quantity_off_the_lot_grid_is_denied(intent: Intent) -> None:
    assert refusal(changed(intent, quantity=Decimal("0.5005"))) == (
        "lot_grid",
        "quantity 0.5005 is not a multiple of the lot step 0.001",
    )


@pytest.mark.parametrize(
    "intent",
    [
        changed(BUY, limit_price=Decimal(2000)),
        changed(BUY, stop_price=Decimal(2010)),
        changed(BUY, type=OrderType.LIMIT),
        changed(BUY, type=OrderType.LIMIT, limit_price=Decimal(2000), stop_price=Decimal(2010)),
        changed(STOP, stop_price=None),
        changed(STOP, limit_price=Decimal(1890)),
    ],
)
def test_an_order_names_exactly_the_prices_of_its_type(intent: Intent) -> None:
    code, reason = refusal(intent)
    assert code == Denial.PRICES
    assert reason.startswith(f"a {intent.type.value} order cannot have limit price ")


@pytest.mark.parametrize("price", ["1900.005", "0", "-1900", "NaN", "Infinity"])
def test_a_price_off_the_tick_grid_is_denied(price: str) -> None:
    assert refusal(changed(STOP, stop_price=Decimal(price)))[0] == Denial.TICK_GRID
    limit = changed(BUY, type=OrderType.LIMIT, limit_price=Decimal(price))
    assert refusal(limit)[0] == Denial.TICK_GRID


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.BREAKER, Purpose.OPERATOR])
def test_protection_sells_in_every_state(purpose: Purpose) -> None:
    assert all(approved(changed(SELL, purpose=purpose), state=state) for state in TradingState)


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.ENTRY])
def test_a_strategy_sells_while_reducing_but_not_while_halted(purpose: Purpose) -> None:
    sell = changed(SELL, purpose=purpose)
    assert approved(sell, state=TradingState.REDUCING)
    assert refusal(sell, state=TradingState.HALTED, state_reason="drawdown") == (
        "halted",
        "trading is halted (drawdown): only stops, breakers and the operator may sell",
    )


@pytest.mark.parametrize("purpose", list(Purpose))
def test_nothing_is_bought_unless_trading_is_active_whatever_it_is_called(purpose: Purpose) -> None:
    buy = changed(BUY, purpose=purpose)
    assert approved(buy)
    assert refusal(buy, state=TradingState.HALTED)[0] == Denial.HALTED
    assert refusal(buy, state=TradingState.REDUCING, state_reason="daily loss") == (
        "reducing",
        "trading is reducing (daily loss): only what cuts exposure is traded",
    )


def test_more_than_is_held_is_never_sold() -> None:
    assert refusal(changed(SELL, quantity=Decimal("1.001"))) == (
        "not_held",
        "cannot sell 1.001 ETH: 1 are held",
    )


def test_what_working_sells_hold_is_not_sold_twice() -> None:
    assert refusal(SELL, sellable=Decimal("0.4")) == (
        "held_by_orders",
        "cannot sell 1 ETH: of 1 held, 0.4 are not held by other orders",
    )
    assert approved(changed(SELL, quantity=Decimal("0.4")), sellable=Decimal("0.4"))


@pytest.mark.parametrize("price", [1900.0, 1800.0])
def test_a_sell_stop_that_would_trigger_at_once_is_denied(price: float) -> None:
    code, reason = refusal(STOP, price=price)
    assert (code, reason) == (
        "stop_would_trigger",
        f"a sell stop at 1900 would trigger at once: the market is at {price}",
    )
    assert approved(STOP, price=1900.01)


def test_a_holding_too_small_for_the_venue_is_dust() -> None:
    assert refusal(changed(SELL, quantity=Decimal("0.004"))) == (
        "dust",
        "0.004 ETH, worth 8.00 USDT, is too small to be sold: the venue's least is 0.002 ETH and 10 USDT",
    )
    assert refusal(changed(SELL, quantity=Decimal("0.001")), price=20_000.0)[0] == Denial.DUST
    assert approved(changed(SELL, quantity=Decimal("0.005")))
    assert approved(changed(SELL, quantity=Decimal("0.002")), price=20_000.0)


def test_a_stop_is_dust_by_its_own_price() -> None:
    small = changed(STOP, quantity=Decimal("0.005"))
    assert refusal(small)[0] == Denial.DUST
    assert approved(changed(small, stop_price=Decimal(2000)), price=2100.0)


def test_no_limit_of_the_account_keeps_a_holding_from_being_sold() -> None:
    worst: dict[str, Any] = {
        "equity": NAN,
        "available_cash": Decimal(-1),
        "position_notional": NAN,
        "exposure_notional": 1e9,
        "market_problem": "suspended",
        "candles_since_stop": 0,
        "orders_today": 1000,
    }
    assert approved(SELL, **worst)
    assert approved(STOP, **worst)
    assert approved(changed(SELL, type=OrderType.LIMIT, limit_price=Decimal(1000)), **worst)


@pytest.mark.parametrize("price", [NAN, 0.0, float("inf")])
def test_a_holding_is_sold_but_nothing_is_bought_without_a_price(price: float) -> None:
    assert approved(SELL, price=price)
    assert refusal(BUY, price=price) == (
        "no_price",
        f"the last price of ETH/USDT is {price}: nothing is bought without a price",
    )


def test_a_market_with_a_problem_gets_no_entry_and_the_sentence_names_it() -> None:
    assert refusal(BUY, market_problem="warming up, 120 of 1500 candles") == (
        "market_not_tradable",
        "ETH/USDT is not tradable: warming up, 120 of 1500 candles",
    )


def test_a_market_that_was_stopped_out_cools_down() -> None:
    assert refusal(BUY, candles_since_stop=2) == (
        "cooldown",
        "2 candles since ETH/USDT was stopped out, 3 must pass",
    )
    assert approved(BUY, candles_since_stop=3)
    assert approved(BUY, msgspec.structs.replace(LIMITS, cooldown_candles=0), candles_since_stop=0)


def test_a_day_has_so_many_orders() -> None:
    assert refusal(BUY, orders_today=50) == ("orders_per_day", "50 orders today, 50 are allowed")
    assert approved(BUY, orders_today=49)


@pytest.mark.parametrize("price", ["1959.99", "2040.01"])
def test_a_limit_too_far_from_the_market_is_denied(price: str) -> None:
    far = changed(BUY, type=OrderType.LIMIT, limit_price=Decimal(price))
    assert refusal(far) == (
        "price_collar",
        f"the order's price {price} is not between 1960.000 and 2040.000, the market's price with 2.00% on both sides",
    )


@pytest.mark.parametrize("price", ["1960", "2040"])
def test_a_limit_on_the_collar_is_approved(price: str) -> None:
    assert approved(changed(BUY, type=OrderType.LIMIT, limit_price=Decimal(price)))


def test_a_buy_stop_stands_above_the_market_and_within_the_collar() -> None:
    def at(price: str) -> Intent:
        return changed(BUY, type=OrderType.STOP, stop_price=Decimal(price))

    assert approved(at("2000.01"))
    assert refusal(at("2000")) == (
        "stop_would_trigger",
        "a buy stop at 2000 would trigger at once: the market is at 2000.0",
    )
    assert refusal(at("2040.01"))[0] == Denial.PRICE_COLLAR


def test_an_entry_below_the_venues_least_is_denied() -> None:
    assert refusal(changed(BUY, quantity=Decimal("0.001"))) == (
        "min_quantity",
        "quantity 0.001 is below the venue's least of 0.002 ETH",
    )
    assert refusal(changed(BUY, quantity=Decimal("0.004"))) == (
        "min_notional",
        "an order of 8.00 USDT is below the venue's least of 10 USDT",
    )
    assert approved(changed(BUY, quantity=Decimal("0.005")))
    assert approved(changed(BUY, quantity=Decimal("0.002")), price=20_000.0)


@pytest.mark.parametrize("equity", [0.0, -5.0, NAN, float("inf")])
def test_nothing_is_bought_with_an_equity_that_is_none(equity: float) -> None:
    assert refusal(BUY, equity=equity)[0] == Denial.NO_EQUITY


def test_one_market_holds_at_most_its_share() -> None:
    assert approved(BUY, position_notional=4000.0)
    assert refusal(BUY, position_notional=4001.0) == (
        "max_position",
        "ETH/USDT would be 50.01% of equity, 50.00% is allowed",
    )
    assert refusal(BUY, position_notional=NAN)[0] == Denial.MAX_POSITION


def test_all_markets_together_hold_at_most_their_share() -> None:
    assert approved(BUY, exposure_notional=7000.0)
    assert refusal(BUY, exposure_notional=7001.0) == (
        "max_exposure",
        "all markets would be 80.01% of equity, 80.00% is allowed",
    )
    assert refusal(BUY, exposure_notional=NAN)[0] == Denial.MAX_EXPOSURE


def test_a_size_cut_to_the_limit_does_not_fail_by_its_last_bit() -> None:
    limits = msgspec.structs.replace(LIMITS, max_position_frac=0.3, max_exposure_frac=0.3)
    held = 290.00000000000006
    assert (held + 10.0) / 1000.0 > 0.3
    last = changed(BUY, quantity=Decimal("0.005"))
    assert approved(last, limits, equity=1000.0, position_notional=held, exposure_notional=held)


def test_an_entry_leaves_room_for_fee_spread_and_slippage() -> None:
    # 2000 and 2 bps, times 0.5, and a fee of 10 bps.
    whole = Decimal("1000.20") * Decimal("1.001")
    assert cash_needed(BUY, MARKET, Decimal(2000)) == whole
    assert approved(BUY, available_cash=whole)
    assert refusal(BUY, available_cash=whole - Decimal("1e-8")) == (
        "cash",
        "the order needs 1001.20020000 USDT with fee, spread and slippage, 1001.20019999 are available",
    )


def test_a_limit_order_is_paid_at_its_limit_with_the_dearer_fee() -> None:
    costs = Costs(maker_fee_bps=Decimal(2), taker_fee_bps=Decimal(10))
    limit = changed(BUY, type=OrderType.LIMIT, limit_price=Decimal(1990))
    assert cash_needed(limit, msgspec.structs.replace(MARKET, costs=costs), Decimal(2000)) == Decimal("995.995")


def test_a_buy_stop_is_paid_at_its_stop_with_spread_and_slippage() -> None:
    stop = changed(BUY, type=OrderType.STOP, stop_price=Decimal(2010))
    assert cash_needed(stop, MARKET, Decimal(2000)) == Decimal("1005.205") * Decimal("1.001")


def test_the_quantity_that_matching_calls_affordable_is_affordable_here() -> None:
    wide = msgspec.structs.replace(LIMITS, max_position_frac=1.0, max_exposure_frac=1.0)
    cash = Decimal("777.77")
    quantity = affordable(MARKET, BUY, Decimal("1234.56"), cash)
    whole = changed(BUY, quantity=quantity)
    assert approved(whole, wide, available_cash=cash, price=1234.56)
    more = changed(BUY, quantity=quantity + MARKET.lot_step)
    assert refusal(more, wide, available_cash=cash, price=1234.56)[0] == Denial.CASH


CAPPED = msgspec.structs.replace(MARKET, max_quantity=Decimal("1.2005"))


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT])
def test_an_entry_is_cut_so_that_one_order_can_sell_all_that_is_held_then(kind: OrderType) -> None:
    limit = Decimal(2000) if kind is OrderType.LIMIT else None
    wish = changed(BUY, type=kind, limit_price=limit)
    assert review(wish, CAPPED, ACCOUNT, LIMITS) == Approved(changed(wish, quantity=Decimal("0.2")))
    fits = changed(wish, quantity=Decimal("0.2"))
    assert review(fits, CAPPED, ACCOUNT, LIMITS).intent is fits


@pytest.mark.parametrize("held", ["1.2", "1.2005", "7"])
def test_an_entry_for_which_one_order_leaves_no_room_is_denied(held: str) -> None:
    answer = review(BUY, CAPPED, msgspec.structs.replace(ACCOUNT, position=Decimal(held)), LIMITS)
    assert isinstance(answer, Denied)
    assert answer.code == Denial.MAX_QUANTITY
    assert answer.reason == (
        f"{held} ETH are held: with 0.5 more it would be above the 1.2005 that the venue lets one order have, "
        "and could not be sold at once"
    )


def test_what_is_cut_to_less_than_the_venues_least_is_denied_for_that() -> None:
    answer = review(BUY, CAPPED, msgspec.structs.replace(ACCOUNT, position=Decimal("1.199")), LIMITS)
    assert isinstance(answer, Denied)
    assert answer.code == Denial.MIN_QUANTITY


@pytest.mark.parametrize("purpose", Purpose)
def test_a_sale_of_more_than_one_order_may_have_is_cut_and_a_stop_is_not(purpose: Purpose) -> None:
    account = msgspec.structs.replace(ACCOUNT, position=Decimal(5), sellable=Decimal(5))
    sale = changed(SELL, quantity=Decimal(5), purpose=purpose)
    assert review(sale, CAPPED, account, LIMITS) == Approved(changed(sale, quantity=Decimal("1.2")))
    whole = changed(STOP, quantity=Decimal(5))
    assert review(whole, CAPPED, account, LIMITS) == Approved(whole)


@pytest.mark.parametrize("quantity", ["NaN", "-1", "7.0005"])
def test_a_quantity_that_is_none_is_not_cut_into_one(quantity: str) -> None:
    answer = review(changed(BUY, quantity=Decimal(quantity)), CAPPED, ACCOUNT, LIMITS)
    assert isinstance(answer, Denied)
    assert answer.code in (Denial.QUANTITY, Denial.LOT_GRID)


def test_what_the_venue_takes_no_more_is_neither_sold_nor_bought() -> None:
    least = Decimal("0.6")
    assert approved(changed(SELL, quantity=least), least=least)
    code, reason = refusal(changed(SELL, quantity=Decimal("0.599")), least=least)
    assert code == Denial.DUST
    assert "the venue's least is 0.6 ETH" in reason
    assert refusal(BUY, least=least)[0] == Denial.MIN_QUANTITY
    # The fee in what is bought would leave less than can be sold at the stop.
    assert refusal(changed(BUY, quantity=least), least=least, protective_stop=Decimal(1900))[0] == Denial.MIN_NOTIONAL
    assert approved(BUY, least=Decimal("0.001"))


@pytest.mark.parametrize(("stop", "ok"), [("1999.97", True), ("1999.98", False), ("2000", False), ("2001", False)])
def test_nothing_is_bought_whose_stop_the_ticks_leave_no_distance(stop: str, ok: bool) -> None:
    if ok:
        assert approved(BUY, protective_stop=Decimal(stop))
    else:
        code, reason = refusal(BUY, protective_stop=Decimal(stop))
        assert code == Denial.STOP_DISTANCE
        assert f"would rest at {stop}, less than 3 ticks of 0.01 below the market at 2000" in reason


def test_the_first_broken_rule_is_the_one_that_is_told() -> None:
    broken: list[tuple[dict[str, Any], Denial]] = [
        ({"available_cash": Decimal(0)}, Denial.CASH),
        ({"exposure_notional": 9000.0}, Denial.MAX_EXPOSURE),
        ({"position_notional": 9000.0}, Denial.MAX_POSITION),
        ({"equity": 0.0}, Denial.NO_EQUITY),
        ({"price": NAN}, Denial.NO_PRICE),
        ({"orders_today": 99}, Denial.ORDERS_PER_DAY),
        ({"candles_since_stop": 0}, Denial.COOLDOWN),
        ({"market_problem": "a gap"}, Denial.MARKET_NOT_TRADABLE),
        ({"state": TradingState.HALTED}, Denial.HALTED),
    ]
    account: dict[str, Any] = {}
    for fields, code in broken:
        account |= fields
        assert refusal(BUY, **account)[0] == code


def test_a_denial_is_plain_text_for_whoever_keeps_it() -> None:
    answer = reviewed(BUY, state=TradingState.HALTED)
    assert isinstance(answer, Denied)
    assert type(answer.code) is str
