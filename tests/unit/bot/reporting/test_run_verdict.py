import pytest
from msgspec.structs import replace

from bot.reporting.leak import LeakCheck
from bot.reporting.reckoning import Reckoning
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


def test_other_markets_of_the_time_of_the_training_are_not_out_of_sample(said):
    alone = said(EDGE | {"bundle": "b", "in_sample_frac": 0.0, "same_time_frac": 0.4})[0]
    assert alone.startswith(
        "Not out of sample: of these candles 40.0 % are of other markets, same time as its training"
    )
    beside = said(EDGE | {"bundle": "b", "in_sample_frac": 0.5, "same_time_frac": 0.4})[0]
    assert "trained on 50.0 % of these candles" in beside
    assert "Another 40.0 % are of other markets, same time as its training" in beside


def test_the_demonstrations_model_is_said_to_have_learnt_from_another_seed(said):
    labels = {"market": "invented market, seed 7", "bundle_source": "the seeded market of this program, seed 1001"}
    span = {"bundle_trained_from_ms": "0", "bundle_trained_until_ms": "1"}
    line = said(EDGE | {"bundle": "b", "in_sample_frac": 0.0, "same_time_frac": 0.0}, **labels, **span)[1]
    assert "trained on another market of the same making, of another seed" in line


def test_a_model_outside_its_card_is_said_before_anything_that_it_did(said):
    card = {"bundle_timeframe": "4h", "bundle_trained_from_ms": "0", "bundle_trained_until_ms": "1"}
    assert said(EDGE, **card)[0].startswith("Outside its card")
    lines = said(EDGE, market="invented market, seed 7", **card)
    assert [line.split()[0] for line in lines[:2]] == ["Not", "Outside"]


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


def reckoned(before_costs, *, fees=4.0, spread=0.0, slippage=1.0):
    """Of 10,000 traded: an amount of 5 is 10 bp of a round trip."""
    result = before_costs - fees - spread - slippage
    told = Reckoning(before_costs, fees, spread, slippage, result, traded=10_000.0, later_fills=0, later_fees=0.0)
    return {"reckoning": told}


def test_the_costs_lead_from_what_was_made_before_them_to_the_result(said):
    line = next(line for line in said(reckoned(6.0, spread=0.5)) if "before costs" in line)
    assert line == (
        "The trading made +6.00 before costs, so it breaks even where a round trip costs 12.0 bp. A round trip cost "
        "11.0 bp: fees 4.00, spread 0.50 and slippage 1.00; the settings expect 24.0 bp."
    )


def test_trading_that_made_nothing_before_costs_is_said_to_lose_without_them(said):
    line = next(line for line in said(reckoned(-2.0)) if "before costs" in line)
    assert line.startswith("The trading would have lost even without costs: it made −2.00 before costs")


def test_trading_without_costs_is_said_to_have_paid_nothing(said):
    assert any("It paid nothing" in line for line in said(reckoned(1.0, fees=0.0, slippage=0.0)))


def test_fills_that_were_better_than_their_orders_are_said_to_be_luck(said):
    lines = said(reckoned(6.0, slippage=-3.0))
    costs = next(line for line in lines if "before costs" in line)
    luck = next(line for line in lines if "latency" in line)
    assert "A round trip cost 8.0 bp: fees 4.00;" in costs
    assert "by 3.00 in all (6.0 bp a round trip): by chance of latency, and no skill" in luck
    # 6 before costs less 4 of fees: what is left when the luck is taken away.
    assert luck.endswith("Without it the result would have been +2.00.")
    assert not any("latency" in line for line in said(reckoned(6.0)))


def test_the_lively_profile_is_expected_to_lose(said):
    assert any("expected to lose" in line for line in said(profile="lively"))
    assert not any("expected to lose" in line for line in said(profile="cautious"))


def test_a_suspected_leak_comes_before_every_figure(said):
    leak = LeakCheck(5000, 0.7, 0.68, 0.5)
    assert said(EDGE, leak)[0].startswith("Suspected leak: 70.0 % of 5,000")


def test_a_test_that_found_nothing_is_not_mentioned(said):
    assert not any("leak" in line.lower() for line in said(EDGE, LeakCheck(5000, 0.53, 0.51, 0.5)))


def test_the_result_says_how_much_of_the_equity_was_in_the_market(said):
    figures = {"final_equity": 1_380.0, "return_frac": 0.38, "buy_and_hold_return_frac": 14.47}
    assert (
        "1,000.00 became 1,380.00 (+38.00 %); buying and holding made +1,447.00 % with all of it in the market, "
        "where this run had 9.8 % on average."
    ) in said(figures | {"mean_exposure_frac": 0.098})


def test_what_is_still_held_at_the_end_is_told(said):
    (line,) = [one for one in said({"held_at_end_frac": 0.2034}) if "still" in one]
    assert line == (
        "20.3 % of the equity is still in the market at the last close, valued at that price and not sold: "
        "`candlewick status` says what is held."
    )
    assert not any("still" in one for one in said({"held_at_end_frac": 0.0}))
