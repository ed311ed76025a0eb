"""Two accounts of a run: what differs is found bit for bit, and led back to where it began."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import nan

import numpy as np
import pytest

from bot.core.commands import Decided, Verdict
from bot.core.forecast import Forecast
from bot.core.market import Candle
from bot.core.orders import Intent, OrderType, Purpose, Side
from bot.reporting.parity import Comparison, ParityReport
from bot.reporting.run_facts import Fact, FeatureRow, Stage

BTC, ETH = "BTC/USDT", "ETH/USDT"
HOUR_MS = 3_600_000


def candle(hour: int, volume: float = 12.5, symbol: str = BTC) -> Fact:
    return Fact(Stage.CANDLE, symbol, (hour + 1) * HOUR_MS, Candle(hour * HOUR_MS, 100.0, 101.0, 99.0, 100.5, volume))


def feature(hour: int, newest: float, symbol: str = BTC, rows: str = "a" * 64) -> Fact:
    row = np.array([0.5, newest], dtype=np.float32).tobytes()
    return Fact(Stage.FEATURE, symbol, (hour + 1) * HOUR_MS, FeatureRow(("body", "volume"), row, rows))


def forecast(hour: int, p_up: float, symbol: str = BTC) -> Fact:
    return Fact(Stage.FORECAST, symbol, (hour + 1) * HOUR_MS, Forecast(symbol, p_up, 0.001, -0.02, 0.02, 10.0))


def signal(hour: int, wanted: float, symbol: str = BTC) -> Fact:
    close_ms = (hour + 1) * HOUR_MS
    return Fact(Stage.SIGNAL, symbol, close_ms, Decided(close_ms, symbol, 0.5, wanted, 0.0, Verdict.HOLD, "nothing"))


def order(hour: int, quantity: str, symbol: str = BTC) -> Fact:
    close_ms = (hour + 1) * HOUR_MS
    intent = Intent("a1", symbol, Side.BUY, OrderType.MARKET, Decimal(quantity), Purpose.ENTRY, close_ms)
    return Fact(Stage.ORDER, symbol, close_ms, intent)


def compare(recorded: Iterable[Fact], again: Iterable[Fact]) -> ParityReport:
    comparison = Comparison()
    for fact in recorded:
        comparison.recorded(fact)
    for fact in again:
        comparison.again(fact)
    return comparison.report()


def causes(report: ParityReport) -> list[tuple[str, str, int, int]]:
    return [(one.symbol, one.stage, one.instant_ms // HOUR_MS - 1, one.first_cause) for one in report.differences]


def changed(report: ParityReport) -> list[tuple[str, str, str]]:
    (difference,) = report.differences
    return [(one.name, one.recorded, one.again) for one in difference.changes]


ALL = [candle(1), feature(1, 0.25), forecast(1, 0.5), signal(1, 0.1), order(1, "0.5")]


def test_two_equal_accounts_have_no_difference_and_say_how_much_was_compared():
    report = compare(ALL, ALL)
    assert report.differences == ()
    assert report.compared == {"candle": 1, "feature": 1, "forecast": 1, "signal": 1, "order": 1, "fill": 0}


def test_one_volume_changed_in_its_last_digit_is_named():
    report = compare([candle(1), candle(2, 30.76344)], [candle(1), candle(2, 30.76344000000001)])
    assert changed(report) == [("volume", "30.76344", "30.76344000000001")]
    assert causes(report) == [(BTC, "candle", 2, 1)]


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (1e-9, 0.0), (0.1, 0.1 + 2**-56)])
def test_equal_means_the_same_bits(one, other):
    assert changed(compare([signal(1, one)], [signal(1, other)])) == [("wanted", repr(one), repr(other))]


def test_what_is_no_number_equals_itself():
    assert compare([signal(1, nan)], [signal(1, nan)]).differences == ()


def test_a_feature_is_told_by_its_column():
    assert changed(compare([feature(1, 0.25)], [feature(1, 0.375)])) == [("volume", "0.25", "0.375")]


def test_an_older_row_of_the_window_is_told_as_the_window():
    report = compare([feature(1, 0.25, rows="a" * 64)], [feature(1, 0.25, rows="b" * 64)])
    assert changed(report) == [("window", "a" * 12, "b" * 12)]


def test_a_fact_that_only_one_side_has_is_a_difference():
    report = compare([candle(1), order(1, "0.5")], [candle(1)])
    ((name, recorded, again),) = changed(report)
    assert (name, again) == ("", "nothing")
    assert recorded.startswith("Intent (client_order_id a1, symbol BTC/USDT, side buy")
    assert report.compared["order"] == 1
    ((name, recorded, again),) = changed(compare([], [candle(1)]))
    assert (name, recorded) == ("", "nothing")
    assert again.startswith("Candle (open_time_ms 3600000")


def test_two_facts_of_another_kind_are_shown_whole():
    close_ms = 2 * HOUR_MS
    recorded = Fact(Stage.ORDER, BTC, close_ms, order(1, "0.5").value)
    again = Fact(Stage.ORDER, BTC, close_ms, signal(1, 0.1).value)
    ((name, _, _),) = changed(compare([recorded], [again]))
    assert name == ""


def test_facts_of_one_instant_are_told_apart_by_their_order():
    one, two, three = order(1, "0.5"), order(1, "0.25"), order(1, "0.125")
    assert compare([one, two], [one, two]).differences == ()
    assert [len(d.changes) for d in compare([one, two], [two, one]).differences] == [1, 1]
    assert changed(compare([one, two, three], [one, three, three])) == [("quantity", "0.25", "0.125")]


def test_it_does_not_matter_which_side_speaks_first():
    comparison = Comparison()
    comparison.again(candle(1, 13.0))
    comparison.recorded(candle(1, 12.0))
    assert changed(comparison.report()) == [("volume", "12.0", "13.0")]


def downstream(differing: Sequence[Fact]) -> list[tuple[str, str, int, int]]:
    """Causes, where each of these facts is missing in the second account."""
    return causes(compare(differing, []))


def test_everything_downstream_in_the_instant_follows_from_the_candle():
    assert [cause for *_, cause in downstream(ALL)] == [1, 1, 1, 1, 1]


def test_later_instants_of_the_market_follow_from_the_candle_too():
    found = downstream([candle(1), feature(2, 0.5), forecast(2, 0.5), signal(3, 0.5), order(4, "1")])
    assert [cause for *_, cause in found] == [1, 1, 1, 1, 1]


def test_a_second_candle_is_a_cause_of_its_own():
    found = downstream([candle(1), candle(5), feature(5, 0.5), signal(6, 0.5)])
    assert found == [(BTC, "candle", 1, 1), (BTC, "candle", 5, 2), (BTC, "feature", 5, 2), (BTC, "signal", 6, 1)]


def test_a_forecast_follows_from_its_own_window_and_from_nothing_else():
    found = downstream([candle(1), forecast(2, 0.5), signal(2, 0.5)])
    assert found == [(BTC, "candle", 1, 1), (BTC, "forecast", 2, 2), (BTC, "signal", 2, 2)]


def test_another_market_is_a_cause_through_the_account_alone():
    found = downstream([candle(1), order(2, "1", ETH), candle(2, symbol=ETH)])
    assert found == [(BTC, "candle", 1, 1), (ETH, "candle", 2, 2), (ETH, "order", 2, 2)]
    found = downstream([candle(1), order(2, "1", ETH)])
    assert found == [(BTC, "candle", 1, 1), (ETH, "order", 2, 1)]


def test_a_decision_that_nothing_explains_is_its_own_cause():
    assert downstream([signal(1, 0.5), order(1, "1")]) == [(BTC, "signal", 1, 1), (BTC, "order", 1, 1)]
