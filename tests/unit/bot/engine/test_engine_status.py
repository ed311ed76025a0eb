from decimal import Decimal

import msgspec
import pytest

from bot.core.commands import Decided, Verdict
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    Backfilled,
    Flatten,
    Halt,
    MarketBarred,
    MarketSuspended,
    OrderAccepted,
    OrderUnknown,
    PriceUpdated,
    Resume,
    SessionStarted,
    TimerFired,
)
from bot.core.orders import OrderStatus, Purpose
from bot.core.status import EngineStatus, Protection
from tests.engine_driver import Driver, submits
from tests.engine_world import engine, started
from tests.hourly_bars import BTC, ETH, HOUR, T0, bar, closes
from tests.made_orders import instrument, limits
from tests.scripted_strategies import FollowsForecast, Scripted, always, two_features
from tests.status_view import market_of, status_of

MARKETS = [instrument(BTC), instrument(ETH)]


def driven(level: float = 1.0, **given: object) -> Driver:
    return Driver(engine(always(level), **given))  # type: ignore[arg-type]


def looked(driver: Driver) -> EngineStatus:
    return driver.engine.status({})


def test_a_bot_that_holds_nothing_says_what_it_waits_for() -> None:
    status = status_of(started(always(0.0)))
    assert (status.state, status.reason, status.equity, status.cash) == ("active", "", 10_000.0, Decimal(10_000))
    market = status.markets[0]
    assert market.why == "warming up: 0 of 1 candles"
    assert (market.last_close, market.last_close_ms, market.next_close_ms, market.holding) == (None, None, None, None)


def test_a_market_tells_its_last_close_and_when_the_next_candle_closes() -> None:
    market = market_of(started(always(0.0)).play(bar(0, 100.0), bar(1, 101.0)))
    assert (market.last_close, market.last_close_ms, market.next_close_ms) == (101.0, closes(1), closes(2))
    assert (market.bars, market.bars_needed) == (2, 1)


def test_a_market_tells_the_last_decision_and_its_moves() -> None:
    world = started(FollowsForecast(), features=two_features(), window=1, p_up=lambda symbol, at: 0.0)
    market = market_of(world.play(*(bar(number, 100.0) for number in range(3))))
    assert market.why == "not bought: as foreseen (expected +100.0 bp, needed +0.0 bp)"
    assert market.decision is not None
    assert (market.decision.verdict, market.decision.expected_move_bps) == (Verdict.HOLD, 100.0)


def test_a_market_that_warms_up_counts_its_candles() -> None:
    world = started(FollowsForecast(), features=two_features(warm_up=4), window=2, p_up=lambda symbol, at: 0.0)
    assert market_of(world.play(bar(0, 100.0), bar(1, 100.0))).why == "warming up: 2 of 6 candles"


def test_a_holding_tells_what_it_cost_what_it_is_worth_and_its_stop() -> None:
    status = status_of(started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0), bar(2, 110.0)))
    holding = status.markets[0].holding
    assert holding is not None
    assert (holding.quantity, holding.average_price, holding.price) == (Decimal(50), Decimal(100), 110.0)
    assert (holding.value, holding.is_dust) == (5_500.0, False)
    assert (holding.stop_price, holding.protection) == (Decimal("90.00"), Protection.RESTS)
    assert status.exposure_frac == pytest.approx(5_500 / 10_500)
    assert status.orders_today == 1


def test_an_order_under_way_is_the_reason() -> None:
    driver = driven()
    (wish,) = submits(driver.close(bar(0, 100.0)))
    market = looked(driver).markets[0]
    assert market.why == f"being bought: entry order {wish.client_order_id} is submitted, 0 of 50.000 filled"
    assert [(order.purpose, order.status) for order in market.orders] == [(Purpose.ENTRY, OrderStatus.SUBMITTED)]


def test_deeds_without_an_answer_and_orders_of_unknown_fate_are_named() -> None:
    driver = driven()
    (wish,) = submits(driver.close(bar(0, 100.0)))
    order_id = wish.client_order_id
    assert looked(driver).unanswered == (f"submit {order_id}",)
    driver.feed(OrderUnknown(closes(0), order_id, "timed out"), Halt(closes(0), "lunch"))
    status = looked(driver)
    assert status.unknown == (order_id,)
    assert status.unanswered == (f"submit {order_id}", f"cancel {order_id}")
    assert status.markets[0].orders[0].asked_back


