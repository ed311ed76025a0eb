import numpy as np
import pytest

from bot.exchange.market import MarketModel
from strategies.forecasting.audit_skill import (
    found_at_its_rate,
    leak_rule,
    no_skill,
    planted_hit_rate,
    recorded_leak_rule,
)

RANDOM = np.random.default_rng(3)
CAME = RANDOM.standard_normal(4_000)


def right_at(rate: float) -> np.ndarray:
    """Probabilities whose direction is right this often."""
    right = RANDOM.random(len(CAME)) < rate
    return np.where(right == (CAME > 0.0), 0.6, 0.4)


@pytest.mark.parametrize("rho", [0.0, 0.3, -0.6])
def test_the_theoretical_rate_is_that_of_the_invented_market(rho: float) -> None:
    assert planted_hit_rate(rho) == pytest.approx(MarketModel(planted_rho=rho).hit_rate, abs=1e-12)


def test_skill_where_there_can_be_none_is_found_in_either_direction() -> None:
    assert no_skill("noise", right_at(0.5), CAME, "").held
    assert not no_skill("noise", right_at(0.56), CAME, "").held
    assert not no_skill("noise", right_at(0.44), CAME, "").held


def test_saying_the_same_of_every_candle_is_no_skill_even_where_the_market_rises() -> None:
    rising = np.abs(CAME) * np.where(RANDOM.random(len(CAME)) < 0.7, 1.0, -1.0)

    assert no_skill("noise", np.full(len(CAME), 0.7), rising, "").held


def test_a_planted_edge_is_missed_or_exceeded_beyond_its_bounds() -> None:
    assert found_at_its_rate("edge", right_at(0.70), CAME, 0.705).held
    assert not found_at_its_rate("edge", right_at(0.60), CAME, 0.705).held
    assert not found_at_its_rate("edge", right_at(0.80), CAME, 0.705).held


def test_too_few_moves_prove_nothing() -> None:
    assert "too few" in no_skill("noise", right_at(0.5)[:100], CAME[:100], "").blind
    assert not found_at_its_rate("edge", right_at(0.7)[:100], CAME[:100], 0.7).held
    assert not leak_rule("leak", right_at(0.5)[:900], CAME[:900], None).held


def test_too_good_to_be_true_is_too_good_on_a_real_market_and_may_be_right_on_an_invented_one() -> None:
    assert leak_rule("leak", right_at(0.55), CAME, None).held
    assert not leak_rule("leak", right_at(0.65), CAME, None).held
    assert leak_rule("leak", right_at(0.65), CAME, 0.66).held


def test_always_up_in_a_rising_market_is_no_leak() -> None:
    rising = np.abs(CAME) * np.where(RANDOM.random(len(CAME)) < 0.64, 1.0, -1.0)

    assert leak_rule("leak", np.full(len(CAME), 0.7), rising, None).held


def told(hit_rate: float, low: float, moves: int = 4_000) -> dict[str, object]:
    row = {"moves": moves, "hit_rate": hit_rate, "hit_rate_low": low, "always_up_rate": 0.5}
    return {"walk_forward": {"pooled": [row], "seeds": [7]}}


def test_what_a_bundle_records_of_itself_is_judged_seed_by_seed() -> None:
    (good,) = recorded_leak_rule(told(0.54, 0.53))
    (bad,) = recorded_leak_rule(told(0.65, 0.63))

    assert good.held
    assert good.name == "leak rule, recorded, seed 7"
    assert not bad.held
    assert bad.figure == pytest.approx(0.65 - 0.02 * 2.326 / 1.960)
    assert recorded_leak_rule({**told(0.65, 0.63), "theoretical_hit_rate": 0.7})[0].held


def test_a_bundle_without_a_walk_forward_has_nothing_to_judge() -> None:
    assert recorded_leak_rule({"walk_forward": None}) == []
    assert recorded_leak_rule(told(0.9, 0.8, moves=200)) == []
