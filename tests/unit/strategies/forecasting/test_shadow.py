"""A challenger's forecasts beside the champion's."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.core import gate_names as names
from bot.core.errors import DataError
from bot.core.forecast import Forecast
from strategies.forecasting.bundle import Bundle
from strategies.forecasting.gates import ERROR_BUDGET, judge
from strategies.forecasting.paired_losses import Losses
from strategies.forecasting.serving import BundleForecaster
from strategies.forecasting.shadow import Pair, Terms, Track, beside, compare, nobody, recorded, replayed, seed_spread
from strategies.forecasting.shadow_evidence import Rival, margin_of, reversal_rate_of, surely_better
from strategies.signal import SignalRule

HOUR_MS = 3_600_000
RULE = SignalRule(1.5, 0.5)
BESIDE = Terms()
SIGMA = 0.01
COUNT = 2_000
EDGE = 0.06
"""How far the true probability lies from one half, on either side."""


def market(seed: int, count: int = COUNT) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True probabilities of "up", and the returns that came."""
    random = np.random.default_rng(seed)
    true = 0.5 + EDGE * random.choice((-1.0, 1.0), count)
    signs = np.where(random.random(count) < true, 1.0, -1.0)
    return true, SIGMA * signs * np.abs(random.standard_normal(count))


def track(p_up: NDArray[np.float64], outcomes: NDArray[np.float64], half_width: float = 1.6449) -> Track:
    expected = (2.0 * p_up - 1.0) * 0.5 * SIGMA
    reach = half_width * SIGMA
    closes = HOUR_MS * np.arange(len(p_up), dtype=np.int64)
    return Track(closes, p_up, expected, expected - reach, expected + reach, outcomes, np.roll(outcomes, 1))


def passed(pairs: list[Pair], cost_bps: float = 1.0, terms: Terms = BESIDE) -> dict[str, bool]:
    return {verdict.gate.name: verdict.passed for verdict in judge(compare(pairs, RULE, cost_bps, terms))}


def test_a_challenger_that_knows_more_passes_every_gate_of_the_comparison() -> None:
    true, outcomes = market(1)
    pair = Pair("BTC/USDT", track(true, outcomes), track(np.full(COUNT, 0.5), outcomes))

    found = passed([pair])

    asked = (names.BRIER, names.BRIER_TEST, names.PINBALL_TEST)
    assert all(found[name] for name in (*asked, names.FORWARD_WINDOW, names.NET_RESULT, names.COVERAGE))


def test_a_worse_challenger_fails_score_and_test() -> None:
    true, outcomes = market(2)
    pair = Pair("BTC/USDT", track(1.0 - true, outcomes), track(true, outcomes))

    found = passed([pair])

    assert not any(found[name] for name in (names.BRIER, names.BRIER_TEST, names.PINBALL_TEST))
    assert not found[names.NET_RESULT]


def test_a_challenger_that_says_the_same_is_not_better() -> None:
    true, outcomes = market(3)
    same = track(true, outcomes)

    found = passed([Pair("BTC/USDT", same, same)])

    assert not found[names.BRIER_TEST]
    assert found[names.BRIER]
    assert found[names.PINBALL_TEST]


@pytest.mark.parametrize("half_width", [1.2, 2.2])
def test_intervals_that_are_too_narrow_or_too_wide_fail(half_width: float) -> None:
    true, outcomes = market(4)
    pair = Pair("BTC/USDT", track(true, outcomes, half_width), track(np.full(COUNT, 0.5), outcomes))

    assert not passed([pair])[names.COVERAGE]


def test_few_forecasts_are_no_shadow() -> None:
    true, outcomes = market(5, 499)
    pair = Pair("BTC/USDT", track(true, outcomes), track(np.full(499, 0.5), outcomes))

    assert not passed([pair])[names.FORWARD_WINDOW]


def test_no_common_close_fails_everything_without_an_error() -> None:
    true, outcomes = market(6, 10)
    here = track(true, outcomes)
    later = Track(here.close_time_ms + 1, here.p_up, here.expected, here.lower, here.upper, outcomes, outcomes)

    found = judge(compare([beside("BTC/USDT", here, later)], RULE, 1.0, BESIDE))

    assert not any(verdict.passed for verdict in found)


def test_markets_of_one_instant_are_one_observation() -> None:
    true, outcomes = market(7)
    pair = Pair("BTC/USDT", track(true, outcomes), track(np.full(COUNT, 0.5), outcomes))
    twice = [pair, Pair("ETH/USDT", pair.challenger, pair.champion)]

    one, two = compare([pair], RULE, 1.0, BESIDE), compare(twice, RULE, 1.0, BESIDE)

    assert two[names.BRIER_TEST].figure == pytest.approx(one[names.BRIER_TEST].figure)
    assert two[names.FORWARD_WINDOW].figure == COUNT


def test_ten_markets_of_fifty_instants_are_no_forward_window() -> None:
    true, outcomes = market(20, 50)
    own, rival = track(true, outcomes), track(np.full(50, 0.5), outcomes)

    found = compare([Pair(f"{at}/USDT", own, rival) for at in range(10)], RULE, 1.0, BESIDE)[names.FORWARD_WINDOW]

    assert found.figure == 50
    assert found.said == "500 forecasts of 10 markets at 50 instants"


