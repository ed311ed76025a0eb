"""A forecast is an event; one that is late, stale or not a number is dropped and counted (invariant 4)."""

from math import nan

import pytest

from bot.core.commands import AnyCommand, Decided, RequestForecast, Verdict
from bot.core.events import (
    AccountReconciled,
    Backfilled,
    ForecastFailed,
    ForecastReady,
    ModelReady,
    SessionStarted,
    TimerFired,
)
from bot.core.forecast import Forecast
from tests.engine_driver import Driver, deeds, submits
from tests.engine_world import engine
from tests.hourly_bars import BTC, ETH, HOUR, T0, bar, closes, opens
from tests.made_orders import instrument, limits
from tests.scripted_strategies import FollowsForecast, foreseen, two_features

DEADLINE = 5_000


def driver(*symbols: str) -> Driver:
    markets = [instrument(symbol) for symbol in symbols or (BTC,)]
    return Driver(engine(FollowsForecast(), markets=markets, risk=limits(fraction=0.2)), bundle="b")


def asked(commands: list[AnyCommand]) -> list[RequestForecast]:
    return [command for command in commands if isinstance(command, RequestForecast)]


def rows(commands: list[AnyCommand]) -> list[tuple[str, Verdict, str]]:
    return [(c.symbol, c.verdict, c.reason) for c in commands if isinstance(c, Decided)]


def ready(close_ms: int, *forecasts: Forecast, latency_ms: float = 0.0) -> ForecastReady:
    return ForecastReady(close_ms, close_ms, forecasts or (foreseen(BTC, 1.0),), latency_ms)


def test_a_close_asks_for_a_forecast_and_the_answer_is_traded_on() -> None:
    """Invariant 2: a forecast is an event."""
    one = driver()
    commands = one.close(bar(0, 100.0))
    (request,) = asked(commands)
    assert (request.close_time_ms, request.symbols) == (closes(0), (BTC,))
    assert rows(commands) == []
    assert len(submits(one.feed(ready(closes(0))))) == 1


def test_a_request_holds_the_windows_of_its_markets_in_order() -> None:
    core = engine(FollowsForecast(), markets=[instrument(BTC), instrument(ETH)], features=two_features(), window=2)
    one = Driver(core, bundle="b")
    for number in range(4):
        one.close(bar(number, 100.0, volume=10.0 + number), BTC)
        commands = one.close(bar(number, 100.0, volume=20.0 + number), ETH)
    (request,) = asked(commands)
    assert request.windows.shape == (2, 2, 2)
    assert request.windows[:, :, 1].tolist() == [[12.0, 13.0], [22.0, 23.0]]


def test_a_market_is_not_asked_about_before_its_window_is_full_and_warm() -> None:
    """Invariant 9: each market waits for its own window."""
    core = engine(FollowsForecast(), features=two_features(warm_up=3), window=2)
    one = Driver(core, bundle="b")
    counts = [len(asked(one.close(bar(number, 100.0)))) for number in range(7)]
    assert counts == [0, 0, 0, 0, 1, 1, 1]
    assert one.commands[-1] is not None
    verdicts = [row for row in one.commands if isinstance(row, Decided)]
    assert [row.reason for row in verdicts[:4]] == ["the window is warming up"] * 4


@pytest.mark.parametrize("stale_ms", [closes(0) - HOUR, closes(1)])
def test_a_forecast_for_another_instant_is_dropped_and_counted(stale_ms: int) -> None:
    """Invariant 4."""
    one = driver()
    one.close(bar(0, 100.0))
    answer = ForecastReady(closes(0), stale_ms, (foreseen(BTC, 1.0),))
    assert one.feed(answer) == []
    assert one.engine.state.forecasts_dropped == 1
    assert len(submits(one.feed(ready(closes(0))))) == 1


def test_a_forecast_whose_instant_is_over_is_dropped_and_counted() -> None:
    """Invariant 4: its candle is not the window's last."""
    one = driver()
    one.close(bar(0, 100.0))
    given_up = one.close(bar(1, 100.0))
    assert rows(given_up) == [(BTC, Verdict.NO_FORECAST, "the forecast came too late")]
    before = one.engine.state.forecasts_dropped
    assert one.feed(ready(closes(0))) == []
    assert one.engine.state.forecasts_dropped == before + 1


def test_a_forecast_beyond_the_deadline_is_dropped_and_counted() -> None:
    """Invariant 4: older than the profile's deadline."""
    one = driver()
    one.close(bar(0, 100.0))
    commands = one.feed(ready(closes(0), latency_ms=DEADLINE + 0.1))
    assert deeds(commands) == []
    assert rows(commands) == [(BTC, Verdict.NO_FORECAST, "the forecast came too late")]
    assert one.engine.state.forecasts_dropped == 1


def test_a_forecast_at_the_deadline_is_taken() -> None:
    one = driver()
    one.close(bar(0, 100.0))
    assert len(submits(one.feed(ready(closes(0), latency_ms=float(DEADLINE))))) == 1


def test_a_second_answer_for_one_instant_is_dropped_and_counted() -> None:
    """Invariant 4."""
    one = driver()
    one.close(bar(0, 100.0))
    one.feed(ready(closes(0)))
    assert one.feed(ready(closes(0))) == []
    assert one.engine.state.forecasts_dropped == 1


