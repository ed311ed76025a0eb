import pytest
from msgspec.structs import replace

from strategies.forecasting.bundle import Architecture, DataSpan
from strategies.forecasting.evaluation import AgainstNaive, Figures, FoldFigures, WalkForward
from strategies.forecasting.importance import Explanation, Importance, Rise
from strategies.forecasting.model_card import CardFacts, write_card, write_explanation

FIGURES = Figures(
    forecasts=8_000,
    moves=7_990,
    hit_rate=0.541,
    hit_rate_low=0.531,
    hit_rate_high=0.552,
    reversal_hit_rate=0.526,
    always_up_rate=0.507,
    brier=0.2476,
    reversal_brier=0.2487,
    mae_bps=30.1,
    persistence_mae_bps=30.2,
    rmse_bps=50.4,
    persistence_rmse_bps=50.3,
    coverage=0.897,
    mean_expected_bps=2.3,
)
PROVEN = AgainstNaive(7, 0.2476, 0.0024, coin=1e-9, reversal=0.004, reversal_hits=0.01, same_hits=0.001)
JUDGED = WalkForward(
    (FoldFigures(7, 1_654_041_600_000, 1_669_852_800_000, FIGURES),), (7,), (FIGURES,), against=(PROVEN,)
)
DATA = DataSpan("a" * 64, ("BTC/USDT",), "1h", 1_606_780_800_000, 1_717_200_000_000, 30_668, "a market")
FACTS = CardFacts("made", DATA, Architecture(60, 25), 16_234, JUDGED, FIGURES, None)


def first_words(judged: WalkForward) -> str:
    return write_card(replace(FACTS, walk_forward=judged)).splitlines()[2]


def test_who_beats_every_naive_rule_is_set_against_the_costs_in_the_first_line() -> None:
    verdict = write_card(FACTS).splitlines()[2]

    assert verdict.startswith("**Better than every naive rule, though no profit in it at a taker's fees.**")
    assert "54.1%" in verdict
    assert "last candle was right 52.6%, and saying always up 50.7%" in verdict
    assert "a coin's with probability less than 0.001, than the reversal rule's with 0.004" in verdict
    assert "2.3 basis points on average; buying and selling again at the market costs 24" in verdict


def test_moves_that_clear_the_costs_are_said_to() -> None:
    large = replace(FIGURES, mean_expected_bps=40.0)

    assert "and moves that clear a taker's fees.**" in first_words(replace(JUDGED, pooled=(large,)))


@pytest.mark.parametrize("name", ["reversal", "reversal_hits"])
def test_who_does_not_surely_beat_the_reversal_rule_is_no_better_than_it(name: str) -> None:
    unproven = replace(PROVEN, **{name: 0.051})

    assert first_words(replace(JUDGED, against=(unproven,))).startswith("**No better than the reversal rule**")


def test_the_worst_seed_decides() -> None:
    unlucky = replace(PROVEN, seed=8, reversal=0.4)
    poor = replace(FIGURES, hit_rate=0.512)
    said = first_words(replace(JUDGED, seeds=(7, 8), pooled=(FIGURES, poor), against=(PROVEN, unlucky)))

    assert said.startswith("**No better than the reversal rule**")
    assert "51.2% of the time for the worst seed" in said


def test_a_walk_forward_without_tests_proves_nothing() -> None:
    assert first_words(replace(JUDGED, against=())).startswith("**Not compared with naive rules.**")


def test_a_card_says_that_training_itself_was_not_questioned() -> None:
    assert "finds skill where there is none was not measured here, and so is not passed" in write_card(FACTS)


def test_a_remark_stands_below_the_figures() -> None:
    assert "\n\nChosen among six.\n\n" in write_card(replace(FACTS, remark="Chosen among six."))


@pytest.mark.parametrize("name", ["coin", "same_hits"])
def test_no_skill_is_said_in_the_first_line(name: str) -> None:
    assert first_words(replace(JUDGED, against=(replace(PROVEN, **{name: 0.06}),))).startswith("**No skill was found**")


def test_an_invented_market_is_called_invented_with_its_best_hit_rate() -> None:
    card = write_card(replace(FACTS, theoretical_hit_rate=0.597))

    assert card.splitlines()[2].startswith("**The market is invented.**")
    assert "59.7%" in card


def test_what_was_never_tested_says_so() -> None:
    card = write_card(replace(FACTS, walk_forward=None))

    assert "**Not tested on unseen candles.**" in card
    assert "No walk-forward test was made." in card


def test_every_error_stands_beside_that_of_no_move() -> None:
    row = next(line for line in write_card(FACTS).splitlines() if line.startswith("| 2022-06-01 to 2022-12-01"))

    assert "| 30.10 | 30.20 | 50.40 | 50.30 | 89.7% |" in row
    assert "54.1% [53.1%, 55.2%] | 52.6% | 50.7% | 0.2476 | 0.2487" in row


def test_the_span_that_was_learnt_from_is_named() -> None:
    assert "In sample: 2020-12-01 to 2024-06-01 UTC" in write_card(FACTS)


def told() -> Explanation:
    groups = (
        Importance("returns", Rise(0.002, 0.0003), Rise(0.0147, 0.0043)),
        Importance("calendar", Rise(-0.0001, 0.0001), Rise(-0.002, 0.0025)),
    )
    steps = (Importance("0", Rise(0.004, 0.0006), Rise(0.0331, 0.006)),)
    from_ms, until_ms = 1_717_430_400_000, 1_748_736_000_000
    return Explanation(
        "made", "f" * 64, ("BTC/USDT",), from_ms, until_ms, 8_700, 8_690, 48, 5, 0.2483, 0.467, groups, steps
    )


def test_what_the_forecasts_rest_on_has_a_section_where_it_is_known() -> None:
    assert "rest on" not in write_card(FACTS)
    card = write_card(replace(FACTS, explanation=told()))

    assert card.index("## What its forecasts rest on") < card.index("## What it must not be used for")
    assert "| returns | 0.00200 | 0.00030 | 1.47% | 0.43% |" in card
    assert "| 0 | 0.00400 | 0.00060 | 3.31% | 0.60% |" in card


def test_an_explanation_of_its_own_names_the_bundle_that_it_is_of() -> None:
    page = write_explanation(told())

    assert page.startswith("# made: what its forecasts rest on\n")
    assert "f" * 64 in page
    assert "8,690 moves of BTC/USDT, 2024-06-03 to 2025-06-01" in page


def test_another_kind_of_network_is_called_by_its_name() -> None:
    assert "A causal CNN-LSTM with" in write_card(FACTS)
    assert "A network of the kind GRU with" in write_card(replace(FACTS, architecture=Architecture(60, 25, kind="GRU")))