@pytest.mark.parametrize(
    ("answer", "protection"),
    [
        (None, Protection.SENT),
        (OrderAccepted, Protection.RESTS),
        (OrderUnknown, Protection.UNKNOWN),
    ],
)
def test_a_stop_protects_once_the_venue_holds_it(answer: type | None, protection: Protection) -> None:
    driver = driven()
    (wish,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(wish, "100"))
    if answer is not None:
        driver.feed(answer(closes(0), stop.client_order_id, "venue"))
    holding = looked(driver).markets[0].holding
    assert holding is not None
    assert holding.protection is protection


def test_a_stop_that_is_asked_back_protects_no_more() -> None:
    driver = Driver(engine(Scripted({BTC: [1.0, 0.0]})))
    (wish,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(wish, "100"))
    driver.feed(OrderAccepted(closes(0), stop.client_order_id, "v"))
    driver.close(bar(1, 100.0))
    market = looked(driver).markets[0]
    assert market.holding is not None
    assert market.holding.protection is Protection.LEAVING
    assert market.why == "being sold: its stop is taken back first"
    (exit_,) = submits(driver.cancelled(stop.client_order_id))
    assert looked(driver).markets[0].why.startswith(f"being sold: exit order {exit_.client_order_id}")


def test_a_holding_without_a_stop_says_since_when() -> None:
    settings = msgspec.structs.replace(engine(always(1.0))._settings, unprotected_ms=5_000)
    core = engine(always(1.0))
    core._settings = settings
    core._is_guarded = True
    core._use(core.state)
    driver = Driver(core)
    (wish,) = submits(driver.close(bar(0, 100.0)))
    driver.filled(wish, "100")
    holding = looked(driver).markets[0].holding
    assert holding is not None
    assert holding.bare_since_ms == closes(0)


def test_dust_is_shown_and_counts_as_nothing_held() -> None:
    driver = Driver(engine(Scripted({BTC: [1.0, 0.0]}), markets=[instrument(lot_step=Decimal("0.1"))]))
    (wish,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(wish, "100", fee="0.01", fee_asset="BTC"))
    driver.close(bar(1, 100.0))
    (exit_,) = submits(driver.cancelled(stop.client_order_id))
    driver.filled(exit_, "100")
    row = Decided(closes(1), BTC, 0.0, 0.0, 0.0, Verdict.HOLD, "nothing to do")
    market = driver.engine.status({BTC: row}).markets[0]
    assert market.holding is not None
    assert (market.holding.quantity, market.holding.is_dust) == (Decimal("0.09"), False)
    driver.feed(PriceUpdated(closes(1), BTC, 50.0, 50.0, 50.0))
    market = driver.engine.status({BTC: row}).markets[0]
    assert market.holding is not None
    assert market.holding.is_dust
    assert market.why == "not bought: nothing to do"


def test_a_halt_is_the_reason_and_its_words_are_the_operators() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    world.feed(Halt(closes(1), "lunch"))
    status = status_of(world)
    assert (status.state, status.reason, status.operator_halt) == ("halted", "halted: lunch", "lunch")
    assert status.markets[0].why == "not traded: halted: lunch; its stop stays"
    world.feed(Resume(closes(1), "after lunch"))
    assert status_of(world).state == "active"


def test_what_is_to_be_sold_by_the_operator_says_so() -> None:
    driver = driven()
    (wish,) = submits(driver.close(bar(0, 100.0)))
    (stop,) = submits(driver.filled(wish, "100"))
    driver.feed(Flatten(closes(0), "enough"))
    status = looked(driver)
    assert status.flattening == "enough"
    assert status.markets[0].why == "being sold: its stop is taken back first"
    (sale,) = submits(driver.cancelled(stop.client_order_id))
    driver.rejected(sale.client_order_id)
    assert looked(driver).markets[0].why == "to be sold and not bought again: halted: enough"


def test_a_model_that_is_not_proven_is_the_reason() -> None:
    driver = Driver(engine(FollowsForecast(), features=two_features()))
    assert looked(driver).markets[0].why == "not traded: the model is not proven yet"


def test_drift_is_a_reason_to_buy_nothing() -> None:
    world = started(always(0.0)).play(bar(0, 100.0))
    world.feed(AccountDrifted(closes(0), "a fill is missing"))
    status = status_of(world)
    assert status.state == "reducing"
    assert status.markets[0].why.endswith("; nothing is bought: the venue's books and ours differ: a fill is missing")


