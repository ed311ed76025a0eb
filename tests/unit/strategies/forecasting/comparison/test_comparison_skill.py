"""What was planted is found, and where nothing was, nothing is."""

from collections.abc import Callable
from math import asin, pi

import numpy as np
import pytest
from msgspec.structs import replace

from strategies.forecasting.baselines import NAIVE
from strategies.forecasting.comparison.question import Question
from strategies.forecasting.comparison.table import Answered, Row, Table, tables
from strategies.forecasting.comparison.verdict import judge
from strategies.forecasting.economics import BreakEven
from strategies.forecasting.evaluation import SuspectedLeak
from strategies.forecasting.labels import LabelRule

RHO = -0.6
BEST = 0.5 + asin(-RHO) / pi
"""The best hit rate on an AR(1), whatever its sign."""


def planted(length: int, rho: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    returns, last = np.empty(length), 0.0
    for number, shock in enumerate(random.standard_normal(length)):
        last = rho * last + np.sqrt(1.0 - rho * rho) * shock
        returns[number] = 0.01 * last
    return returns


def rate(row: Row) -> float:
    assert row.direction is not None
    return row.direction.rate


def brier(row: Row) -> float:
    assert row.errors.brier is not None
    return row.errors.brier


@pytest.fixture(scope="module")
def found(question_of: Callable[..., Question], table_of: Callable[..., Table]) -> Table:
    question = question_of(planted(4_000, RHO, 1), folds=1)
    return table_of(question, [*NAIVE, "logistic", "ridge", "CNN-LSTM", "ensemble"], seeds=(7, 8), best_hit_rate=BEST)


def test_a_planted_edge_is_found_by_the_network_and_the_reversal_rule(found: Table) -> None:
    rows = {row.name: row for row in found.rows}

    for name in ("sign reversal", "CNN-LSTM", "logistic", "ensemble"):
        direction = rows[name].direction
        assert direction is not None
        assert direction.low is not None
        assert direction.high is not None
        assert direction.low - 0.01 < BEST < direction.high + 0.03
        assert len(direction.by_seed) == (2 if name == "CNN-LSTM" else 1)
    assert rate(rows["sign momentum"]) == pytest.approx(1.0 - rate(rows["sign reversal"]))
    assert rows["persistence"].direction is None
    # The rule knows the sign alone, the others the size.
    assert brier(rows["ensemble"]) < brier(rows["sign reversal"]) < 0.25
    assert rows["CNN-LSTM"].errors.rmse_bps < rows["persistence"].errors.rmse_bps


def test_the_verdict_names_what_beats_the_naive_rows_and_what_it_could_pay(found: Table) -> None:
    verdict = judge([found])

    assert {"1h, the next candle: CNN-LSTM", "1h, the next candle: logistic"} <= set(verdict.beats_naive)
    assert "beats the naive rows: 1h, the next candle; direction right" in verdict.sentences[0]
    assert verdict.tradable_bps is not None
    assert any(sentence.startswith("Tradable up to") for sentence in verdict.sentences)
    assert "a taker fee is 5 to 10 bp" in " ".join(verdict.sentences)
    assert any(sentence.startswith("Buy and hold over the same time: Sharpe ratio") for sentence in verdict.sentences)


def test_every_row_is_judged_on_every_part_and_at_every_cost(found: Table) -> None:
    for row in found.rows:
        assert [part.name for part in row.parts][:1] == ["calm"]
        assert [one.cost_bps for one in row.money.by_rule] == [0.0, 1.0, 2.0, 5.0, 10.0]
        assert len(row.money.deflated) == 5
        assert {against.rival for against in row.significance.against} == set(NAIVE) - {row.name}
        assert 0.0 <= row.significance.confidence_set_brier <= 1.0
    # Nine rows, one of which has two seeds.
    assert found.trials == 10
    assert all(chances is not None for chances in found.overfitting)


def test_in_white_noise_the_verdict_is_nothing(
    question_of: Callable[..., Question], table_of: Callable[..., Table]
) -> None:
    noise = question_of(np.random.default_rng(5).normal(0.0, 0.01, 4_000), folds=1)
    verdict = judge([table_of(noise, [*NAIVE, "logistic", "ridge", "CNN-LSTM", "ensemble"], best_hit_rate=0.55)])

    assert verdict.beats_naive == ()
    assert verdict.tradable_bps is None
    assert verdict.sentences[0].startswith("Nothing beats the naive rows: of 4 rows none has")
    refused = next(sentence for sentence in verdict.sentences if sentence.startswith("Nothing is tradable"))
    assert "than luck gives the best of the 9 trials of this comparison" in refused


def test_what_is_too_good_to_be_true_fails_by_name(
    question_of: Callable[..., Question], answered: Callable[..., Answered]
) -> None:
    question = question_of(planted(4_000, -0.9, 1))

    with pytest.raises(SuspectedLeak, match="suspected leak in logistic on 1h, the next candle"):
        answered(question, ["persistence", "logistic"])


def test_the_edge_of_an_ar1_fades_with_the_horizon_and_the_verdict_says_where_it_is_largest(
    question_of: Callable[..., Question], answered: Callable[..., Answered]
) -> None:
    returns = planted(4_000, 0.4, 3)
    near, far = (
        answered(question_of(returns, rule=LabelRule(horizon), folds=1), [*NAIVE, "ARIMA", "ridge"], best_hit_rate=0.7)
        for horizon in (1, 6)
    )
    told = tables([near, far])
    rates = [next(rate(row) for row in table.rows if row.name == "ARIMA") for table in told]

    assert rates[0] > rates[1] > 0.5
    assert {table.trials for table in told} == {14}
    sentences = judge(told).sentences
    # Acted on every sixth candle only, the far ones are too few for bounds.
    assert any("could pay" in each and " on 1h, the next candle; a taker fee" in each for each in sentences)
    assert "Trades are too few to say what the timing could pay on 1h, 6 candles ahead." in sentences
    paid = [replace(row, money=replace(row.money, break_even=BreakEven(0.5, 0.1, 0.9))) for row in told[1].rows]
    place = next(
        each for each in judge([told[0], replace(told[1], rows=tuple(paid))]).sentences if "edge is largest" in each
    )
    assert place.startswith("Against its cost the edge is largest on 1h, the next candle")
    assert "After it come 1h, 6 candles ahead, 0.50 [0.10, 0.90] bp a side" in place


def test_several_markets_are_judged_together(
    question_of: Callable[..., Question], table_of: Callable[..., Table]
) -> None:
    question = question_of(planted(2_500, RHO, 1), planted(2_500, RHO, 2), folds=1)
    table = table_of(question, ["persistence", "sign reversal", "ARIMA", "logistic"], best_hit_rate=BEST)
    rows = {row.name: row for row in table.rows}

    assert table.markets == ("M0/USDT", "M1/USDT")
    assert table.windows == rows["ARIMA"].errors.forecasts
    assert rows["ARIMA"].errors.rmse_price is None
    assert rate(rows["ARIMA"]) == pytest.approx(BEST, abs=0.05)
    by_market = [part for part in rows["ARIMA"].parts if part.name in table.markets]
    assert sum(part.errors.forecasts for part in by_market) == table.windows
    # What has a price of its own is told in it.
    assert all(part.errors.rmse_price is not None for part in by_market)
