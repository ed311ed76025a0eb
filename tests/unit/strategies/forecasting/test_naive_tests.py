"""Forecasts beside naive rules: who knows more than the rule is told from who only repeats it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies.forecasting.evaluation import AgainstNaive, Scored
from strategies.forecasting.naive_tests import against_naive

COUNT = 8_000
RATE = 0.54

Floats = NDArray[np.float64]


def market(seed: int, edge: float) -> tuple[Floats, Floats, Floats]:
    """Last returns, what an `edge` beside the reversal rule says, and what came."""
    random = np.random.default_rng(seed)
    last = random.standard_normal(COUNT)
    rule = 0.5 - np.sign(last) * (RATE - 0.5)
    true = rule + edge * random.choice((-1.0, 1.0), COUNT)
    signs = np.where(random.random(COUNT) < true, 1.0, -1.0)
    return last, true, signs * np.abs(random.standard_normal(COUNT))


def beside_the_naive(p_up: Floats, last: Floats, came: Floats, at_ms: NDArray[np.int64] | None = None) -> AgainstNaive:
    nothing = np.zeros(COUNT)
    rule = 0.5 - np.sign(last) * (RATE - 0.5)
    return against_naive(
        7, Scored(p_up, nothing, nothing, nothing, came, last, rule), np.arange(COUNT) if at_ms is None else at_ms
    )


def test_who_knows_more_than_the_rule_is_surely_better_than_everybody() -> None:
    last, true, came = market(1, 0.10)

    found = beside_the_naive(true, last, came)

    assert max(found.coin, found.reversal, found.reversal_hits, found.same_hits) < 0.01
    assert found.sharpness == pytest.approx(0.04**2 + 0.10**2, rel=0.1)


def test_who_repeats_the_rule_beats_a_coin_and_not_the_rule() -> None:
    last, _, came = market(2, 0.0)
    noisy = 0.5 - np.sign(last) * (RATE - 0.5) + np.random.default_rng(3).normal(0.0, 0.01, COUNT)

    found = beside_the_naive(noisy, last, came)

    assert found.coin < 0.001
    assert found.reversal > 0.05
    assert found.reversal_hits > 0.05


def test_a_drift_is_no_skill_whichever_way_it_goes() -> None:
    random = np.random.default_rng(4)
    last = random.standard_normal(COUNT)
    came = np.where(random.random(COUNT) < 0.45, 1.0, -1.0)

    found = beside_the_naive(np.full(COUNT, 0.45), last, came)

    assert found.coin < 0.001
    assert found.same_hits == 1.0


def test_markets_of_one_instant_are_one_observation() -> None:
    last, true, came = market(5, 0.01)
    half = np.arange(COUNT // 2)
    said, before, after = (np.concatenate([one[: COUNT // 2]] * 2) for one in (true, last, came))

    found = beside_the_naive(said, before, after, np.concatenate([half, half]))
    alone = beside_the_naive(said, before, after, np.arange(COUNT))

    assert found.coin > alone.coin
