from msgspec.structs import replace

from strategies.forecasting.bundle import Architecture, DataSpan
from strategies.forecasting.evaluation import Figures, FoldFigures, WalkForward
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
JUDGED = WalkForward((FoldFigures(7, 1_654_041_600_000, 1_669_852_800_000, FIGURES),), (7,), (FIGURES,))
DATA = DataSpan("a" * 64, ("BTC/USDT",), "1h", 1_606_780_800_000, 1_717_200_000_000, 30_668, "a market")
FACTS = CardFacts("made", DATA, Architecture(60, 25), 16_234, JUDGED, FIGURES, None)


def test_a_small_skill_is_called_small_in_the_first_line_and_set_against_the_costs() -> None:
    verdict = write_card(FACTS).splitlines()[2]

    assert verdict.startswith("**A small skill, and no profit in it at a taker's fees.**")
    assert "54.1%" in verdict
    assert "last candle was right 52.6%" in verdict
    assert "2.3 basis points on average; buying and selling again at the market costs 24" in verdict


def test_a_skill_that_clears_the_costs_is_not_called_small() -> None:
    large = replace(FIGURES, mean_expected_bps=40.0)
    card = write_card(replace(FACTS, walk_forward=replace(JUDGED, pooled=(large,))))

    assert card.splitlines()[2].startswith("**A skill.**")


def test_a_remark_stands_below_the_figures() -> None:
    assert "\n\nChosen among six.\n\n" in write_card(replace(FACTS, remark="Chosen among six."))


def test_no_skill_is_said_in_the_first_line() -> None:
    poor = replace(FIGURES, hit_rate_low=0.498)
    card = write_card(replace(FACTS, walk_forward=replace(JUDGED, pooled=(poor,))))

    assert card.splitlines()[2].startswith("**No skill was found**")


def test_skill_that_only_follows_the_drift_is_no_skill() -> None:
    drifting = replace(FIGURES, always_up_rate=0.54)
    card = write_card(replace(FACTS, walk_forward=replace(JUDGED, pooled=(drifting,))))

    assert "**No skill was found**" in card


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