def test_a_suspended_market_and_a_barred_one_say_why() -> None:
    world = started(always(0.0, BTC, ETH), markets=MARKETS)
    world.play({BTC: bar(0, 100.0), ETH: bar(0, 10.0)})
    world.feed(MarketSuspended(closes(0), BTC, "silent"), MarketBarred(closes(0), ETH, "in maintenance"))
    assert market_of(world, BTC).why == "no entries, its data cannot be proven: silent"
    assert market_of(world, ETH).why == "no entries at its place of execution: in maintenance"
    assert (market_of(world, BTC).suspended, market_of(world, ETH).barred) == ("silent", "in maintenance")


def test_a_market_that_asks_history_waits_for_it() -> None:
    driver = driven(0.0)
    driver.close(bar(0, 100.0))
    driver.close(bar(3, 100.0))
    assert looked(driver).markets[0].why == "waiting for history"
    driver.feed(Backfilled(closes(3), BTC, T0 + HOUR, T0 + 3 * HOUR, (bar(1, 100.0), bar(2, 100.0))))
    assert looked(driver).markets[0].why == "no candle has been decided on yet"


def test_a_candle_waits_for_the_other_markets_and_then_for_its_forecast() -> None:
    core = engine(FollowsForecast(), markets=MARKETS, features=two_features(warm_up=0), window=1)
    driver = Driver(core, bundle="model")
    driver.close(bar(0, 100.0), BTC)
    assert looked(driver).markets[0].why == "its candle is in, waiting for those of the other markets"
    driver.close(bar(0, 10.0), ETH)
    assert {market.why for market in looked(driver).markets} == {"waiting for its forecast"}
    driver.feed(TimerFired(closes(0) + 10_000, "instant"))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.NOT_TRADABLE, "not tradable: the bar is missing and was filled"),
        (Verdict.NO_FORECAST, "no forecast: the bar is missing and was filled"),
        (Verdict.DENIED, "denied by risk at its last close: the bar is missing and was filled"),
        (Verdict.SUBMITTED, "traded at its last close: the bar is missing and was filled"),
        (Verdict.HOLD, "not bought: the bar is missing and was filled"),
    ],
)
def test_every_verdict_has_its_words(verdict: Verdict, words: str) -> None:
    driver = driven(0.0)
    driver.close(bar(0, 100.0))
    row = Decided(closes(0), BTC, None, None, 0.0, verdict, "the bar is missing and was filled")
    assert driver.engine.status({BTC: row}).markets[0].why == words


def test_breakers_tell_how_far_they_are_from_tripping() -> None:
    world = started(always(1.0), risk=limits(fraction=1.0, stop_distance_frac=0.9, daily_loss_frac=0.1))
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 95.0))
    daily, drawdown = status_of(world).breakers
    assert (daily.name, daily.tripped, daily.reference) == ("daily loss", False, 10_000.0)
    assert daily.fall_frac == pytest.approx(0.05)
    assert (daily.limit_frac, daily.trips_at) == (0.1, 9_000.0)
    assert (drawdown.name, drawdown.limit_frac) == ("drawdown", 1.0)
    world.play(bar(3, 80.0))
    status = status_of(world)
    assert status.breakers[0].tripped
    assert status.state == "reducing"
    assert status.markets[0].why.startswith("held: ")


def test_before_the_first_mark_a_breaker_has_no_figures() -> None:
    daily, _ = status_of(started(always(0.0))).breakers
    assert (daily.reference, daily.fall_frac, daily.trips_at) == (0.0, 0.0, 0.0)


def test_foreign_money_is_told_and_is_no_part_of_the_equity() -> None:
    driver = driven(0.0)
    driver.feed(AccountReconciled(T0, {"BTC": Decimal(1)}))
    status = looked(driver)
    assert status.foreign == {"BTC": Decimal(1)}
    assert status.equity == 10_000.0


def test_entries_of_yesterday_are_not_of_today() -> None:
    driver = driven()
    driver.close(bar(0, 100.0))
    assert looked(driver).orders_today == 1
    driver.feed(SessionStarted(T0 + 25 * HOUR))
    assert looked(driver).orders_today == 0


def test_a_picture_goes_through_json_unchanged() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    status = status_of(world)
    assert msgspec.json.decode(msgspec.json.encode(status), type=EngineStatus) == status


def test_looking_changes_nothing() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    before = world.engine.save()
    status_of(world)
    assert world.engine.save() == before
