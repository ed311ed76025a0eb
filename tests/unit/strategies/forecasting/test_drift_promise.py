"""The test that never looks away: quiet while a promise is kept, and sooner than a window once it is not."""

from statistics import median
from typing import Final

import numpy as np
import pytest

from bot.core.forecast import Doubt, Forecast
from strategies.forecasting.drift import FALSE_ALARMS, DriftMonitor
from strategies.forecasting.drift_levels import DriftLimits
from strategies.forecasting.drift_promise import PromiseWatch
from strategies.forecasting.drift_reference import Band, band_of

CANDLES: Final = 10_000
HIT_RATES: Final = {0.02: 0.516, 0.03: 0.524, 0.045: 0.536, 0.06: 0.548, 0.10: 0.58}
"""How often a model is right whose true probabilities lie around one half with such a deviation."""


def reached(random: np.random.Generator, skill: float, true: float, count: int, kept: float = 1.0) -> dict[Doubt, int]:
    """The move at which a watch first reaches each level, where a share `true` of every promise is kept."""
    watch, limits = PromiseWatch(kept), DriftLimits()
    away = random.normal(0.0, skill, count)
    up = random.random(count) < 0.5 + true * away
    first: dict[Doubt, int] = {}
    for at, (p_up, rose) in enumerate(zip((0.5 + away).tolist(), up.tolist(), strict=True)):
        watch.add(Forecast("BTC/USDT", p_up, 0.0, -1.0, 1.0, 0.0), 0.01 if rose else -0.01)
        level = limits.level(watch.findings()[0])
        for one in Doubt:
            if one and level >= one:
                first.setdefault(one, at)
    return first


def alarms(seed: int, skill: float, streams: int) -> dict[Doubt, float]:
    """The share of streams of a model that keeps its promise in which each level is reached."""
    random = np.random.default_rng(seed)
    found = [reached(random, skill, 1.0, CANDLES) for _ in range(streams)]
    return {level: sum(level in one for one in found) / streams for level in FALSE_ALARMS}


def delays(seed: int, skill: float, true: float, streams: int, count: int = 20_000) -> dict[Doubt, float]:
    """After how many candles the middle stream reaches each level; those that never do count as longest."""
    random = np.random.default_rng(seed)
    found = [reached(random, skill, true, count) for _ in range(streams)]
    return {level: median(one.get(level, 10**9) for one in found) for level in FALSE_ALARMS}


def test_models_that_keep_their_promise_are_hardly_ever_stopped() -> None:
    found = alarms(1, 0.045, 40)

    assert found[Doubt.STOP] == found[Doubt.CUT] == 0.0
    assert found[Doubt.WARN] <= FALSE_ALARMS[Doubt.WARN]


def test_a_model_that_became_a_coin_is_cut_and_stopped() -> None:
    # Rolling windows alone cut a model of 53.6 % after 6,400 candles, and stopped two in fifteen within 20,000.
    found = delays(2, 0.045, 0.0, 15, 6_000)

    assert found[Doubt.CUT] < 2_500
    assert found[Doubt.STOP] < 3_000


def test_a_small_skill_that_is_lost_is_noticed_as_well() -> None:
    # Rolling windows alone never noticed it.
    assert delays(3, 0.03, 0.0, 9, 12_000)[Doubt.STOP] < 7_000


def test_the_monitor_asks_it() -> None:
    random = np.random.default_rng(4)
    monitor = DriftMonitor(None, Band(0.515, 0.10))
    said = []
    for at in range(5_000):
        p_up = 0.5 + random.normal(0.0, 0.045)
        outcome = random.normal(0.0, 0.01)
        said.append(monitor.observe(at, Forecast("BTC/USDT", p_up, 0.0, -0.0165, 0.0165, 0.0), outcome, None))

    doubts = [one for one in said if one is not None]
    assert any("times likelier of a coin than of what was forecast" in one.reason for one in doubts)
    assert max(one.level for one in doubts) is Doubt.STOP


def test_a_model_that_knows_something_again_is_believed_again() -> None:
    watch = PromiseWatch()

    def errors(outcome: float, moves: int) -> float:
        for _ in range(moves):
            watch.add(Forecast("BTC/USDT", 0.55, 0.0, -1.0, 1.0, 0.0), outcome)
        return watch.findings()[0].errors

    assert errors(-0.01, 10_000) == pytest.approx(7.0)
    assert errors(0.01, 200) == 0.0


def test_moves_of_zero_and_forecasts_of_one_half_say_nothing() -> None:
    watch = PromiseWatch()
    watch.add(Forecast("BTC/USDT", 0.9, 0.0, -1.0, 1.0, 0.0), 0.0)
    watch.add(Forecast("BTC/USDT", 0.5, 0.0, -1.0, 1.0, 0.0), -0.01)

    assert watch.findings()[0].errors == 0.0


def test_one_outcome_does_not_decide() -> None:
    watch = PromiseWatch()
    watch.add(Forecast("BTC/USDT", 0.999_999, 0.0, -1.0, 1.0, 0.0), -0.01)

    assert DriftLimits().level(watch.findings()[0]) is Doubt.NONE


def test_a_model_is_held_to_what_its_walk_forward_kept_of_its_promises() -> None:
    skill = 0.002
    walked = {
        "folds": [{"figures": {"hit_rate": 0.53, "moves": 1_000, "coverage": 0.9, "forecasts": 1_000}}],
        "against": [{"brier": 0.25 - skill, "sharpness": skill}, {"brier": 0.25 - 0.2 * skill, "sharpness": skill}],
    }

    assert band_of({"walk_forward": walked}).kept == pytest.approx(0.6)
    assert band_of({"walk_forward": {**walked, "against": []}}).kept == 1.0
    held_to_less, held_to_all = (reached(np.random.default_rng(5), 0.06, 0.6, 20_000, kept) for kept in (0.6, 1.0))
    assert Doubt.CUT not in held_to_less
    assert Doubt.WARN in held_to_all


@pytest.mark.proof
@pytest.mark.timeout(900)
@pytest.mark.parametrize("skill", HIT_RATES, ids=[f"{rate:.1%}" for rate in HIT_RATES.values()])
def test_false_alarms_are_as_rare_as_stated(skill: float) -> None:
    found = alarms(100, skill, 500)

    # The bounds are shared with the rolling windows, whose alarms are the most of them.
    assert found[Doubt.STOP] <= 0.6 * FALSE_ALARMS[Doubt.STOP]
    assert found[Doubt.CUT] <= FALSE_ALARMS[Doubt.CUT]
    assert skill > 0.06 or found[Doubt.WARN] <= 0.6 * FALSE_ALARMS[Doubt.WARN]
