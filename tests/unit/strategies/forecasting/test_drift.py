"""The drift monitor: quiet where nothing changes, and not where something does."""

import numpy as np
import pytest
from msgspec import Struct
from numpy.typing import NDArray

from bot.core.forecast import Doubt, Forecast
from strategies.forecasting.drift import FALSE_ALARMS, Drift, DriftMonitor
from strategies.forecasting.drift_levels import DriftLimits, Finding
from strategies.forecasting.drift_reference import Band, Habits, band_of, measure_habits
from strategies.forecasting.drift_streams import RollingBins, RollingSums, binomial_errors

PERSISTENCE = np.array([0.0, 0.5, 0.8, 0.95, 0.98, 0.99])
"""Autocorrelations of the features, from a candle's body to a distance from the trend."""
NAMES = tuple(f"feature_{number}" for number in range(len(PERSISTENCE)))
SIGMA = 0.005
HALF_WIDTH = 1.6449 * SIGMA
BAND = Band(0.51, 0.10)
TRAINED = 17_520
CANDLES = 10_000


class Stream(Struct, frozen=True):
    rows: NDArray[np.float32]
    p_up: NDArray[np.float64]
    outcomes: NDArray[np.float64]


def stationary(seed: int, count: int = CANDLES) -> Stream:
    """Persistent features, forecasts made from two of them, and outcomes that come as often as was foretold."""
    random = np.random.default_rng(seed)
    shocks = random.standard_normal((count, len(PERSISTENCE))) * np.sqrt(1.0 - PERSISTENCE**2)
    rows = np.empty_like(shocks)
    rows[0] = random.standard_normal(len(PERSISTENCE))
    for at in range(1, count):
        rows[at] = PERSISTENCE * rows[at - 1] + shocks[at]
    p_up = 0.5 + 0.04 * np.tanh(rows[:, 0] + rows[:, 2])
    signs = np.where(random.random(count) < p_up, 1.0, -1.0)
    return Stream(rows.astype(np.float32), p_up, SIGMA * signs * np.abs(random.standard_normal(count)))


@pytest.fixture(scope="module")
def habits() -> Habits:
    trained = stationary(1, TRAINED)
    return measure_habits(NAMES, trained.rows, trained.p_up)


def watched(monitor: DriftMonitor, stream: Stream) -> list[Drift]:
    said = []
    for at in range(len(stream.p_up)):
        p_up = float(stream.p_up[at])
        forecast = Forecast("BTC/USDT", p_up, 0.0, -HALF_WIDTH, HALF_WIDTH, 0.0)
        drift = monitor.observe(at, forecast, float(stream.outcomes[at]), stream.rows[at])
        if drift is not None:
            said.append(drift)
    return said


def alarms(seeds: range) -> dict[Doubt, float]:
    """The share of stationary streams in which each level is reached, each with a training part of its own."""
    reached = []
    for seed in seeds:
        trained = stationary(10_000 + seed, TRAINED)
        monitor = DriftMonitor(measure_habits(NAMES, trained.rows, trained.p_up), BAND)
        said = watched(monitor, stationary(20_000 + seed))
        reached.append(max((drift.level for drift in said), default=Doubt.NONE))
    return {level: sum(top >= level for top in reached) / len(seeds) for level in FALSE_ALARMS}


def planted(at: int, before: Stream, after: Stream) -> Stream:
    """One stream until a candle, another one from then on."""
    return Stream(
        *(np.concatenate([getattr(before, n)[:at], getattr(after, n)[at:]]) for n in Stream.__struct_fields__)
    )


def changed(stream: Stream, **columns: NDArray) -> Stream:
    return Stream(**{name: columns.get(name, getattr(stream, name)) for name in Stream.__struct_fields__})


def test_stationary_streams_of_ten_thousand_candles_neither_cut_size_nor_stop_entries() -> None:
    found = alarms(range(3))

    assert found[Doubt.CUT] == found[Doubt.STOP] == 0.0


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_stationary_streams_raise_fewer_alarms_than_stated() -> None:
    found = alarms(range(100, 200))

    assert {level: found[level] <= stated for level, stated in FALSE_ALARMS.items()} == dict.fromkeys(
        FALSE_ALARMS, True
    )


def test_intervals_that_break_cut_size_and_then_stop_entries(habits: Habits) -> None:
    calm = stationary(2)
    stormy = changed(calm, outcomes=2.0 * calm.outcomes)

    said = watched(DriftMonitor(habits, BAND), planted(5_000, calm, stormy))

    assert [drift.level for drift in said][-1] is Doubt.STOP
    levels = [drift.level for drift in said]
    assert Doubt.CUT in levels
    assert levels.index(Doubt.CUT) < levels.index(Doubt.STOP)
    assert 5_000 < said[0].at_ms < 5_300
    assert "intervals held" in said[-1].reason
    assert "at their worst on unseen candles they held 90.0%" in said[-1].reason


