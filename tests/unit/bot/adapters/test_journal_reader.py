"""The journal as it is read: beside a writer, from read-only folders, and never past a block that was altered."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bot.adapters.journal import Journal
from bot.adapters.journal_format import FIRST_SEAL, Block, array_of
from bot.adapters.journal_reader import read_run
from bot.core.errors import JournalError
from bot.core.events import CandleClosed
from bot.core.run_record import RunRecord
from tests.unit.bot.adapters.journal_samples import HEADER, HOUR_MS, SYMBOL, closed, decided


def write_run(folder: Path, hours: int = 4) -> None:
    """One block for the header and one for each hour."""
    with closing(Journal.create(folder, HEADER, synchronous="NORMAL", block_records=1)) as journal:
        for hour in range(hours):
            journal.append(closed(hour))
            journal.observe(decided(hour))
            journal.step_done()


def alter(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db, db:
        db.execute(statement, values)


def test_a_stored_run_is_a_run_record(tmp_path):
    write_run(tmp_path)
    record: RunRecord = read_run(tmp_path)
    assert record.header == HEADER
    assert list(record.records()) == list(record.records())


def test_a_run_is_read_while_it_is_written_as_it_stood_when_it_was_opened(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        journal.append(closed(0))
        journal.commit()
        early, fingerprint = read_run(tmp_path), journal.events_sha256()
        half_read = early.records()
        assert next(half_read) == HEADER
        journal.append(closed(1))
        journal.commit()
        assert list(half_read) == [closed(0)]
        assert list(early.records()) == [HEADER, closed(0)]
        assert early.events_sha256 == fingerprint
        assert list(read_run(tmp_path).records()) == [HEADER, closed(0), closed(1)]


def test_a_reader_that_stops_half_way_lets_the_file_go(tmp_path):
    write_run(tmp_path)
    records = read_run(tmp_path).records()
    next(records)
    records.close()
    alter(tmp_path, "DELETE FROM blocks WHERE id = 5")
    assert read_run(tmp_path).blocks == 4


def test_reading_changes_nothing_in_the_folder(tmp_path):
    write_run(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    list(read_run(tmp_path).records())
    assert (tmp_path / "journal.sqlite").read_bytes() == before["journal.sqlite"]


def test_a_read_only_folder_is_read(tmp_path):
    folder = tmp_path / "a run, 100 % finished? #1"
    write_run(folder)
    (folder / "run.lock").unlink()
    (folder / "journal.sqlite").chmod(0o400)
    folder.chmod(0o500)
    try:
        assert len(list(read_run(folder).records())) == 9
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blocks SET data = CAST(data || x'00' AS BLOB) WHERE id = 3",
        "UPDATE blocks SET data = (SELECT data FROM blocks WHERE id = 4) WHERE id = 3",
        "UPDATE blocks SET observations = x'90' WHERE id = 3",
        "UPDATE blocks SET first_event = 7 WHERE id = 3",
        "UPDATE blocks SET records = 2 WHERE id = 3",
        "UPDATE blocks SET length = length + 1 WHERE id = 3",
        "UPDATE blocks SET events_sha256 = zeroblob(32) WHERE id = 3",
        "UPDATE blocks SET sha256 = zeroblob(32) WHERE id = 3",
        "DELETE FROM blocks WHERE id = 3",
    ],
)
def test_an_altered_block_is_named_by_reader_and_writer(tmp_path, statement):
    write_run(tmp_path)
    alter(tmp_path, statement)
    run = read_run(tmp_path)
    with pytest.raises(JournalError, match=r"block 3 of the journal is .*: restore journal.sqlite from a copy"):
        list(run.records())
    with pytest.raises(JournalError, match="block 3 of the journal is"):
        Journal.resume(tmp_path, synchronous="NORMAL")


def test_exchanged_blocks_are_found(tmp_path):
    write_run(tmp_path)
    for old, new in ((3, 99), (4, 3), (99, 4)):
        alter(tmp_path, "UPDATE blocks SET id = ? WHERE id = ?", new, old)
    with pytest.raises(JournalError, match="block 3 of the journal is not what was written"):
        list(read_run(tmp_path).records())


def no_file(folder: Path) -> None:
    folder.rmdir()


def empty_file(folder: Path) -> None:
    (folder / "journal.sqlite").touch()


def text_file(folder: Path) -> None:
    (folder / "journal.sqlite").write_text("time,open,high,low,close\n" * 50)


def foreign_database(folder: Path) -> None:
    alter(folder, "CREATE TABLE trades (id INTEGER)")


def later_format(folder: Path) -> None:
    write_run(folder)
    alter(folder, "UPDATE meta SET value = '2'")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (no_file, "holds no journal: name the folder of a run"),
        (empty_file, "is no journal: name the folder of a run"),
        (text_file, "is damaged or no journal"),
        (foreign_database, "is no journal: name the folder of a run"),
        (later_format, "has journal format 2, and this version reads format 1: use the version that wrote it"),
    ],
)
def test_what_is_no_journal_is_refused_in_one_sentence_and_left_alone(tmp_path, make, sentence):
    folder = tmp_path / "run"
    folder.mkdir()
    make(folder)
    before = [(file.name, file.read_bytes()) for file in folder.iterdir()] if folder.exists() else None
    for open_run in (read_run, lambda folder: Journal.resume(folder, synchronous="NORMAL")):
        with pytest.raises(JournalError, match=sentence) as error:
            open_run(folder)
        assert "\n" not in str(error.value)
    if before:
        assert [(name, (folder / name).read_bytes()) for name, _ in before] == before


def add_block(folder: Path, change: Callable[[Block], Block]) -> None:
    """Append a block, honestly sealed, that this version would not write."""
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db, db:
        last = Block(*db.execute("SELECT * FROM blocks ORDER BY id DESC").fetchone())
        bare = Block(last.number + 1, last.first_event + 1, 0, 5, array_of([]), array_of([]), last.events_sha256)
        block = change(bare).sealed(last.sha256 if last.number else FIRST_SEAL)
        db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(block))


def test_records_of_an_older_version_that_knew_fewer_fields_are_read(tmp_path):
    write_run(tmp_path, hours=1)
    short_candle = [HOUR_MS, 1.0, 2.0, 0.5, 1.5, 3.0]
    data = array_of([msgspec.msgpack.encode(["CandleClosed", 2 * HOUR_MS, SYMBOL, short_candle])])
    add_block(tmp_path, lambda block: msgspec.structs.replace(block, records=1, length=len(data), data=data))
    newest = list(read_run(tmp_path).records())[-1]
    assert isinstance(newest, CandleClosed)
    assert not newest.candle.filled


def test_a_record_of_a_newer_version_is_refused_by_its_block(tmp_path):
    write_run(tmp_path, hours=1)
    data = array_of([msgspec.msgpack.encode(["MoonLanded", 1])])
    add_block(tmp_path, lambda block: msgspec.structs.replace(block, records=1, length=len(data), data=data))
    with pytest.raises(JournalError, match=r"block 3 .* that this version does not know .*MoonLanded"):
        list(read_run(tmp_path).records())


def test_a_run_whose_events_were_fingerprinted_otherwise_is_read_but_not_gone_on_with(tmp_path):
    write_run(tmp_path, hours=1)
    add_block(tmp_path, lambda block: msgspec.structs.replace(block, events_sha256=bytes(32)))
    assert len(list(read_run(tmp_path).records())) == 3
    with pytest.raises(JournalError, match="fingerprints events in another way"):
        Journal.resume(tmp_path, synchronous="NORMAL")
