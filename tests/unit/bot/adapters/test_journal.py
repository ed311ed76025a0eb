"""The journal as it is written: blocks, recovery, the fingerprint of events, one writer at a time."""

import os
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.core.commands import Deed, Observation
from bot.core.errors import JournalError, StorageError
from bot.core.events import SESSION_EVENTS, AnyEvent, Backfilled, ForecastReady, SessionStarted
from tests.unit.bot.adapters.journal_samples import (
    DEEDS,
    EVENTS,
    HEADER,
    HOUR_MS,
    OBSERVATIONS,
    SYMBOL,
    candle,
    closed,
    decided,
    forecast,
    keep,
    marked,
    submitted,
)

NOTHING_HASHED = sha256().hexdigest()


def stored(folder: Path) -> list[AnyEvent | Deed | Observation]:
    return list(read_run(folder).records())


def write_hours(journal: Journal, hours: range) -> None:
    for hour in hours:
        journal.append(closed(hour))
        journal.observe(decided(hour))
        journal.step_done()


def test_a_new_journal_holds_its_header_and_nothing_else(tmp_path):
    folder = tmp_path / "runs" / "first"
    with closing(Journal.create(folder, HEADER, synchronous="FULL")) as journal:
        assert (journal.event_count, journal.events_sha256()) == (1, NOTHING_HASHED)
        assert stored(folder) == [HEADER]
    assert {file.name for file in folder.iterdir()} == {"journal.sqlite", "journal.mark", "run.lock"}


