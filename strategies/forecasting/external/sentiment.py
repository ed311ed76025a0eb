"""
The tone of headlines, scored offline, and what of it was known when.

VADER's lexicon and rules (Hutto and Gilbert 2014, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of
Social Media Text", ICWSM-14) with our words. A headline counts from when it was available until its window is over;
once it is revised, the new text counts in place of the old. The extra `external` brings the library, which holds the
lexicon and asks no network.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.errors import ConfigError
from bot.core.external import Headline
from strategies.forecasting.external.asof import KnownSteps
from strategies.forecasting.external.lexicon import PHRASES, WORDS

SCALE: Final = 10_000
"""Scores are whole ten-thousandths, which is what VADER rounds to: sums of them are exact in any order."""

HOUR_MS: Final = 3_600_000
WINDOWS_MS: Final = (4 * HOUR_MS, 24 * HOUR_MS)


def lexicon_version() -> str:
    """The sha256 of our words and the library's release, in hex: scores of two versions must not be mixed."""
    told = [version("nltk-vader-sentiment")]
    told += [f"{word}={valence}" for each in (WORDS, PHRASES) for word, valence in sorted(each.items())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def score_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    """
    The tone of each text, `(n,)` int64, from -10,000 to 10,000.

    Raises:
        ConfigError: The library is not installed.
    """
    scores_of = _analyzer()
    return np.array([round(scores_of(text)["compound"] * SCALE) for text in texts], dtype=np.int64)


@cache
def _analyzer() -> Callable[[str], Mapping[str, float]]:
    """VADER with our words; immutable, and made once because it copies its whole lexicon."""
    try:
        from vader import SentimentIntensityAnalyzer
    except ImportError as error:
        raise ConfigError("scoring headlines needs VADER: install candlewick[external]") from error
    phrases = {**SentimentIntensityAnalyzer().multiword, **PHRASES}
    return SentimentIntensityAnalyzer(extra_lexicon=WORDS, multiword=phrases).polarity_scores


def news_steps(name: str, headlines: Iterable[Headline], window_ms: int) -> KnownSteps:
    """
    Count and mean tone of the headlines of the last `window_ms`, from each moment at which they change.

    The values are `tone`, from -1 to 1, NaN where there is no headline, and `count`, the logarithm of one more than
    their number. The age is that of the newest headline's availability, and the window is the maximum.

    Raises:
        ConfigError: The library that scores is not installed.
    """
    shown = _shown(headlines, window_ms)
    scores = score_texts([headline.text for _, _, headline in shown])
    begins = np.array([begin for begin, _, _ in shown], dtype=np.int64)
    ends = np.array([end for _, end, _ in shown], dtype=np.int64)
    moments = np.unique(np.concatenate((begins, ends)))
    total = _running(begins, scores, moments) - _running(ends, scores, moments)
    count = _running(begins, np.ones_like(scores), moments) - _running(ends, np.ones_like(scores), moments)
    tone = np.divide(total / SCALE, count, out=np.full(len(moments), np.nan), where=count > 0)
    newest = np.sort(begins)[np.searchsorted(np.sort(begins), moments, side="right") - 1]
    return KnownSteps(name, ("tone", "count"), moments, newest, np.column_stack((tone, np.log1p(count))), window_ms)


def _shown(headlines: Iterable[Headline], window_ms: int) -> list[tuple[int, int, Headline]]:
    """From when until when each text counts: until it is revised, or its window is over."""
    by_key: dict[tuple[str, str], list[Headline]] = defaultdict(list)
    for headline in headlines:
        by_key[headline.source, headline.key].append(headline)
    shown = []
    for told in by_key.values():
        told.sort(key=lambda headline: headline.revision)
        over_ms = told[0].available_at_ms + window_ms
        for place, headline in enumerate(told):
            until_ms = min(over_ms, *(later.available_at_ms for later in told[place + 1 :]), over_ms)
            if headline.available_at_ms < until_ms:
                shown.append((headline.available_at_ms, until_ms, headline))
    return shown


def _running(times: NDArray[np.int64], amounts: NDArray[np.int64], moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of the amounts up to and at each moment."""
    order = np.argsort(times, kind="stable")
    sums = np.concatenate(([0], np.cumsum(amounts[order])))
    found: NDArray[np.int64] = sums[np.searchsorted(times[order], moments, side="right")]
    return found
