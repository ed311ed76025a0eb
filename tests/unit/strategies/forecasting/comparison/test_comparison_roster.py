import pytest

from bot.core.errors import ConfigError
from strategies.forecasting.architectures.kinds import BUILDERS
from strategies.forecasting.comparison.roster import NETWORKS, ROSTER, chosen_rows, family


def test_every_network_that_can_be_built_is_on_the_roster() -> None:
    assert set(NETWORKS) == set(BUILDERS)


def test_without_a_word_all_rows_are_meant() -> None:
    assert chosen_rows(()) == ROSTER


def test_names_may_hold_commas_and_come_in_any_order() -> None:
    assert chosen_rows(("CNN-LSTM, textbook,persistence", "CNN-LSTM")) == (
        "persistence",
        "CNN-LSTM",
        "CNN-LSTM, textbook",
    )


def test_an_unknown_row_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no row 'transformer': choose of persistence; drift"):
        chosen_rows(("persistence,transformer",))


def test_an_ensemble_of_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="two members"):
        chosen_rows(("ensemble,logistic",))


def test_families() -> None:
    assert [family(row) for row in ("drift", "ETS", "LightGBM", "GRU", "ensemble")] == [
        "naive",
        "fitted",
        "classifier",
        "network",
        "ensemble",
    ]