def test_where_nobody_trades_the_net_result_says_so() -> None:
    true, outcomes = market(21)
    pair = Pair("BTC/USDT", track(true, outcomes), track(np.full(COUNT, 0.5), outcomes))

    found = compare([pair], RULE, 1_000.0, BESIDE)[names.NET_RESULT]

    assert found.figure == 0.0
    assert found.said == "nobody traded at 1000 bps a side: this speaks neither for the challenger nor against it"


def test_a_first_model_must_beat_the_reversal_rule_as_well_as_a_coin() -> None:
    random = np.random.default_rng(22)
    signs = np.ones(COUNT)
    for at in range(1, COUNT):
        signs[at] = -signs[at - 1] if random.random() < 0.56 else signs[at - 1]
    outcomes = SIGMA * signs * np.abs(random.standard_normal(COUNT))
    says_the_rule = track(0.5 - 0.06 * np.sign(np.roll(outcomes, 1)), outcomes)
    pair = Pair("BTC/USDT", says_the_rule, nobody(says_the_rule))

    known, unknown = (compare([pair], RULE, 1.0, Terms(rate))[names.BRIER_TEST] for rate in (0.56, 0.5))

    assert (unknown.figure or 0.0) < ERROR_BUDGET
    assert known.figure == 1.0
    assert "below that of the reversal rule" in known.said


def test_each_further_attempt_costs_more() -> None:
    random = np.random.default_rng(23)
    own = Losses(np.arange(900), random.random(900))
    rival = Rival("the champion", own.values + random.normal(0.08, 1.0, 900))

    prices = [surely_better(own, [rival], attempt).figure or 0.0 for attempt in (1, 2, 3)]

    assert prices == pytest.approx([prices[0], 3 * prices[0], 6 * prices[0]])


def test_what_a_successor_may_lose_is_half_of_what_the_worst_seed_saved() -> None:
    walked = {"walk_forward": {"pooled": [{"brier": 0.248, "reversal_hit_rate": 0.52}, {"brier": 0.249}]}}

    assert margin_of(walked) == pytest.approx(0.0005)
    assert margin_of({"walk_forward": {"pooled": [{"brier": 0.251}]}}) == 0.0
    assert margin_of({}) == 0.0
    assert reversal_rate_of(walked) == 0.52
    assert reversal_rate_of({"walk_forward": None}) == 0.5


def test_the_rival_of_a_first_model_knows_nothing() -> None:
    true, outcomes = market(8)
    own = track(true, outcomes)

    rival = nobody(own)

    assert set(rival.p_up) == {0.5}
    assert rival.upper - rival.lower == pytest.approx(own.upper - own.lower)
    assert passed([Pair("BTC/USDT", own, rival)], terms=Terms(0.5))[names.BRIER_TEST]


def test_what_a_journal_recorded_is_put_beside_the_outcomes() -> None:
    true, outcomes = market(9, 5)
    own = track(true, outcomes)
    said = {close: Forecast("BTC/USDT", 0.7, 0.1, 0.0, 0.2, 0.0) for close in (HOUR_MS, 3 * HOUR_MS, 99 * HOUR_MS)}

    pair = beside("BTC/USDT", own, recorded(own, said))

    assert pair.champion.close_time_ms.tolist() == [HOUR_MS, 3 * HOUR_MS]
    assert pair.champion.p_up.tolist() == [0.7, 0.7]
    assert pair.champion.next_return.tolist() == outcomes[[1, 3]].tolist()
    assert pair.challenger.p_up.tolist() == true[[1, 3]].tolist()


@pytest.fixture
def forecaster(contents: Any, run: Any) -> BundleForecaster:
    fields = {name: getattr(contents, name) for name in contents.__struct_fields__}
    return BundleForecaster(Bundle(name="made", fingerprint="f" * 64, **fields), run)


def test_a_replayed_model_says_what_it_says_of_a_whole_history(forecaster, features, segment_of) -> None:
    series = segment_of(0.01 * np.random.default_rng(10).standard_normal(100))
    whole = replayed(forecaster, features, 8, "BTC/USDT", [series], HOUR_MS, 0)

    late = replayed(forecaster, features, 8, "BTC/USDT", [series], HOUR_MS, 60 * HOUR_MS)

    assert late.close_time_ms[0] == 60 * HOUR_MS
    assert late.p_up.tolist() == whole.p_up[-len(late) :].tolist()
    assert late.next_return.tolist() == whole.next_return[-len(late) :].tolist()


def test_candles_that_are_too_few_are_refused(forecaster, features, segment_of) -> None:
    with pytest.raises(DataError, match="give more candles"):
        replayed(forecaster, features, 8, "BTC/USDT", [segment_of(np.zeros(5))], HOUR_MS, 0)


def metrics(spread: float | None) -> dict[str, Any]:
    return {"walk_forward": {"seed_spread": spread}}


def test_the_spread_of_seeds_is_compared() -> None:
    assert seed_spread(metrics(0.03), metrics(0.02)).figure == pytest.approx(1.5)


def test_a_spread_that_nobody_measured_is_not_passed() -> None:
    assert seed_spread(metrics(None), metrics(0.02)).figure is None
    assert seed_spread({}, None).figure is None
    assert seed_spread(metrics(0.02), metrics(None)).figure is None


def test_a_first_model_has_no_spread_to_exceed() -> None:
    assert seed_spread(metrics(0.02), None).figure == 0.0