def test_a_feature_that_changes_its_scale_stops_entries_by_name(habits: Habits) -> None:
    usual = stationary(3)
    rows = usual.rows.copy()
    rows[:, 1] *= 4.0

    said = watched(DriftMonitor(habits, BAND), planted(4_000, usual, changed(usual, rows=rows)))

    assert said[-1].level is Doubt.STOP
    assert "feature feature_1 is spread otherwise than in training" in said[-1].reason
    assert said[-1].at_ms < 5_000


def test_forecasts_that_lean_to_one_side_are_noticed(habits: Habits) -> None:
    usual = stationary(4)
    leaning = changed(usual, p_up=usual.p_up + 0.05, outcomes=usual.outcomes)

    said = watched(DriftMonitor(habits, BAND), planted(4_000, usual, leaning))

    assert max(drift.level for drift in said) is Doubt.STOP
    assert any("forecasts are spread otherwise" in drift.reason for drift in said)


def test_skill_that_turns_into_its_opposite_stops_entries(habits: Habits) -> None:
    usual = stationary(5)
    turned = changed(usual, outcomes=-usual.outcomes)

    said = watched(DriftMonitor(habits, Band(0.52, 0.10)), planted(4_000, usual, turned))

    assert max(drift.level for drift in said) >= Doubt.CUT
    assert any("Brier score" in drift.reason or "direction was right" in drift.reason for drift in said)


def test_forecasts_that_are_less_sure_of_unseen_candles_are_no_drift() -> None:
    trained, usual = stationary(18, TRAINED), stationary(19, 6_000)
    surer = 0.5 + (trained.p_up - 0.5) / 0.7
    unseen = np.quantile(stationary(20, 8_000).p_up, np.linspace(0.1, 0.9, 9)).tolist()

    def spread_alarms(deciles: list[float]) -> list[str]:
        known = measure_habits(NAMES, trained.rows, surer, unseen=deciles)
        said = watched(DriftMonitor(known, BAND), usual)
        return [drift.reason for drift in said if "forecasts are spread" in drift.reason]

    assert spread_alarms([])
    assert not spread_alarms(unseen)


def test_a_level_is_left_when_the_market_is_again_as_in_training(habits: Habits) -> None:
    calm = stationary(6)
    stormy = changed(calm, outcomes=2.5 * calm.outcomes)

    said = watched(DriftMonitor(habits, BAND), planted(6_000, planted(5_000, calm, stormy), calm))

    assert max(drift.level for drift in said) is Doubt.STOP
    assert said[-1].level is Doubt.NONE
    assert said[-1].reason == "forecasts and features are again as in training"


def test_a_level_is_raised_at_once_and_left_only_a_step_below() -> None:
    limits = DriftLimits()

    def levels(*errors: float) -> list[Doubt]:
        found, level = [], Doubt.NONE
        for one in errors:
            finding = Finding(one, str)
            level = max(limits.level(finding), min(limits.level(finding, limits.ease), level))
            found.append(level)
        return found

    assert levels(3.9, 4.1, 3.5, 3.1, 2.9) == [Doubt.NONE, Doubt.WARN, Doubt.WARN, Doubt.WARN, Doubt.NONE]
    assert levels(6.2, 5.5, 4.5, 4.9, 3.9, 2.0) == [
        Doubt.STOP,
        Doubt.STOP,
        Doubt.CUT,
        Doubt.CUT,
        Doubt.WARN,
        Doubt.NONE,
    ]


def test_the_same_stream_gives_the_same_doubts(habits: Habits) -> None:
    stream = changed(stationary(7, 2_000), outcomes=2.0 * stationary(7, 2_000).outcomes)

    assert watched(DriftMonitor(habits, BAND), stream) == watched(DriftMonitor(habits, BAND), stream)


def test_nothing_is_said_before_a_window_is_full(habits: Habits) -> None:
    stream = changed(stationary(8, 299), outcomes=np.ones(299))

    assert watched(DriftMonitor(habits, BAND), stream) == []


def test_without_habits_spreads_are_not_watched_and_skill_is() -> None:
    calm = stationary(9, 1_500)
    foreign = changed(calm, rows=100.0 + calm.rows)

    assert watched(DriftMonitor(None, BAND), foreign) == []
    assert watched(DriftMonitor(None, BAND), changed(foreign, outcomes=3.0 * calm.outcomes))


