"""A row of the outside world: what cannot be is refused, and the strictest history is that of first sight."""

from math import inf, nan

import pytest

from bot.core.errors import DataError
from bot.core.external import Headline, Observation, as_first_seen, came_late


@pytest.mark.parametrize(
    ("event_ms", "available_ms", "fetched_ms", "revision"),
    [(10, 9, 20, 0), (-1, 5, 20, 0), (1, 5, -1, 0), (1, 5, 20, -1)],
)
def test_a_row_is_not_known_before_it_happens(event_ms, available_ms, fetched_ms, revision):
    with pytest.raises(DataError, match="known when it has happened, not before"):
        Observation(event_ms, available_ms, fetched_ms, "made", revision, 1.0)
    with pytest.raises(DataError, match="known when it has happened, not before"):
        Headline(event_ms, available_ms, fetched_ms, "made", revision, "key", "text")


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_value_is_a_number(value):
    with pytest.raises(DataError, match="no number"):
        Observation(1, 2, 3, "made", 0, value)


@pytest.mark.parametrize(("key", "text"), [("", "text"), ("key", "")])
def test_a_headline_has_words_and_is_known_by_something(key, text):
    with pytest.raises(DataError, match="no key or no text"):
        Headline(1, 2, 3, "made", 0, key, text)


def test_in_the_strictest_history_nothing_is_known_before_it_was_fetched():
    rows = [Observation(1, 2, 30, "made", 0, 1.0), Observation(1, 50, 40, "made", 1, 2.0)]
    assert [row.available_at_ms for row in as_first_seen(rows)] == [30, 50]
    assert [row.value for row in as_first_seen(rows)] == [1.0, 2.0]


def test_who_states_when_a_row_was_known_is_taken_at_his_word():
    (row,) = as_first_seen([Observation(1, 2, 30, "made", 0, 1.0, stated=True)])
    assert row.available_at_ms == 2


def test_a_row_that_came_a_week_after_it_was_known_came_late():
    week_ms = 7 * 86_400_000
    assert came_late(Observation(1, 2, 2 + week_ms, "made", 0, 1.0))
    assert not came_late(Observation(1, 2, 1 + week_ms, "made", 0, 1.0))
