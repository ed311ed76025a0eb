"""What is news in what a source says, and which revision it is."""

import pytest
from msgspec.structs import replace

from bot.adapters.external.revisions import Known
from bot.core.errors import DataError
from bot.core.external import ExternalRow, Headline, Observation


def said(event_ms: int, value: float, available_ms: int, fetched_ms: int = 1_000) -> Observation:
    return Observation(event_ms, available_ms, fetched_ms, "made", 0, value)


def numbered(rows: list[ExternalRow]) -> list[tuple[int, float | str, int]]:
    return [(row.revision, row.said, row.available_at_ms) for row in rows]


def test_a_value_that_is_heard_again_is_no_news():
    known = Known()
    assert numbered(known.hear([said(1, 5.0, 10)])) == [(0, 5.0, 10)]
    assert known.hear([said(1, 5.0, 10, 2_000)]) == []
    assert known.count == 1


def test_another_value_is_known_from_when_it_was_heard():
    known = Known([said(1, 5.0, 10)])
    assert numbered(known.hear([said(1, 6.0, 10, 2_000)])) == [(1, 6.0, 2_000)]


def test_a_value_that_comes_back_is_a_revision_more():
    known = Known([said(1, 5.0, 10)])
    known.hear([said(1, 6.0, 10, 2_000)])
    assert numbered(known.hear([said(1, 5.0, 10, 3_000)])) == [(2, 5.0, 3_000)]


def test_a_revision_is_never_known_before_what_it_revises():
    known = Known([said(1, 5.0, 9_000)])
    assert numbered(known.hear([said(1, 6.0, 10, 2_000)])) == [(1, 6.0, 9_000)]


def test_the_later_word_of_one_answer_stands():
    assert numbered(Known().hear([said(1, 5.0, 10), said(1, 6.0, 10)])) == [(0, 6.0, 10)]


def test_another_text_under_the_same_key_is_a_revision():
    known = Known([Headline(1, 10, 10, "made", 0, "key", "old")])
    assert numbered(known.hear([Headline(2, 20, 30, "made", 0, "key", "new")])) == [(1, "new", 30)]


def test_a_file_says_itself_when_each_revision_was_known():
    known = Known()
    rows = [said(1, 6.0, 50), said(1, 5.0, 10), said(2, 7.0, 20)]
    assert numbered(known.read(rows)) == [(0, 5.0, 10), (0, 7.0, 20), (1, 6.0, 50)]
    assert known.read(rows) == []


def test_the_same_value_said_later_is_no_revision():
    rows = [replace(said(1, 5.0, known_ms), stated=True) for known_ms in (10, 50)]
    assert numbered(Known().read(rows)) == [(0, 5.0, 10)]


def test_another_delay_is_no_agreement():
    known = Known([said(1, 5.0, 10)])
    with pytest.raises(DataError, match="known from 10 on and not from 50: give the same --delay"):
        known.read([said(1, 5.0, 50)])


def test_a_file_that_contradicts_what_is_known_is_refused():
    known = Known([said(1, 5.0, 10)])
    with pytest.raises(DataError, match=r"6.0 at 1, available at 10, contradicts 5.0 of revision 0"):
        known.read([said(1, 6.0, 10)])
