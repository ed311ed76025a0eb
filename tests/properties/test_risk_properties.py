"""What the risk desk never does, whatever it is given."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.core.market import DAY_MS, Costs, Instrument
from bot.core.matching import execute
from bot.core.orders import Approved, Denied, Fill, Intent, OrderType, Purpose, Side
from bot.core.portfolio import Portfolio, Position
from risk.account_view import AccountView
from risk.breakers import BreakerState, TradingState, observe
from risk.buying import ROUNDING
from risk.denial import Denial
from risk.gate import PROTECTION, review
from risk.limits import RiskLimits, SizingMethod, StopKind
from risk.sizing import needs_trade, target_exposure
from risk.stops import stop_price, tighter

Case = tuple[Intent, Instrument, AccountView, RiskLimits]

# How fast the machine is says nothing of the rules.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

fractions = st.floats(0.01, 1.0)
prices = st.floats(0.1, 200_000.0)
any_float = st.floats(allow_nan=True, allow_infinity=True)


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-places))


@st.composite
def risk_limits(draw: st.DrawFn) -> RiskLimits:
    exposure = draw(st.floats(0.3, 1.0))
    return RiskLimits(
        sizing=draw(st.sampled_from(SizingMethod)),
        fraction=draw(fractions),
        target_volatility=draw(st.floats(0.01, 5.0)),
        max_position_frac=draw(st.floats(0.2, exposure)),
        max_exposure_frac=exposure,
        rebalance_band_frac=draw(st.floats(0.0, 2.0)),
        stop=draw(st.sampled_from(StopKind)),
        stop_distance_frac=draw(st.floats(1e-12, 0.999999)),
        atr_multiple=draw(st.floats(0.01, 50.0)),
        cooldown_candles=draw(st.integers(0, 5)),
        daily_loss_frac=draw(fractions),
        drawdown_frac=draw(fractions),
        price_collar_frac=draw(st.floats(0.001, 0.1)),
        max_orders_per_day=draw(st.integers(1, 60)),
    )


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    bps = decimals(0, 500, 1)
    lot_step = Decimal(1).scaleb(-draw(st.integers(0, 8)))
    return Instrument(
        symbol="ETH/USDT",
        tick_size=Decimal(1).scaleb(-draw(st.integers(2, 8))),
        lot_step=lot_step,
        min_quantity=lot_step * draw(st.integers(0, 10)),
        min_notional=draw(decimals(0, 200, 1)),
        costs=Costs(draw(bps), draw(bps), draw(bps), draw(bps)),
        signal_venue="a",
        execution_venue="b",
        max_quantity=draw(st.none() | st.integers(1, 10**6).map(lambda lots: lots * lot_step)),
    )


@st.composite
def intents(draw: st.DrawFn, instrument: Instrument, price: float) -> Intent:
    kind = draw(st.sampled_from(OrderType))
    own = instrument.quantize_price(price * draw(st.floats(0.95, 1.05)), up=True)
    return Intent(
        client_order_id="r1",
        symbol="ETH/USDT",
        side=draw(st.sampled_from(Side)),
        type=kind,
        quantity=instrument.lot_step * draw(st.integers(-1, 10**6)),
        purpose=draw(st.sampled_from(Purpose)),
        decided_ms=0,
        limit_price=own if kind is OrderType.LIMIT else None,
        stop_price=own if kind is OrderType.STOP else None,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An order, and an account of about the size at which it is just possible or just not."""
    price = draw(prices)
    instrument = draw(instruments())
    intent = draw(intents(instrument, price))
    amount = max(float(intent.quantity) * price, 1.0)
    equity = amount * draw(st.sampled_from((1.0, 2.0, 3.0, 5.0, 10.0))) * draw(st.floats(1.0, 3.0))
    position = abs(intent.quantity) * draw(decimals(5, 30, 1))
    notional = equity * draw(st.floats(0.0, 0.2))
    account = AccountView(
        state=draw(st.sampled_from((*[TradingState.ACTIVE] * 6, *TradingState))),
        state_reason="drawn",
        equity=equity,
        available_cash=Decimal(repr(amount)) * draw(decimals(90, 130, 2)),
        position=position,
        sellable=position * draw(decimals(5, 10, 1)),
        position_notional=notional,
        exposure_notional=notional + equity * draw(st.floats(0.0, 0.2)),
        price=price,
        market_problem=draw(st.sampled_from((*[None] * 9, "a gap"))),
        candles_since_stop=draw(st.none() | st.integers(2, 9)),
        orders_today=draw(st.integers(0, 20)),
    )
    return intent, instrument, account, draw(risk_limits())


