import pytest
from msgspec.structs import replace

from bot.reporting.leak import LeakCheck
from bot.reporting.summary import summarise
from bot.reporting.verdict import verdict

EDGE = {
    "forecasts": 10_000,
    "mae_bps": 20.0,
    "naive_mae_bps": 21.0,
    "rmse_bps": 30.0,
    "naive_rmse_bps": 31.0,
    "brier": 0.249,
    "directional_accuracy": 0.53,
}
NO_EDGE = EDGE | {"mae_bps": 22.0, "rmse_bps": 32.0, "brier": 0.251, "directional_accuracy": 0.502}


@pytest.fixture
def said(new_run):
    """What the verdict says of a summary with these figures, and a run with these labels."""

    def say(figures=None, leak=None, **labels):
        run = new_run()
        run.label(**labels)
        return verdict(replace(summarise(run), **(figures or {})), run.header, leak)

    return say


def test_an_invented_market_is_named_before_anything_else(said):
    lines = said(EDGE, market="invented market, planted AR(1) edge", profile="lively")
    assert "not a real market" in lines[0].lower()
    assert "planted AR(1) edge" in lines[0]


def test_no_edge_is_in_the_first_line_of_a_real_market(said):
    lines = said(NO_EDGE | {"bundle": "b", "in_sample_frac": 0.0})
    assert lines[0].startswith("No edge")
    assert "Out of sample" in lines[0]


@pytest.mark.parametrize(
    ("share", "words"), [(1.0, "In sample"), (0.25, "Partly in sample: the model was trained on 25.0 %")]
)
def test_a_run_that_touches_the_trained_span_says_so_first(said, share, words):
    assert said(EDGE | {"bundle": "b", "in_sample_frac": share})[0].startswith(words)


def test_a_bundle_without_a_span_is_said_to_be_unknown(said):
    assert "does not say what it was trained on" in said({"bundle": "b"})[0]


def test_a_model_that_wins_everywhere_is_said_to_beat_the_naive_forecast(said):
    assert said(EDGE)[0] == "The model beat the naive forecast on every measure."


def test_a_hit_rate_within_luck_is_no_win(said):
    # Two standard errors of 10,000 tosses are one point.
    line = said(EDGE | {"directional_accuracy": 0.509})[0]
    assert line.startswith("No clear edge")
    assert line.endswith("not in direction.")


def test_few_forecasts_prove_nothing(said):
    assert "Too few forecasts" in said(EDGE | {"forecasts": 999})[0]


def test_the_errors_stand_beside_the_naive_ones(said):
    assert any("20.00 bp" in line and "21.00 bp" in line and "53.0 %" in line for line in said(EDGE))


def test_a_run_without_orders_says_what_was_missing(said):
    lines = said({"best_expected_move_bps": 7.1, "needed_move_bps": 36.0, "signals": 100})
    assert any("best expected move seen was 7.1 bp, and 36.0 bp were needed" in line for line in lines)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"orders": 3}, "3 orders were sent and none was filled"),
        ({"denied": 4}, "risk refused 4 decisions"),
        ({"signals": 5}, "never wanted a position"),
        ({}, "no decision got as far as a signal"),
    ],
)
def test_every_way_of_not_trading_has_its_own_words(said, figures, words):
    assert any(words in line for line in said(figures))


def test_the_break_even_stands_beside_what_a_round_trip_costs(said):
    assert any("broke even at 3.1 bp" in line and "cost 24.0 bp" in line for line in said({"break_even_bps": 3.1}))
    assert any("would have lost even without costs" in line for line in said({"break_even_bps": -1.0}))


def test_the_lively_profile_is_expected_to_lose(said):
    assert any("expected to lose" in line for line in said(profile="lively"))
    assert not any("expected to lose" in line for line in said(profile="cautious"))


def test_a_suspected_leak_comes_before_every_figure(said):
    leak = LeakCheck(5000, 0.7, 0.68, 0.5)
    assert said(EDGE, leak)[0].startswith("Suspected leak: 70.0 % of 5,000")


def test_a_test_that_found_nothing_is_not_mentioned(said):
    assert not any("leak" in line.lower() for line in said(EDGE, LeakCheck(5000, 0.53, 0.51, 0.5)))
