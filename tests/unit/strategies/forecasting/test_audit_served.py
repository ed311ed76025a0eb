"""A bundle as it is served: a forecaster that is honest, and some that are not."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from bot.core.gaps import Segment
from bot.core.market import Timeframe
from bot.core.window import FeatureSet
from strategies.forecasting.audit import Check, MakeMarket, Pipeline
from strategies.forecasting.audit_served import (
    Served,
    fresh_leak_rule,
    known_forecasts,
    one_at_a_time,
    recorded_folds,
    served_checks,
    white_noise,
)
from strategies.forecasting.audit_steps import CENTRED_AVERAGE
from strategies.forecasting.bundle import Bundle, Contents
from strategies.forecasting.planted_leaks import LEAKS
from strategies.forecasting.serving import BundleForecaster, Run

HOUR_MS = 3_600_000
WINDOW = 8


@pytest.fixture
def market(segment_of: Callable[..., Segment]) -> MakeMarket:
    def made(timeframe: Timeframe, rho: float, seed: int, count: int) -> Segment:
        random = np.random.default_rng(seed)
        returns = random.standard_normal(count - 1)
        for at in range(1, len(returns)):
            returns[at] = rho * returns[at - 1] + np.sqrt(1.0 - rho * rho) * returns[at]
        return segment_of(0.01 * returns)

    return made


def follows(windows: np.ndarray) -> np.ndarray:
    """Expect that the last move goes on."""
    last = windows[:, -1, 0]
    return np.stack([last, last], axis=1).astype(np.float32)


def bundle_of(contents: Contents, **changed: object) -> Bundle:
    fields = {name: getattr(contents, name) for name in Contents.__struct_fields__} | changed
    return Bundle(name="made", fingerprint="f" * 64, **fields)


@pytest.fixture
def served_by(contents: Contents, features: FeatureSet) -> Callable[..., Served]:
    def make(run: Run, **changed: object) -> Served:
        bundle = bundle_of(contents, **changed)
        return Served(bundle, BundleForecaster(bundle, run), Pipeline(features, WINDOW, Timeframe.H1))

    return make


def test_an_honest_bundle_passes_every_check(served_by: Callable[..., Served], market: MakeMarket) -> None:
    checks = list(served_checks(served_by(follows), market))

    assert [check.name for check in checks] == [
        "another future: forecasts",
        "serving equals history",
        "white noise, served",
    ]
    assert all(check.held for check in checks), checks


def test_a_bundle_for_a_planted_edge_is_asked_for_it(served_by: Callable[..., Served], market: MakeMarket) -> None:
    # 0.3 between neighbouring returns.
    metrics = {"theoretical_hit_rate": 0.596986}
    found = {check.name: check for check in served_checks(served_by(follows, metrics=metrics), market)}
    reversed_ = {
        check.name: check for check in served_checks(served_by(lambda w: -follows(w), metrics=metrics), market)
    }

    assert found["planted AR(1), served"].held
    assert found["leak rule, fresh candles"].held
    assert not reversed_["planted AR(1), served"].held


def test_features_that_see_ahead_are_seen_in_the_forecasts_and_find_skill_in_noise(
    served_by: Callable[..., Served], market: MakeMarket
) -> None:
    honest = served_by(follows)
    leaky = replace(honest, pipeline=LEAKS[CENTRED_AVERAGE](honest.pipeline))

    assert not known_forecasts(leaky, market).held
    assert not one_at_a_time(leaky, market).held
    assert not white_noise(leaky, market).held


def test_an_answer_that_depends_on_its_company_is_seen(served_by: Callable[..., Served], market: MakeMarket) -> None:
    def in_company(windows: np.ndarray) -> np.ndarray:
        return follows(windows) + np.float32(1e-6 * len(windows))

    assert not one_at_a_time(served_by(in_company), market).held


@pytest.mark.parametrize(("gap", "until", "held"), [(9, 100, True), (8, 100, False), (9, 101, False)])
def test_recorded_folds_must_lie_apart_and_inside_the_stated_span(
    served_by: Callable[..., Served], contents: Contents, gap: int, until: int, *, held: bool
) -> None:
    fold = {
        "train": {"from_ms": 0, "until_ms": 50 * HOUR_MS},
        "validation": {"from_ms": (50 + gap) * HOUR_MS, "until_ms": until * HOUR_MS},
    }
    data = replace(contents.data, trained_until_ms=100 * HOUR_MS)
    check = recorded_folds(served_by(follows, metrics={"training": {"fold": fold}}, data=data))

    assert isinstance(check, Check)
    assert check.held is held
    assert check.figure == gap


def test_the_leak_rule_looks_only_at_candles_after_the_training(
    served_by: Callable[..., Served], contents: Contents, market: MakeMarket
) -> None:
    series = market(Timeframe.H1, 0.9, 1, 3_000)
    late = replace(contents.data, trained_until_ms=int(series.open_time_ms[2_500]))

    known = fresh_leak_rule(served_by(follows), [series])
    mostly_in_sample = fresh_leak_rule(served_by(follows, data=late), [series])

    assert not known.held
    assert known.figure > 0.58
    assert "too few for the leak rule" in mostly_in_sample.blind