def breaks_no_rule(intent: Intent, instrument: Instrument, account: AccountView, limits: RiskLimits) -> None:
    own = intent.limit_price or intent.stop_price or Decimal(repr(account.price))
    assert intent.quantity > 0
    assert intent.quantity == instrument.quantize_quantity(intent.quantity) >= instrument.min_quantity
    assert intent.quantity * own >= instrument.min_notional
    if intent.side is Side.SELL:
        assert intent.quantity <= account.sellable <= account.position
        assert account.state is not TradingState.HALTED or intent.purpose in PROTECTION
        assert intent.type is not OrderType.MARKET or intent.quantity <= (instrument.max_quantity or intent.quantity)
        return
    assert account.position + intent.quantity <= (instrument.max_quantity or account.position + intent.quantity)
    added = float(intent.quantity * own)
    slack = 1.0 + ROUNDING
    assert account.state is TradingState.ACTIVE
    assert account.market_problem is None
    assert account.candles_since_stop is None or account.candles_since_stop >= limits.cooldown_candles
    assert account.orders_today < limits.max_orders_per_day
    assert (account.position_notional + added) / account.equity <= limits.max_position_frac * slack
    assert (account.exposure_notional + added) / account.equity <= limits.max_exposure_frac * slack
    assert abs(float(own) - account.price) <= limits.price_collar_frac * account.price * slack


def test_what_is_approved_breaks_no_rule() -> None:
    seen: Counter[str] = Counter()

    @settings(untimed, max_examples=1_200, derandomize=True)
    @given(cases())
    def holds(case: Case) -> None:
        answer, wish = review(*case), case[0]
        assert msgspec.structs.replace(answer.intent, quantity=wish.quantity) == wish
        assert answer.intent is wish or answer.intent.quantity < wish.quantity
        if isinstance(answer, Approved):
            breaks_no_rule(answer.intent, *case[1:])
            seen[f"approved {wish.side}"] += 1
            seen["cut"] += answer.intent is not wish
        else:
            assert answer.reason
            seen[Denial(answer.code)] += 1

    holds()
    assert seen["approved buy"] >= 20, f"too few to prove anything: {seen}"
    assert seen["approved sell"] >= 20, f"too few to prove anything: {seen}"
    assert seen["cut"] >= 5, f"too few to prove anything: {seen}"


def test_cash_never_goes_below_zero_at_the_stated_costs() -> None:
    seen: Counter[str] = Counter()

    @settings(untimed, max_examples=400, derandomize=True)
    @given(cases())
    def holds(case: Case) -> None:
        drawn, instrument, account, limits = case
        intent = msgspec.structs.replace(drawn, side=Side.BUY)
        generous = msgspec.structs.replace(
            account,
            state=TradingState.ACTIVE,
            market_problem=None,
            equity=1e18,
            candles_since_stop=None,
            orders_today=0,
        )
        answer = review(intent, instrument, generous, limits)
        seen["approved" if isinstance(answer, Approved) else answer.code] += 1
        if isinstance(answer, Denied):
            return
        intent = answer.intent
        reference = intent.limit_price or intent.stop_price or Decimal(repr(account.price))
        paid = execute(instrument, intent, reference, intent.quantity)
        books = Portfolio(account.available_cash)
        fill = Fill("r1", "t1", intent.symbol, Side.BUY, intent.quantity, paid.price, paid.fee, "USDT", reference)
        books.apply(fill, instrument)
        assert books.cash >= 0

    holds()
    assert seen["approved"] >= 50, f"too few to prove anything: {seen}"
    assert seen["cash"] >= 20, f"too few to prove anything: {seen}"


def test_what_is_approved_for_sale_never_oversells_the_books() -> None:
    seen: Counter[str] = Counter()

    @settings(untimed, max_examples=400, derandomize=True)
    @given(cases())
    def holds(case: Case) -> None:
        drawn, instrument, account, limits = case
        intent = msgspec.structs.replace(drawn, side=Side.SELL)
        answer = review(intent, instrument, account, limits)
        seen["approved" if isinstance(answer, Approved) else answer.code] += 1
        if isinstance(answer, Denied):
            return
        intent = answer.intent
        books = Portfolio(Decimal(0), {intent.symbol: Position(account.position, Decimal(1))})
        price = instrument.tick_size
        fill = Fill("r1", "t1", intent.symbol, Side.SELL, intent.quantity, price, Decimal(0), "USDT", price)
        assert books.apply(fill, instrument).quantity >= 0

    holds()
    assert seen["approved"] >= 50, f"too few to prove anything: {seen}"
    assert seen["not_held"] + seen["held_by_orders"] >= 20, f"too few to prove anything: {seen}"


