"""Forecasts are scored when their truth arrives, and doubts reach the engine after the instant."""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import pytest

from bot.adapters.model_records import Life
from bot.adapters.model_scores import Scorekeeper, Truth
from bot.adapters.model_watch import ModelWatch
from bot.core.commands import RequestForecast
from bot.core.events import AnyEvent, CandleClosed, ForecastFailed, ForecastReady
from bot.core.forecast import Doubt, Forecast
from strategies.forecasting.drift import Drift, DriftMonitor
from strategies.forecasting.drift_reference import Band
from tests.engine_world import MemoryJournal
from tests.hourly_bars import BTC, ETH, bar, closed, closes


def immortal(at_ms: int, reason: str) -> Any:
    """For models whose life does not end."""
    raise AssertionError(reason)


def foreseen(number: int, *symbols: str) -> ForecastReady:
    forecasts = tuple(Forecast(symbol, 0.6, 0.001, -0.02, 0.02, 0.0) for symbol in symbols or (BTC,))
    return ForecastReady(closes(number), closes(number), forecasts)


def truths(*events: AnyEvent) -> list[Truth]:
    scores = Scorekeeper()
    found = []
    for event in events:
        if isinstance(event, CandleClosed):
            truth = scores.closed(event)
            if truth is not None:
                found.append(truth)
        elif isinstance(event, ForecastReady):
            scores.told(event)
    return found


def test_a_forecast_is_scored_by_the_return_of_the_next_candle() -> None:
    (truth,) = truths(closed(bar(0, 100.0)), foreseen(0), closed(bar(1, 100.0, 120.0, 90.0, 110.0)))

    assert truth.outcome == pytest.approx(log(1.1))
    assert truth.at_ms == closes(1)
    assert truth.forecast.p_up == 0.6


def test_a_candle_after_a_hole_is_nobodys_truth() -> None:
    assert truths(closed(bar(0, 100.0)), foreseen(0), closed(bar(2, 110.0))) == []


def test_a_bar_that_stands_in_for_a_missing_one_is_no_truth() -> None:
    assert truths(closed(bar(0, 100.0)), foreseen(0), closed(bar(1, 100.0, filled=True))) == []


def test_a_forecast_of_a_close_that_was_never_seen_is_not_scored() -> None:
    assert truths(foreseen(0), closed(bar(1, 100.0))) == []


def test_a_forecast_that_comes_after_the_next_close_is_not_scored() -> None:
    late = (closed(bar(0, 100.0)), closed(bar(1, 101.0)), foreseen(0), closed(bar(2, 102.0)))

    assert truths(*late) == []


def test_markets_are_scored_each_by_its_own_candle() -> None:
    found = truths(
        closed(bar(0, 100.0)),
        closed(bar(0, 10.0), ETH),
        foreseen(0, BTC, ETH),
        closed(bar(1, 11.0), ETH),
        closed(bar(1, 90.0)),
    )

    assert [(truth.forecast.symbol, truth.outcome) for truth in found] == [
        (ETH, pytest.approx(log(1.1))),
        (BTC, pytest.approx(log(0.9))),
    ]


class Model:
    """Answers every question in the same way."""

    name = "made"

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        return foreseen((request.close_time_ms - closes(0)) // (closes(1) - closes(0)), *request.symbols)


class Session:
    """A fake engine behind a journal and a model that are watched: a candle an instant, a question at each."""

    def __init__(self, watch: ModelWatch[Any]) -> None:
        self.journal = MemoryJournal()
        self.watch = watch
        self.told: list[Any] = []
        self._model = watch.around(Model())
        self._record = watch.beside(self.journal)

    def play(self, prices: Sequence[float], row: float = 0.0) -> "Session":
        first = len([one for one in self.journal.records if isinstance(one, CandleClosed)])
        for number, price in enumerate(prices, start=first):
            self._record.append(closed(bar(number, price)))
            window = np.full((1, 4, 2), row, dtype=np.float32)
            self._record.append(self._model.forecast(RequestForecast(closes(number), (BTC,), window)))
            self._record.step_done()
            self.told += self.watch.take()
        return self


def scored() -> tuple[ModelWatch[Truth], Session]:
    watch: ModelWatch[Truth] = ModelWatch(lambda truth: truth, None, immortal)
    return watch, Session(watch)


def test_what_goes_by_is_written_and_answered_as_before() -> None:
    _, session = scored()
    session.play([100.0, 101.0])

    assert [type(record) for record in session.journal.records] == 2 * [CandleClosed, ForecastReady]
    assert session.watch.around(Model()).name == "made"


def test_every_forecast_is_judged_with_the_row_that_it_was_made_from() -> None:
    _, session = scored()
    session.play([100.0, 101.0], row=1.5).play([102.0], row=2.5)

    assert [truth.row.tolist() for truth in session.told] == [[1.5, 1.5], [1.5, 1.5]]
    assert [truth.at_ms for truth in session.told] == [closes(1), closes(2)]


def test_nothing_is_judged_before_the_instant_is_over() -> None:
    judged: list[Truth] = []
    watch: ModelWatch[Truth] = ModelWatch(judged.append, None, immortal)
    record = watch.beside(MemoryJournal())

    for event in (closed(bar(0, 100.0)), foreseen(0), closed(bar(1, 101.0))):
        record.append(event)
    assert judged == []
    watch.take()
    assert len(judged) == 1


def test_a_model_that_has_expired_is_doubted_once_at_the_first_close_from_then_on() -> None:
    watch: ModelWatch[Any] = ModelWatch(
        lambda truth: None, Life(closes(2), "too old"), lambda at_ms, reason: (at_ms, reason)
    )

    session = Session(watch).play([100.0, 101.0, 102.0, 103.0])

    assert session.told == [(closes(2), "too old")]


def test_a_planted_drift_cuts_size_and_then_stops_entries() -> None:
    monitor = DriftMonitor(None, Band(0.5, 0.1))
    watch: ModelWatch[Drift] = ModelWatch(
        lambda truth: monitor.observe(truth.at_ms, truth.forecast, truth.outcome, truth.row),
        None,
        immortal,
    )
    random = np.random.default_rng(1)
    # It rises as often as is forecast: only the size of its moves is another one than was promised.
    steps = 0.02 / 1.6449 * np.abs(random.standard_normal(600)) * np.where(random.random(600) < 0.6, 1.0, -1.0)
    calm = np.cumsum(steps[:400])
    wild = calm[-1] + np.cumsum(3.0 * steps[400:])

    session = Session(watch).play((100.0 * np.exp(calm)).tolist())
    before = list(session.told)
    session.play((100.0 * np.exp(wild)).tolist())

    assert before == []
    levels = [drift.level for drift in session.told]
    assert levels == sorted(levels)
    assert levels[-1] is Doubt.STOP
    assert Doubt.CUT in levels


def test_a_session_that_is_taken_up_again_knows_the_scores_of_before() -> None:
    _, session = scored()
    session.play([100.0, 101.0, 102.0])
    judged: list[Truth] = []
    again: ModelWatch[Truth] = ModelWatch(judged.append, None, immortal)

    again.retrace(record for record in session.journal.records if isinstance(record, AnyEvent))

    assert [truth.outcome for truth in judged] == [truth.outcome for truth in session.told]
    assert {truth.row for truth in judged} == {None}
    assert again.take() == []