def test_rows_that_are_not_known_any_more_leave_the_spreads_unjudged(habits: Habits) -> None:
    monitor = DriftMonitor(habits, BAND)
    calm = stationary(10, 1_200)

    for at in range(1_200):
        forecast = Forecast("BTC/USDT", 0.99, 0.0, -HALF_WIDTH, HALF_WIDTH, 0.0)
        outcome = abs(float(calm.outcomes[at]))
        assert monitor.observe(at, forecast, outcome, None) is None


def test_running_figures_come_with_their_standard_errors(habits: Habits) -> None:
    monitor = DriftMonitor(habits, BAND)
    watched(monitor, stationary(11, 4_000))

    skill = monitor.skill()

    assert skill.moves == 1_000
    assert skill.hit_rate is not None
    assert skill.hit_rate_error == pytest.approx(np.sqrt(skill.hit_rate * (1 - skill.hit_rate) / 1_000))
    assert skill.brier is not None
    assert skill.brier_promised == pytest.approx(skill.brier, abs=4.0 * (skill.brier_error or 0.0))
    assert skill.coverage == pytest.approx(0.9, abs=0.07)


def test_before_the_first_truth_there_are_no_figures() -> None:
    skill = DriftMonitor(None, BAND).skill()

    assert (skill.moves, skill.hit_rate, skill.brier, skill.coverage) == (0, None, None, None)


def test_moves_of_zero_are_no_moves() -> None:
    monitor = DriftMonitor(None, BAND)
    monitor.observe(0, Forecast("BTC/USDT", 0.6, 0.0, -1.0, 1.0, 0.0), 0.0, None)

    assert monitor.skill().moves == 0
    assert monitor.skill().coverage == 1.0


def test_rolling_sums_are_those_of_the_last_rows() -> None:
    values = np.random.default_rng(12).standard_normal((50, 2))
    rolling = RollingSums(7, 2)

    for at, row in enumerate(values):
        rolling.add(*row.tolist())
        assert rolling.sums == pytest.approx(values[max(at - 6, 0) : at + 1].sum(axis=0), abs=1e-12)
    assert rolling.full


def test_the_stability_index_is_that_of_the_rows_in_the_window() -> None:
    values = np.random.default_rng(13).standard_normal(300)
    edges = np.array([[-0.5, 0.5]])
    rolling = RollingBins(100, edges, np.array([[0.3, 0.4, 0.3]]))

    for value in values:
        rolling.add(np.array([value]))

    counts = np.bincount((values[-100:, None] > edges).sum(axis=1), minlength=3)
    now, expected = (counts + 0.5) / 101.5, np.array([30.5, 40.5, 30.5]) / 101.5
    assert rolling.stability() == pytest.approx([((now - expected) * np.log(now / expected)).sum()])


def test_a_column_that_never_moved_in_training_is_seen_to_move(habits: Habits) -> None:
    trained = stationary(14, 5_000)
    flat = changed(trained, rows=np.where(np.arange(len(NAMES)) == 3, np.float32(7.0), trained.rows))
    monitor = DriftMonitor(measure_habits(NAMES, flat.rows, flat.p_up), BAND)

    said = watched(monitor, stationary(15, 2_000))

    assert any("feature_3" in drift.reason for drift in said)


def test_a_training_part_of_few_windows_says_nothing_of_what_is_usual() -> None:
    short = stationary(16, 3_999)

    assert measure_habits(NAMES, short.rows, short.p_up).columns == ()


def test_the_band_is_the_worst_fold_and_a_standard_error() -> None:
    folds = [
        {"figures": {"hit_rate": 0.55, "moves": 1_000, "coverage": 0.91, "forecasts": 1_000}},
        {"figures": {"hit_rate": 0.53, "moves": 1_000, "coverage": 0.88, "forecasts": 1_000}},
    ]

    band = band_of({"walk_forward": {"folds": folds}})

    assert band.hit_rate == pytest.approx(0.53 - np.sqrt(0.53 * 0.47 / 1_000))
    assert band.miss_rate == pytest.approx(0.12 + np.sqrt(0.12 * 0.88 / 1_000))


@pytest.mark.parametrize("metrics", [{}, {"walk_forward": None}, {"walk_forward": {"folds": []}}])
def test_a_model_that_was_not_judged_is_held_to_a_coin_and_to_its_promise(metrics: dict) -> None:
    band = band_of(metrics)

    assert (band.hit_rate, band.miss_rate) == (0.5, pytest.approx(0.1))


def test_binomial_errors_are_standard_normal_where_nothing_has_changed() -> None:
    counts = np.random.default_rng(17).binomial(300, 0.1, 20_000)

    errors = np.array([binomial_errors(count / 300, 0.1, 300) for count in counts])

    assert errors.std() == pytest.approx(1.0, abs=0.05)
    assert (errors > 4.0).mean() < 2e-4