def test_every_kind_of_record_comes_back_equal(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for event in EVENTS:
            journal.append(event)
        for command in (*DEEDS, *OBSERVATIONS):
            keep(journal, command)
        journal.commit()
    assert stored(tmp_path) == [HEADER, *EVENTS, *DEEDS, *OBSERVATIONS]
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    journal.close()
    assert recovered.header == HEADER
    assert recovered.tail == (*EVENTS, *DEEDS)
    assert (recovered.snapshot, recovered.finished) == (None, False)


def test_deeds_keep_their_place_among_the_events(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for number in (1, 2):
            journal.append(closed(number))
            journal.record(submitted(number))
        journal.commit()
        assert journal.event_count == 3
    assert stored(tmp_path) == [HEADER, closed(1), submitted(1), closed(2), submitted(2)]


def test_a_block_ends_only_with_a_step(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL", block_records=2)) as journal:
        journal.append(closed(0))
        for _ in range(5):
            journal.observe(decided(0))
        assert stored(tmp_path) == [HEADER]
        journal.step_done()
        assert stored(tmp_path) == [HEADER, closed(0), *[decided(0)] * 5]


def test_a_block_below_its_size_stays_open(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL", block_records=5)) as journal:
        write_hours(journal, range(2))
        assert stored(tmp_path) == [HEADER]
        write_hours(journal, range(2, 3))
        assert len(stored(tmp_path)) == 7


def test_long_histories_fill_a_block_by_their_candles(tmp_path):
    history = Backfilled(0, SYMBOL, 0, 50 * HOUR_MS, tuple(candle(hour) for hour in range(50)))
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL", block_records=50)) as journal:
        journal.append(history)
        journal.step_done()
        assert stored(tmp_path) == [HEADER, history]


def test_a_commit_of_nothing_writes_nothing(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        journal.commit()
        journal.commit()
        assert read_run(tmp_path).blocks == 1


def test_what_was_not_committed_is_dropped_at_close(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        journal.append(closed(0))
        journal.commit()
        journal.append(closed(1))
    assert stored(tmp_path) == [HEADER, closed(0)]


def test_the_fingerprint_is_of_the_encoded_events_without_sessions_and_latencies(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for event in EVENTS:
            journal.append(event)
        journal.record(DEEDS[0])
        fingerprint = journal.events_sha256()
    expected = sha256()
    for event in EVENTS:
        if isinstance(event, ForecastReady):
            expected.update(msgspec.msgpack.encode(msgspec.structs.replace(event, latency_ms=0.0)))
        elif not isinstance(event, SESSION_EVENTS):
            expected.update(msgspec.msgpack.encode(event))
    assert fingerprint == expected.hexdigest()


@pytest.mark.parametrize("latency_ms", [0.0, 0.75, 5, 1e300])
def test_a_latency_never_reaches_the_fingerprint(tmp_path, latency_ms):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        journal.append(forecast(0, latency_ms))
        journal.commit()
        fingerprint = journal.events_sha256()
    assert fingerprint == sha256(msgspec.msgpack.encode(forecast(0))).hexdigest()
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    with closing(journal):
        assert journal.events_sha256() == fingerprint == read_run(tmp_path).events_sha256
        assert recovered.tail == (forecast(0, latency_ms),)


def test_another_session_leaves_the_fingerprint_alone(tmp_path):
    with closing(Journal.create(tmp_path / "one", HEADER, synchronous="NORMAL")) as one:
        write_hours(one, range(4))
        whole = one.events_sha256()
    with closing(Journal.create(tmp_path / "two", HEADER, synchronous="NORMAL")) as two:
        write_hours(two, range(2))
        two.commit()
    resumed, _ = Journal.resume(tmp_path / "two", synchronous="NORMAL")
    with closing(resumed):
        resumed.append(SessionStarted(2 * HOUR_MS))
        write_hours(resumed, range(2, 4))
        assert (resumed.events_sha256(), resumed.event_count) == (whole, 6)


def test_recovery_gives_the_newest_snapshot_and_what_followed_it(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        write_hours(journal, range(2))
        journal.snapshot(b"after two")
        write_hours(journal, range(2, 3))
        journal.snapshot(b"after three")
        journal.snapshot(b"after three, again")
        write_hours(journal, range(3, 5))
        journal.record(submitted(1))
        journal.commit()
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    journal.close()
    assert recovered.snapshot == b"after three, again"
    assert recovered.tail == (closed(3), closed(4), submitted(1))


def test_two_snapshots_are_kept(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for hour in range(5):
            write_hours(journal, range(hour, hour + 1))
            journal.snapshot(b"state %d" % hour)
        kept = journal._db.execute("SELECT state FROM snapshots ORDER BY block").fetchall()
    assert kept == [(b"state 3",), (b"state 4",)]


def test_a_damaged_snapshot_gives_way_to_the_one_before(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for hour in range(2):
            write_hours(journal, range(hour, hour + 1))
            journal.snapshot(b"state %d" % hour)
        journal._db.execute("UPDATE snapshots SET state = x'00' WHERE block = 3")
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    journal.close()
    assert (recovered.snapshot, recovered.tail) == (b"state 0", (closed(1),))


def test_a_finished_run_says_so_and_takes_nothing_more(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        write_hours(journal, range(1))
        assert not read_run(tmp_path).finished
        journal.finish()
        journal.finish()
    assert stored(tmp_path) == [HEADER, closed(0), decided(0)]
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    with closing(journal):
        assert recovered.finished
        journal.append(closed(1))
        with pytest.raises(JournalError, match="is finished: nothing can be added"):
            journal.commit()


def test_a_folder_with_a_run_is_never_begun_anew(tmp_path):
    Journal.create(tmp_path, HEADER, synchronous="NORMAL").close()
    with pytest.raises(JournalError, match="there already: resume that run"):
        Journal.create(tmp_path, HEADER, synchronous="NORMAL")
    assert stored(tmp_path) == [HEADER]


def test_a_start_that_was_cut_off_leaves_no_trace_in_the_next(tmp_path):
    (tmp_path / "journal.sqlite.new").write_bytes(b"half a file")
    with pytest.raises(JournalError, match="holds no journal"):
        Journal.resume(tmp_path, synchronous="NORMAL")
    Journal.create(tmp_path, HEADER, synchronous="NORMAL").close()
    assert stored(tmp_path) == [HEADER]


def test_a_second_writer_is_refused_by_the_number_of_the_first(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")):
        in_use = f"in use by process {os.getpid()}: stop that process"
        with pytest.raises(JournalError, match=in_use):
            Journal.resume(tmp_path, synchronous="NORMAL")
        with pytest.raises(JournalError, match=in_use):
            Journal.create(tmp_path, HEADER, synchronous="NORMAL")
    Journal.resume(tmp_path, synchronous="NORMAL")[0].close()


def test_a_refused_resume_lets_go_of_the_run(tmp_path):
    (tmp_path / "journal.sqlite").write_bytes(b"not a database, but long enough to look at" * 20)
    for _ in range(2):
        with pytest.raises(JournalError, match="is damaged or no journal"):
            Journal.resume(tmp_path, synchronous="NORMAL")


def test_a_refused_commit_keeps_the_block_for_another_try(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        write_hours(journal, range(3))
        journal._db.execute("PRAGMA query_only = ON")
        for _ in range(2):
            with pytest.raises(StorageError, match=r"readonly database.*what was committed before is kept"):
                journal.commit()
        assert stored(tmp_path) == [HEADER]
        journal._db.execute("PRAGMA query_only = OFF")
        journal.snapshot(b"state")
        fingerprint = journal.events_sha256()
    assert len(stored(tmp_path)) == 7
    assert read_run(tmp_path).events_sha256 == fingerprint
    Journal.resume(tmp_path, synchronous="NORMAL")[0].close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"the disk refused .*journal\.sqlite"):
        Journal.create(tmp_path / "file" / "run", HEADER, synchronous="NORMAL")


def test_marks_and_decisions_are_kept_beside_the_events_of_their_block(tmp_path):
    with closing(Journal.create(tmp_path, HEADER, synchronous="NORMAL")) as journal:
        for hour in range(2):
            journal.append(closed(hour))
            journal.observe(decided(hour))
            journal.observe(marked(hour))
            journal.step_done()
        journal.commit()
    assert stored(tmp_path) == [
        HEADER, closed(0), closed(1), decided(0), marked(0), decided(1), marked(1)
    ]  # fmt: skip
