"""The tone of headlines: our words count, a revised text counts in place of the old, and a window ends."""

import numpy as np
import pytest

from bot.core.external import Headline
from strategies.forecasting.external import lexicon, sentiment
from strategies.forecasting.external.sentiment import SCALE, lexicon_version, news_steps, score_texts

HOUR_MS = 3_600_000
GOOD, BAD, DULL = "Bitcoin soars", "Exchange hacked, funds stolen", "Bitcoin moves sideways"


def told(key: str, text: str, hour: float, revision: int = 0) -> Headline:
    known_ms = round(hour * HOUR_MS)
    return Headline(0, known_ms, known_ms, "made", revision, key, text)


def tone_and_count(headlines: list[Headline], hours: list[float], window_hours: int = 4) -> list[tuple[float, int]]:
    steps = news_steps("news", headlines, window_hours * HOUR_MS)
    joined = steps.at(np.array([round(hour * HOUR_MS) for hour in hours], dtype=np.int64))
    return [(round(tone * SCALE), round(np.expm1(count))) for tone, count in joined.values[~joined.missing]]


@pytest.mark.parametrize(
    "text",
    [
        "Bitcoin plunges below $20K as liquidations mount",
        "Stablecoin depegs after bank run",
        "Lender halts withdrawals",
        "Exchange delists token after exploit",
        "Regulator sues exchange",
        "Miner files for bankruptcy",
    ],
)
def test_bad_news_is_bad(text):
    assert score_texts([text])[0] < -3_000


@pytest.mark.parametrize(
    "text",
    [
        "Bitcoin rallies to a record high",
        "Regulator approves spot Bitcoin ETF",
        "Ethereum surges on record inflows",
        "Altcoins rebound as bulls return",
    ],
)
def test_good_news_is_good(text):
    assert score_texts([text])[0] > 3_000


@pytest.mark.parametrize("text", [DULL, "Grayscale Bitcoin Trust shares", "Block issues a security token", ""])
def test_words_of_the_trade_are_no_feelings(text):
    assert score_texts([text])[0] == 0


def test_not_turns_a_word_around():
    assert score_texts(["Bitcoin does not crash"])[0] > 0


def test_a_headline_counts_until_its_window_is_over():
    good = score_texts([GOOD])[0]
    assert tone_and_count([told("a", GOOD, 1)], [1, 4.99]) == [(good, 1), (good, 1)]
    assert tone_and_count([told("a", GOOD, 1)], [0.99, 5]) == []


def test_the_tone_is_the_mean_and_the_count_says_of_how_many():
    good, bad = score_texts([GOOD, BAD])
    mean = round((good + bad) / 2)
    assert tone_and_count([told("a", GOOD, 1), told("b", BAD, 2)], [1, 2, 5]) == [(good, 1), (mean, 2), (bad, 1)]


def test_a_revised_text_counts_in_place_of_the_old_and_no_longer():
    good, bad = score_texts([GOOD, BAD])
    headlines = [told("a", GOOD, 1), told("a", BAD, 3, revision=1)]
    assert tone_and_count(headlines, [2.99, 3, 4.99]) == [(good, 1), (bad, 1), (bad, 1)]
    assert tone_and_count(headlines, [5]) == []
    assert tone_and_count([told("a", GOOD, 1), told("a", BAD, 9, revision=1)], [9]) == []


def test_the_age_is_that_of_the_newest_headline():
    steps = news_steps("news", [told("a", GOOD, 1), told("b", DULL, 3)], 4 * HOUR_MS)
    assert steps.features(np.array([2, 3, 5]) * HOUR_MS)[:, -1].tolist() == [0.25, 0.0, 0.5]
    assert steps.columns == ("news_tone", "news_count", "news_missing", "news_age")


def test_another_word_is_another_version(monkeypatch):
    version = lexicon_version()
    assert version == lexicon_version()
    monkeypatch.setattr(sentiment, "WORDS", {**lexicon.WORDS, "candlewick": 1.0})
    assert lexicon_version() != version


@pytest.mark.parametrize("words", [lexicon.WORDS, lexicon.PHRASES])
def test_our_words_are_small_and_on_the_scale(words):
    assert all(word == word.lower().strip() and -4.0 <= valence <= 4.0 for word, valence in words.items())


def test_a_phrase_is_several_words():
    assert all(" " in phrase for phrase in lexicon.PHRASES)
    assert not any(" " in word for word in lexicon.WORDS)