@untimed
@given(cases(), any_float, any_float, any_float)
def test_the_gate_answers_whatever_the_estimates_are(case: Case, equity: float, notional: float, price: float) -> None:
    intent, instrument, account, limits = case
    odd = msgspec.structs.replace(account, equity=equity, position_notional=notional, price=price)
    answer = review(intent, instrument, odd, limits)
    if isinstance(answer, Approved) and intent.side is Side.BUY:
        assert 0.0 < price < float("inf")
        assert 0.0 < equity < float("inf")
        assert notional / equity <= limits.max_position_frac


@untimed
@given(risk_limits(), st.lists(st.tuples(st.integers(0, DAY_MS), any_float), min_size=1, max_size=40))
def test_breakers_never_lift_themselves_within_the_day_and_trip_once(
    limits: RiskLimits, steps: list[tuple[int, float]]
) -> None:
    state = BreakerState()
    at_ms = 0
    for step_ms, equity in steps:
        at_ms += step_ms
        before = replace(state)
        trip = observe(state, limits, at_ms, equity)
        same_day = state.day == before.day
        assert state.drawdown_tripped or not before.drawdown_tripped
        assert state.daily_tripped or not (before.daily_tripped and same_day)
        assert state.peak_equity >= before.peak_equity
        assert not same_day or repr(state.day_start_equity) == repr(before.day_start_equity)
        changed = (state.drawdown_tripped and not before.drawdown_tripped) or (
            state.daily_tripped and not (before.daily_tripped and same_day)
        )
        assert (trip is not None) is changed


@untimed
@given(risk_limits(), st.lists(st.floats(1.0, 1e9), min_size=1, max_size=40))
def test_breakers_trip_exactly_at_their_limits(limits: RiskLimits, equities: list[float]) -> None:
    state = BreakerState()
    for equity in equities:
        observe(state, limits, 0, equity)
    highest = [max(equities[: count + 1]) for count in range(len(equities))]
    deepest = any(equity <= peak * (1.0 - limits.drawdown_frac) for equity, peak in zip(equities, highest, strict=True))
    assert state.drawdown_tripped is deepest
    assert state.daily_tripped is (min(equities) <= equities[0] * (1.0 - limits.daily_loss_frac))


@untimed
@given(risk_limits(), st.floats(1e-9, 1e9), any_float)
def test_a_stop_is_always_above_zero_and_below_the_entry(limits: RiskLimits, entry: float, atr: float) -> None:
    stop = stop_price(limits, entry, atr)
    assert 0.0 < stop < entry
    assert stop == pytest.approx(entry) or stop >= entry * (1.0 - limits.stop_distance_frac)


@untimed
@given(st.lists(decimals(1, 10**12, 6), min_size=1))
def test_a_stop_is_only_ever_tightened(stops: list[Decimal]) -> None:
    kept: Decimal | None = None
    for stop in stops:
        kept = tighter(kept, stop)
    assert kept == max(stops)


@untimed
@given(risk_limits(), any_float, any_float, st.sampled_from((365.0, 8760.0, 525_600.0)))
def test_a_wanted_exposure_is_between_nothing_and_the_cap(
    limits: RiskLimits, signal: float, sigma: float, per_year: float
) -> None:
    wanted = target_exposure(limits, signal, sigma, per_year)
    assert 0.0 <= wanted <= limits.max_position_frac
    if signal <= 0.0:
        assert wanted == 0.0


@untimed
@given(risk_limits(), st.floats(0.01, 1.0), st.floats(0.001, 1.0), st.floats(0.0001, 0.2))
def test_more_volatility_never_wants_more(limits: RiskLimits, signal: float, less: float, sigma: float) -> None:
    assert target_exposure(limits, signal, sigma * (1.0 + less), 8760.0) <= target_exposure(
        limits, signal, sigma, 8760.0
    )


@untimed
@given(risk_limits(), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_what_is_held_as_wanted_is_never_traded_and_one_trade_is_enough(
    limits: RiskLimits, wanted: float, held: float
) -> None:
    assert not needs_trade(limits, wanted, wanted)
    if (wanted > 0.0) is not (held > 0.0):
        assert needs_trade(limits, wanted, held)


@untimed
@given(risk_limits(), st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(0.0, 1.0))
def test_a_holding_nearer_to_what_is_wanted_never_trades_where_a_farther_one_does_not(
    limits: RiskLimits, wanted: float, held: float, part: float
) -> None:
    nearer = wanted + (held - wanted) * part
    assume(nearer > 0.0 and abs(nearer - wanted) <= abs(held - wanted))
    assert needs_trade(limits, wanted, held) or not needs_trade(limits, wanted, nearer)
