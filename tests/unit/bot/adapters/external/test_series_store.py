"""Files that only grow: what was written is read back, whatever cut the writing short."""

import errno
import os
from pathlib import Path

import pytest

from bot.adapters.external.listing import facts_of
from bot.adapters.external.series_store import SeriesName, SeriesStore, merged, series_name
from bot.core.errors import ConfigError, DataError, StorageError
from bot.core.external import ExternalRow, Headline, Observation
from bot.core.market import DAY_MS

SERIES = SeriesName("made", "up.Series-1")
ROWS: tuple[ExternalRow, ...] = (
    Observation(1, 2, 3, "made; by rule", 0, 0.1),
    Headline(4, 5, 6, "made; by rule", 0, "key", "line\u2028feeds \n and “quotes”"),
    Observation(1, 9, 9, "made; by rule", 1, 1e300),
)


def write(folder: Path, rows: tuple[ExternalRow, ...] = ROWS, asked: tuple[int, int] | None = None) -> Path:
    store = SeriesStore(folder)
    with store.writing(SERIES) as writer:
        writer.append(rows, asked)
    return store.path(SERIES)


def test_what_is_written_is_read_back(tmp_path):
    write(tmp_path, asked=(0, 100))
    write(tmp_path, (), asked=(100, 200))
    stored = SeriesStore(tmp_path).read(SERIES)
    assert stored.rows == ROWS
    assert stored.asked == ((0, 200),)
    assert SeriesStore(tmp_path).series() == (SERIES,)


def test_the_same_rows_are_the_same_bytes(tmp_path):
    assert write(tmp_path / "one").read_bytes() == write(tmp_path / "two").read_bytes()


def test_lines_are_added_and_never_changed(tmp_path):
    before = write(tmp_path).read_bytes()
    more = (Observation(7, 8, 9, "made", 0, 3.0),)
    assert write(tmp_path, more).read_bytes().startswith(before)


def test_a_row_that_states_when_it_was_known_says_so_and_another_is_written_as_ever(tmp_path):
    rows = tuple(Observation(at, at, 9, "made", 0, 1.0, stated=at == 2) for at in (1, 2))
    lines = write(tmp_path, rows).read_text().splitlines()
    assert ["stated" in line for line in lines[-2:]] == [False, True]
    assert [row.stated for row in SeriesStore(tmp_path).read(SERIES).rows[-2:]] == [False, True]


def test_a_series_that_is_not_there_has_no_rows(tmp_path):
    assert SeriesStore(tmp_path).read(SERIES).rows == ()


def test_a_file_that_is_cut_anywhere_has_its_whole_lines_and_can_be_gone_on_with(tmp_path):
    whole = write(tmp_path, asked=(0, 100)).read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole)):
        path = SeriesStore(tmp_path).path(SERIES)
        path.write_bytes(whole[:length])
        kept = max(whole[:length].count(b"\n") - 1, 0)
        assert SeriesStore(tmp_path).read(SERIES).rows == ROWS[:kept]
        if length % 37 == 0:
            with SeriesStore(tmp_path).writing(SERIES) as writer:
                writer.append(writer.known.hear(ROWS[kept:2]), (0, 100))
            assert path.read_bytes() == b"".join((*lines[: max(3, kept + 1)], lines[-1]))


def test_only_one_process_writes_a_series(tmp_path):
    with (
        SeriesStore(tmp_path).writing(SERIES),
        pytest.raises(StorageError, match="another process is writing"),
        SeriesStore(tmp_path).writing(SERIES),
    ):
        pass
    write(tmp_path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda lines: [*lines[:2], b'{"type":"number"}\n', *lines[2:]], "line 3: .*missing required field"),
        (
            lambda lines: [lines[0], lines[1].replace(b'"available_at_ms":2', b'"available_at_ms":0')],
            "line 2: .*not before",
        ),
        (lambda lines: [lines[0], b"\n"], "line 2: "),
        (lambda lines: [lines[0], lines[0]], "line 2: a second title"),
        (lambda lines: lines[1:], "does not hold made/up.Series-1"),
        (lambda lines: [lines[0].replace(b"made", b"mine"), *lines[1:]], "does not hold made/up.Series-1"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, damage, words):
    path = write(tmp_path)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(DataError, match=words):
        SeriesStore(tmp_path).read(SERIES)
    with pytest.raises(DataError, match=words), SeriesStore(tmp_path).writing(SERIES):
        pass


def test_a_file_with_a_foreign_name_is_pointed_at(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "what is this.jsonl").touch()
    with pytest.raises(DataError, match="take it out of the store"):
        SeriesStore(tmp_path).series()


def test_a_full_disk_loses_nothing_that_was_there(tmp_path, monkeypatch):
    path = write(tmp_path)
    before = path.read_bytes()
    write_really = os.write

    def refuse(descriptor: int, data: bytes) -> int:
        if len(data) > 40:
            return write_really(descriptor, bytes(data)[:40])
        raise OSError(errno.ENOSPC, "No space left on device")

    with SeriesStore(tmp_path).writing(SERIES) as writer:
        monkeypatch.setattr(os, "write", refuse)
        with pytest.raises(StorageError, match="No space left on device; what was there before is kept"):
            writer.append((Observation(7, 8, 9, "x" * 70, 0, 3.0),))
    monkeypatch.undo()
    assert SeriesStore(tmp_path).read(SERIES).rows == ROWS
    write(tmp_path, ())
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "made", "made/", "/up", "a/b/c", "../up", "made/..", "made/.up", "made/u p", "a/" + 61 * "x"]
)
def test_a_name_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="SOURCE/NAME"):
        series_name(text)


def test_spans_that_touch_are_one():
    assert merged([(5, 7), (0, 2), (2, 3), (6, 9), (9, 9)]) == ((0, 3), (5, 9))


def test_the_facts_count_revisions_and_what_was_fetched_late(tmp_path):
    late = Observation(20, 30, 30 + 7 * DAY_MS, "made; otherwise", 0, 3.0)
    write(tmp_path, (*ROWS, late))
    facts = facts_of(SeriesStore(tmp_path).read(SERIES))
    assert (facts.rows, facts.revisions, facts.back_filled) == (4, 1, 1)
    assert (facts.first_ms, facts.last_ms) == (1, 20)
    assert facts.sources == ("made; by rule", "made; otherwise")
