"""The join of outside series and candles, beside the plainest words for it, on any series."""

from dataclasses import dataclass

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.core.external import Headline, Observation
from strategies.forecasting.external.asof import steps_of_values
from strategies.forecasting.external.readings import ON_CHAIN, earlier_values, steps_of
from strategies.forecasting.external.rows import columns_of
from strategies.forecasting.external.sentiment import news_steps

CANDLE = 10
CLOSES = np.arange(0, 60 * CANDLE, CANDLE, dtype=np.int64)
AGE = 25 * CANDLE


@dataclass(frozen=True)
class Told:
    event: int
    lag: int
    revisions: tuple[int, ...]
    """Lags of later words behind the first one, each behind the one before."""


EVENTS = st.lists(
    st.builds(Told, st.integers(0, 500), st.integers(0, 200), st.lists(st.integers(1, 99), max_size=2).map(tuple)),
    max_size=12,
    unique_by=lambda told: told.event,
)


def rows_of(events: list[Told]) -> list[Observation]:
    rows: list[Observation] = []
    for told in events:
        known = told.event + told.lag
        for revision, lag in enumerate((0, *told.revisions)):
            known += lag
            rows.append(Observation(told.event, known, known, "made", revision, 1.0 + len(rows)))
    return rows


def known_at(rows: list[Observation], close: int) -> list[Observation]:
    """The newest revision known of every event, by event."""
    newest: dict[int, Observation] = {}
    for row in sorted(rows, key=lambda row: row.revision):
        if row.available_at_ms <= close:
            newest[row.event_time_ms] = row
    return [newest[event] for event in sorted(newest)]


def shifted(rows: list[Observation], by: int) -> list[Observation]:
    return [
        Observation(row.event_time_ms, row.available_at_ms + by, row.fetched_at_ms, row.source, row.revision, row.value)
        for row in rows
    ]


@given(EVENTS)
def test_the_join_is_what_its_words_say(events):
    rows = rows_of(events)
    joined = steps_of_values("made", columns_of(rows), AGE).at(CLOSES)
    for at, close in enumerate(CLOSES.tolist()):
        known = known_at(rows, close)
        if known and close - known[-1].event_time_ms <= AGE:
            assert not joined.missing[at]
            assert joined.values[at, 0] == known[-1].value
            assert joined.age_ms[at] == close - known[-1].event_time_ms
        else:
            assert joined.missing[at]


@given(EVENTS, st.sampled_from([30, 70]))
def test_a_comparison_is_of_what_was_known_at_one_moment(events, back):
    rows = rows_of(events)
    columns = columns_of(rows)
    earlier = earlier_values(columns, back)
    for at, moment in enumerate(columns.available_at_ms.tolist()):
        if moment in columns.available_at_ms[at + 1 :]:
            continue  # of rows of one moment, the last one counts
        known = known_at(rows, moment)
        newest = known[-1].event_time_ms
        before = [row for row in known if back <= newest - row.event_time_ms]
        expected = before[-1] if before and newest - before[-1].event_time_ms <= 2 * back else None
        assert np.isnan(earlier[at]) if expected is None else earlier[at] == expected.value


@given(EVENTS, st.integers(0, 59))
def test_what_becomes_available_later_changes_nothing_before(events, place):
    rows, close = rows_of(events), int(CLOSES[place])
    past = [row for row in rows if row.available_at_ms <= close]
    for make in (lambda told: steps_of_values("made", columns_of(told), AGE), lambda told: steps_of(ON_CHAIN[0], told)):
        seen = make(rows).features(CLOSES[: place + 1])
        assert seen.tobytes() == make(past).features(CLOSES[: place + 1]).tobytes()


@given(EVENTS)
def test_availability_a_candle_later_is_the_join_of_a_candle_before(events):
    rows = rows_of(events)
    forever = 10_000
    prompt = steps_of_values("made", columns_of(rows), forever).at(CLOSES)
    late = steps_of_values("made", columns_of(shifted(rows, CANDLE)), forever).at(CLOSES)
    np.testing.assert_array_equal(late.values[1:], prompt.values[:-1])
    # So the two differ wherever something became known within a candle, and nowhere else.
    assume(any(row.available_at_ms <= CLOSES[-1] for row in rows))
    assert not np.array_equal(late.values, prompt.values, equal_nan=True)


@given(st.permutations(rows_of([Told(at, lag, (7,)) for at, lag in ((0, 50), (20, 10), (40, 10), (60, 90))])))
def test_the_order_of_the_rows_does_not_matter(rows):
    told = sorted(rows, key=lambda row: row.value)
    features = steps_of(ON_CHAIN[0], rows).features(CLOSES)
    assert features.tobytes() == steps_of(ON_CHAIN[0], told).features(CLOSES).tobytes()


@given(
    st.lists(st.tuples(st.integers(0, 500), st.lists(st.integers(1, 99), max_size=2)), max_size=8),
    st.integers(0, 59),
)
def test_news_are_those_of_the_window_and_of_no_later_time(stories, place):
    headlines, window = [], 12 * CANDLE
    for key, (first, lags) in enumerate(stories):
        known = first
        for revision, lag in enumerate((0, *lags)):
            known += lag
            text = ("Bitcoin soars", "Exchange hacked", "Bitcoin moves")[revision]
            headlines.append(Headline(0, known, known, "made", revision, str(key), text))
    close = int(CLOSES[place])
    joined = news_steps("news", headlines, window).at(CLOSES[place : place + 1])
    alive = [key for key, (first, _) in enumerate(stories) if first <= close < first + window]
    assert joined.missing[0] == (not alive)
    if alive:
        assert round(float(np.expm1(joined.values[0, 1]))) == len(alive)
        past = [headline for headline in headlines if headline.available_at_ms <= close]
        seen = news_steps("news", past, window).at(CLOSES[place : place + 1])
        assert seen.values.tobytes() == joined.values.tobytes()