def test_an_answer_that_comes_after_the_next_candle_of_any_market_is_too_late_for_all() -> None:
    """Invariant 4: by the newest event's time it is an hour old."""
    one = driver(BTC, ETH)
    one.close(bar(0, 100.0), BTC)
    one.close(bar(0, 100.0), ETH)
    one.close(bar(1, 100.0), ETH)
    commands = one.feed(ready(closes(0), foreseen(BTC, 1.0), foreseen(ETH, 1.0)))
    assert submits(commands) == []
    assert {verdict for _, verdict, _ in rows(commands)} == {Verdict.NO_FORECAST}


def test_the_forecast_of_an_instant_that_waited_for_a_late_market_is_not_late() -> None:
    """Invariants 4 and 5: waiting for a market is not the model's delay."""
    one = driver(BTC, ETH)
    one.close(bar(0, 100.0), BTC)
    (request,) = asked(one.feed(TimerFired(closes(0) + 10_000, "instant")))
    assert request.symbols == (BTC,)
    assert len(submits(one.feed(ready(closes(0))))) == 1


def test_a_market_that_the_model_left_out_is_not_traded() -> None:
    one = driver(BTC, ETH)
    one.close(bar(0, 100.0), BTC)
    one.close(bar(0, 100.0), ETH)
    commands = one.feed(ready(closes(0), foreseen(BTC, 1.0)))
    assert [wish.symbol for wish in submits(commands)] == [BTC]
    assert rows(commands)[1] == (ETH, Verdict.NO_FORECAST, "the model gave no answer")


@pytest.mark.parametrize(
    "forecasts",
    [
        (foreseen(ETH, 1.0), foreseen(BTC, 1.0)),
        (foreseen(ETH, 1.0),),
        (foreseen("DOGE/USDT", 1.0), foreseen("DOGE/USDT", 1.0), foreseen(BTC, 1.0)),
    ],
    ids=["swapped", "the first left out", "others"],
)
def test_an_answer_that_is_not_in_the_order_of_the_question_is_no_answer(forecasts: tuple[Forecast, ...]) -> None:
    one = driver(BTC, ETH)
    one.close(bar(0, 100.0), BTC)
    one.close(bar(0, 100.0), ETH)
    commands = one.feed(ready(closes(0), *forecasts))
    assert {verdict for _, verdict, _ in rows(commands)} == {Verdict.NO_FORECAST}
    assert submits(commands) == []


@pytest.mark.parametrize("broken", [Forecast(BTC, nan, 0.0, 0.0, 0.0, 0.0), Forecast(BTC, 1.0, nan, 0.0, 0.0, 0.0)])
def test_a_forecast_that_is_not_a_number_is_not_traded(broken: Forecast) -> None:
    one = driver()
    one.close(bar(0, 100.0))
    commands = one.feed(ready(closes(0), broken))
    assert rows(commands) == [(BTC, Verdict.NO_FORECAST, "the forecast is not a number")]


def test_a_model_that_failed_is_named_in_the_decision() -> None:
    one = driver()
    one.close(bar(0, 100.0))
    commands = one.feed(ForecastFailed(closes(0), closes(0), "no finite answer"))
    assert rows(commands) == [(BTC, Verdict.NO_FORECAST, "no finite answer")]
    assert one.engine.state.forecasts_dropped == 1


def test_the_order_of_arrival_does_not_decide_who_is_asked_about_first() -> None:
    """Invariant 5: the question, and so the answer, is in the order of the instruments."""
    for arrival in ((BTC, ETH), (ETH, BTC)):
        one = driver(BTC, ETH)
        one.close(bar(0, 100.0), arrival[0])
        (request,) = asked(one.close(bar(0, 100.0), arrival[1]))
        assert request.symbols == (BTC, ETH)
        answer = ready(closes(0), foreseen(BTC, 1.0), foreseen(ETH, 1.0))
        assert [wish.symbol for wish in submits(one.feed(answer))] == [BTC, ETH]


def test_a_question_that_a_stop_of_the_process_left_open_is_asked_again() -> None:
    one = driver()
    one.close(bar(0, 100.0))
    one.feed(SessionStarted(closes(0)), AccountReconciled(closes(0)))
    assert [request.close_time_ms for request in asked(one.feed(ModelReady(closes(0), "b")))] == [closes(0)]
    assert len(submits(one.feed(ready(closes(0))))) == 1


def test_a_question_of_hours_ago_is_not_asked_again() -> None:
    """Invariant 4: what is older than the deadline is dropped, also over a restart."""
    one = driver()
    one.close(bar(0, 100.0))
    one.feed(SessionStarted(opens(6)), AccountReconciled(opens(6)))
    one.feed(ModelReady(opens(6), "b"))
    assert deeds(one.feed(ready(closes(0)))) == []
    assert one.engine.state.forecasts_dropped >= 1


def test_a_question_of_half_a_candle_ago_is_not_traded_on() -> None:
    """Invariant 4: half an hour is older than any deadline, though no other candle has closed."""
    one = driver()
    one.close(bar(0, 100.0))
    now_ms = closes(0) + HOUR // 2
    one.feed(SessionStarted(now_ms), AccountReconciled(now_ms))
    one.feed(ModelReady(now_ms, "b"))
    assert deeds(one.feed(ready(closes(0)))) == []


def test_the_past_that_history_tells_of_is_not_asked_about() -> None:
    bars = tuple(bar(number - 10, 100.0) for number in range(10))
    one = Driver(engine(FollowsForecast(), features=two_features(), window=2))
    one.feed(SessionStarted(T0), AccountReconciled(T0))
    assert asked(one.feed(Backfilled(T0, BTC, opens(-10), T0, bars))) == []
    one.feed(ModelReady(T0, "b"))
    assert len(asked(one.close(bar(0, 100.0)))) == 1
