"""Where a run's market comes from, and what its model had seen of it."""

import numpy as np
import pytest

from bot.reporting.provenance import Kinship, is_invented, outside_card, training

T0 = 1_704_067_200_000
HOUR = 3_600_000
REAL = "Binance spot, one-hour candles"
MADE = "the seeded market of this program, seed 1001, from 2021-01-01"
SPAN = {"bundle_trained_from_ms": str(T0), "bundle_trained_until_ms": str(T0 + 2 * HOUR)}
CARD = SPAN | {"bundle_symbols": "BTC/USDT", "bundle_timeframe": "1h", "bundle_source": REAL}


def seen(labels: dict[str, str], symbol: str = "BTC/USDT") -> tuple[list[bool], list[bool]]:
    """Which of four candles the model was trained on, and which are of the time of its training."""
    learnt = training(labels)
    assert learnt is not None
    opens = T0 + np.arange(4) * HOUR
    return list(learnt.saw(symbol, opens, HOUR)), list(learnt.overlaps(opens, HOUR))


def test_labels_without_a_span_say_nothing_of_a_training():
    assert training({"bundle": "a"}) is None


@pytest.mark.parametrize(
    ("from_hour", "until_hour", "touched"),
    [(1.0, 2.0, [False, True, False]), (0.5, 1.0, [True, False, False]), (2.9, 9.0, [False, False, True])],
)
def test_a_candle_touches_the_span_when_they_share_an_instant(from_hour, until_hour, touched):
    learnt = training(
        {
            "bundle_trained_from_ms": str(int(T0 + from_hour * HOUR)),
            "bundle_trained_until_ms": str(int(T0 + until_hour * HOUR)),
        }
    )
    assert learnt is not None
    assert list(learnt.saw("BTC/USDT", T0 + np.arange(3) * HOUR, HOUR)) == touched


def test_another_market_was_not_seen_and_is_of_the_same_time():
    trained = [True, True, False, False]
    assert seen(CARD) == (trained, trained)
    assert seen(CARD, "ETH/USDT") == ([False] * 4, trained)


@pytest.mark.parametrize(
    ("market", "source", "kinship"),
    [
        ("recorded candles of a file", REAL, Kinship.SAME),
        ("invented market, seed 7", REAL, Kinship.OTHER_KIND),
        ("recorded candles of a file", MADE, Kinship.OTHER_KIND),
        ("invented market, seed 7", MADE, Kinship.OTHER_SEED),
        ("invented market, seed 1001", MADE, Kinship.SAME),
        ("Invented market of the embedded exchange, from a tape", MADE, Kinship.SAME),
    ],
)
def test_only_a_market_that_may_be_the_trained_one_is_ever_in_sample(market, source, kinship):
    labels = CARD | {"market": market, "bundle_source": source}
    learnt = training(labels)
    assert learnt is not None
    assert learnt.kinship is kinship
    assert any(seen(labels)[1]) is (kinship is Kinship.SAME)


@pytest.mark.parametrize(("market", "made"), [("invented market, seed 1", True), ("a tape of binance", False)])
def test_an_invented_market_is_known_by_its_label(new_run, market, made):
    run = new_run()
    run.label(market=market)
    assert is_invented(run.header) is made


def test_a_model_at_home_needs_no_words(new_run):
    run = new_run()
    run.label(**CARD)
    assert outside_card(run.header) == ""


def test_a_run_without_a_model_needs_none_either(new_run):
    assert outside_card(new_run().header) == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bundle_timeframe": "4h"}, "in candles of 4h from 2024-01-01 to 2024-01-01 (Binance spot, one-hour candles)"),
        ({"bundle_timeframe": "4h"}, "and this run is of candles of 1h."),
        ({"bundle_symbols": "SOL/USDT"}, "and this run trades BTC/USDT, which it never saw."),
        ({"market": "invented market, seed 7"}, "and this run is of an invented market."),
        ({"bundle_source": MADE}, "and this run is of no invented market."),
        ({"bundle_timeframe": "4h", "bundle_symbols": "A/B"}, "is of candles of 1h and trades BTC/USDT, which it"),
    ],
)
def test_whatever_differs_from_the_card_is_said(new_run, changed, words):
    run = new_run()
    run.label(**CARD | changed)
    said = outside_card(run.header)
    assert said.startswith("Outside its card: the model was trained on ")
    assert words in said


def test_what_a_bundle_does_not_say_of_itself_is_not_held_against_it(new_run):
    run = new_run()
    run.label(**SPAN, market="invented market, seed 7")
    assert outside_card(run.header) == ""


def test_many_unseen_markets_are_counted(new_run):
    run = new_run(*(f"{name}/USDT" for name in "ABCDEFG"))
    run.label(**CARD)
    assert "trades 7 markets that it never saw." in outside_card(run.header)


def test_another_seed_of_the_same_generator_is_what_the_card_promises(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    run.label(**CARD | {"market": "invented market, seed 7", "bundle_source": MADE})
    assert outside_card(run.header) == ""
