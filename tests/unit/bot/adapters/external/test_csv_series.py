"""Files of rows: their own times count, a delay is stated, and nonsense is named with its place."""

import gzip
from pathlib import Path

import pytest

from bot.adapters.external.collecting import import_rows
from bot.adapters.external.csv_series import Timing, read_headlines, read_numbers
from bot.adapters.external.series_store import SeriesName, SeriesStore
from bot.core.errors import ConfigError, DataError
from bot.core.external import Headline
from bot.core.market import DAY_MS
from tests.outside_world import FIRST_MS, HOUR_MS

NOW_MS = FIRST_MS + 100 * DAY_MS
SERIES = SeriesName("csv", "mine")


def written(folder: Path, text: str, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_file_says_when_each_row_was_known(tmp_path, name, delimiter):
    text = "event_time,available_at,value\n2024-01-01,2024-01-02T04:00:00Z,1.5\n2024-01-02,1704337200,2\n"
    read = read_numbers(
        written(tmp_path, text.replace(",", delimiter), name), Timing("event_time", "available_at"), "value", NOW_MS
    )
    assert [(row.event_time_ms - FIRST_MS, row.available_at_ms - FIRST_MS, row.said) for row in read.rows] == [
        (0, 28 * HOUR_MS, 1.5),
        (DAY_MS, 75 * HOUR_MS, 2.0),
    ]
    assert {row.source for row in read.rows} == {f"{name}; available at its column available_at"}
    assert {(row.fetched_at_ms, row.stated) for row in read.rows} == {(NOW_MS, True)}


def test_another_delay_for_rows_that_are_there_is_refused(tmp_path):
    path, store = written(tmp_path, "day,v\n2024-01-01,1\n"), SeriesStore(tmp_path)
    soon, later = (read_numbers(path, Timing("day", delay_ms=n * HOUR_MS), "v", NOW_MS).rows for n in (1, 36))
    import_rows(store, SERIES, soon)
    assert import_rows(store, SERIES, soon).added == 0
    with pytest.raises(DataError, match=r"is here already, known from .*: give the same --delay"):
        import_rows(store, SERIES, later)


def test_a_delay_is_added_and_stated(tmp_path):
    path = written(tmp_path, "day,v\n2024-01-01,1\n")
    (row,) = read_numbers(path, Timing("day", delay_ms=36 * HOUR_MS), "v", NOW_MS).rows
    assert row.available_at_ms == FIRST_MS + 36 * HOUR_MS
    assert row.source == "rows.csv; available at its event, 129,600 s later"
    assert not row.stated


def test_the_event_named_twice_states_nothing(tmp_path):
    path = written(tmp_path, "day,v,title,url\n2024-01-01,1,One,u1\n")
    (row,) = read_numbers(path, Timing("day", "day"), "v", NOW_MS).rows
    (headline,) = read_headlines(path, Timing("day", "day"), "title", "url", NOW_MS).rows
    assert not row.stated
    assert not headline.stated


def test_rows_with_an_empty_cell_are_left_out_and_counted(tmp_path):
    path = written(tmp_path, "day,known,v\n2024-01-01,2024-01-02,\n2024-01-02,,5\n2024-01-03,2024-01-04,6\n")
    read = read_numbers(path, Timing("day", "known"), "v", NOW_MS)
    assert ([row.said for row in read.rows], read.left_out) == ([6.0], 2)


def test_a_revision_in_a_file_stands_beside_what_it_revises(tmp_path):
    path = written(tmp_path, "day,known,v\n2024-01-01,2024-01-05,2\n2024-01-01,2024-01-02,1\n")
    rows = read_numbers(path, Timing("day", "known"), "v", NOW_MS).rows
    store = SeriesStore(tmp_path)
    assert (import_rows(store, SERIES, rows).added, import_rows(store, SERIES, rows).added) == (1, 0)
    assert [(row.revision, row.said) for row in store.read(SERIES).rows] == [(0, 1.0), (1, 2.0)]


def test_a_file_that_contradicts_the_store_changes_nothing(tmp_path):
    store, timing = SeriesStore(tmp_path), Timing("day", delay_ms=HOUR_MS)
    import_rows(store, SERIES, read_numbers(written(tmp_path, "day,v\n2024-01-01,1\n"), timing, "v", NOW_MS).rows)
    before = store.path(SERIES).read_bytes()
    other = read_numbers(written(tmp_path, "day,v\n2024-01-01,2\n2024-01-02,3\n"), timing, "v", NOW_MS).rows
    with pytest.raises(DataError, match="contradicts"):
        import_rows(store, SERIES, other)
    assert store.path(SERIES).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("day,known,v\n2024-01-02,2024-01-01,5\n", "row 2: known at 1704067200000 ms, before it happened"),
        ("day,known,v\n2024-01-01,2024-01-02,1\n2024-01-02,2024-01-03,x\n", "row 3, column 'v'"),
        ("day,known,v\n2024-01-01,soon,5\n", "row 2, column 'known'"),
        ("day,known,v\n2024-01-01,2024-01-02\n", "row 2: 2 cells where the header has 3"),
        ("day,known,v\n2024-01-01,2024-01-02,inf\n", "no number"),
    ],
)
def test_nonsense_is_named_with_its_place(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_numbers(written(tmp_path, text), Timing("day", "known"), "v", NOW_MS)


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no column 'known'; its columns are day, v"):
        read_numbers(written(tmp_path, "day,v\n"), Timing("day", "known"), "v", NOW_MS)


def test_a_damaged_file_is_refused(tmp_path):
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress(b"day,v\n2024-01-01,1\n")[:-9])
    with pytest.raises(DataError, match="cannot be unpacked"):
        read_numbers(torn, Timing("day"), "v", NOW_MS)
    with pytest.raises(DataError, match="cannot be read"):
        read_numbers(tmp_path / "none.csv", Timing("day"), "v", NOW_MS)
    (tmp_path / "bytes.csv").write_bytes(b"day,v\n\xff,1\n")
    with pytest.raises(DataError, match="not CSV in UTF-8"):
        read_numbers(tmp_path / "bytes.csv", Timing("day"), "v", NOW_MS)


def test_a_headline_of_a_day_counts_when_the_day_is_over(tmp_path):
    path = written(tmp_path, "date;title;url\n1-1-2024 00:00;One;u1\n1-1-2024 04:24;Two, <b>x</b>;u2\n;Three;u3\n")
    read = read_headlines(path, Timing("date", delay_ms=60_000, pattern="%d-%m-%Y %H:%M"), "title", "url", NOW_MS)
    assert read.left_out == 1
    one, two = read.rows
    assert isinstance(one, Headline)
    assert isinstance(two, Headline)
    assert (one.available_at_ms - FIRST_MS, two.available_at_ms - FIRST_MS) == (DAY_MS + 60_000, 264 * 60_000 + 60_000)
    assert (two.key, two.text) == ("u2", "Two, x")


def test_a_time_of_another_form_is_named_with_its_place(tmp_path):
    path = written(tmp_path, "date,title,url\n2024/01/01,One,u1\n")
    with pytest.raises(DataError, match=r"row 2, column 'date'.*a time of the form %d-%m-%Y"):
        read_headlines(path, Timing("date", pattern="%d-%m-%Y"), "title", "url", NOW_MS)
