"""Records as facts: each has the instant of the candle that it belongs to."""

from decimal import Decimal

import numpy as np
from msgspec.structs import replace

from bot.core.commands import CancelOrder, RequestForecast, SubmitOrder
from bot.core.events import (
    AnyEvent,
    Backfilled,
    CandleClosed,
    ForecastFailed,
    ForecastReady,
    Halt,
    MarketRestored,
    MarketSuspended,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    TimerFired,
)
from bot.core.market import Candle
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side
from bot.reporting.run_facts import Fact, FactReader, FeatureRow, Stage

HOUR_MS = 3_600_000
BTC = "BTC/USDT"
FILL = Fill("a1", "t1", BTC, Side.BUY, Decimal(1), Decimal(100), Decimal(0), "USDT", Decimal(100))
INTENT = Intent("a1", BTC, Side.BUY, OrderType.MARKET, Decimal(1), Purpose.ENTRY, HOUR_MS)


def closed(hour: int) -> CandleClosed:
    return CandleClosed((hour + 1) * HOUR_MS, BTC, Candle(hour * HOUR_MS, 1.0, 1.0, 1.0, 1.0, 0.0))


def facts(*records: AnyEvent | SubmitOrder | CancelOrder | RequestForecast) -> list[Fact]:
    reader = FactReader(HOUR_MS, ("body", "volume"))
    return [fact for record in records for fact in reader.take(record)]


def stages(found: list[Fact]) -> list[tuple[Stage, str, int]]:
    return [(fact.stage, fact.symbol, fact.instant_ms // HOUR_MS) for fact in found]


def test_a_candle_belongs_to_its_close():
    assert stages(facts(closed(3))) == [(Stage.CANDLE, BTC, 4)]


def test_the_standing_of_a_market_is_a_fact_of_its_data():
    suspended, restored = facts(MarketSuspended(HOUR_MS, BTC, "silent"), MarketRestored(2 * HOUR_MS, BTC))
    assert (suspended.stage, suspended.instant_ms) == (Stage.CANDLE, HOUR_MS)
    assert suspended.value != restored.value


def test_a_window_is_its_newest_row_and_the_print_of_all():
    windows = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    first, second = facts(RequestForecast(HOUR_MS, (BTC, "ETH/USDT"), windows))
    assert (first.symbol, second.symbol) == (BTC, "ETH/USDT")
    assert isinstance(first.value, FeatureRow)
    assert {**first.value.values(), "window": ""} == {"body": "2.0", "volume": "3.0", "window": ""}
    other = windows.copy()
    other[0, 0, 0] = 9.0
    (changed, _) = facts(RequestForecast(HOUR_MS, (BTC, "ETH/USDT"), other))
    assert changed.value != first.value


def test_a_question_without_windows_states_nothing():
    assert facts(RequestForecast(HOUR_MS, (BTC,), np.empty((0, 0, 0), dtype=np.float32))) == []


def test_the_latency_of_a_forecast_is_no_part_of_it():
    ready = ForecastReady(HOUR_MS, HOUR_MS, (), 1.0)
    assert facts(ready) == facts(replace(ready, latency_ms=2.0))


def test_a_failed_forecast_belongs_to_no_market():
    assert stages(facts(ForecastFailed(HOUR_MS, HOUR_MS, "no"))) == [(Stage.FORECAST, "", 1)]


def test_a_fill_at_the_open_belongs_to_the_candle_that_opens_there():
    assert stages(facts(closed(3), OrderFilled(4 * HOUR_MS, FILL)))[-1] == (Stage.FILL, BTC, 5)


def test_a_fill_inside_a_bar_belongs_to_that_bar():
    assert stages(facts(closed(3), OrderFilled(5 * HOUR_MS, FILL)))[-1] == (Stage.FILL, BTC, 5)


def test_a_fill_after_history_belongs_to_the_candle_behind_it():
    past = Backfilled(4 * HOUR_MS, BTC, 0, 4 * HOUR_MS, (closed(2).candle, closed(3).candle))
    assert stages(facts(past, OrderFilled(4 * HOUR_MS, FILL))) == [(Stage.FILL, BTC, 5)]


def test_orders_and_their_fates_belong_to_the_newest_instant_and_to_their_market():
    found = facts(
        closed(3),
        SubmitOrder(Approved(INTENT)),
        OrderAccepted(4 * HOUR_MS, "a1", "v1"),
        OrderUnknown(4 * HOUR_MS, "a1", "timed out"),
        CancelOrder("a1", BTC),
        OrderCancelled(4 * HOUR_MS, "a1", "cancelled"),
        OrderRejected(4 * HOUR_MS, "a9", "what is that"),
    )
    assert stages(found[1:]) == [(Stage.ORDER, BTC, 4)] * 5 + [(Stage.ORDER, "", 4)]
    assert len({str(fact.value) for fact in found}) == len(found)


def test_what_follows_from_a_fill_belongs_to_its_bar():
    found = facts(closed(3), OrderFilled(4 * HOUR_MS, FILL), SubmitOrder(Approved(INTENT)))
    assert stages(found)[-1] == (Stage.ORDER, BTC, 5)


def test_what_is_of_the_process_states_nothing():
    assert facts(TimerFired(HOUR_MS, "instant"), Halt(HOUR_MS, "lunch")) == []
