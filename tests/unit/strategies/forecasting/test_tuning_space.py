"""What may be chosen, and the configurations that come of it."""

import pytest

from bot.core.errors import ConfigError
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.tuning_space import (
    GROUPS,
    KINDS,
    WINDOWS,
    configured,
    default_configuration,
    parameters_of,
    search_space,
    seed_of,
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_default_is_a_point_of_the_space_and_that_point_is_the_default(kind: str) -> None:
    default = default_configuration(kind, SHIPPED)
    values = parameters_of(default, SHIPPED)

    assert list(values) == list(search_space(kind))
    for name, distribution in search_space(kind).items():
        assert distribution._contains(distribution.to_internal_repr(values[name]))
    assert configured(values, kind, SHIPPED, default.plan.seed) == default


def test_every_value_of_a_point_is_in_its_configuration() -> None:
    values = parameters_of(default_configuration("CNN-LSTM", SHIPPED), SHIPPED) | {
        "window": 20,
        "filters": 8,
        "first_kernel": 7,
        "second_kernel": 2,
        "epochs": 4,
        "batch": 64,
        "learning_rate": 0.001,
        "sees_calendar": False,
        "sees_level": False,
    }

    made = configured(values, "CNN-LSTM", SHIPPED, 99)

    assert parameters_of(made, SHIPPED) == values
    assert made.plan.seed == 99
    muted = [SHIPPED.names[column] for column in made.architecture.muted]
    assert muted == ["hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "log_sigma"]


def test_every_feature_but_the_returns_is_in_one_group() -> None:
    grouped = [name for names in GROUPS.values() for name in names]

    assert len(grouped) == len(set(grouped))
    assert set(SHIPPED.names) - set(grouped) == {name for name in SHIPPED.names if name.startswith("return_")}
    assert set(grouped) <= set(SHIPPED.names)


def test_the_longest_window_needs_no_more_bars_than_a_venue_gives_at_once() -> None:
    assert SHIPPED.warm_up + max(WINDOWS) <= 720


def test_a_network_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match="there is no network TCN: choose of CNN-LSTM, CNN-LSTM, textbook, CNN"):
        search_space("TCN")


def test_seeds_differ_by_study_trial_and_purpose_and_never_change() -> None:
    seeds = {seed_of(study, trial, what) for study in range(3) for trial in range(9) for what in ("", "fit", "l2")}

    assert len(seeds) == 81
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(7, 3, "fit") == 753_523_800
