"""The journal's bytes: what one version wrote, every later one must write and read alike."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bot.adapters.journal import Journal
from bot.adapters.journal_format import INSERT_BLOCK, identifying, is_deed, without_latency
from bot.adapters.journal_reader import read_run
from bot.core.events import AccountReconciled, AnyEvent
from tests.unit.bot.adapters.journal_samples import DEEDS, EVENTS, HEADER, OBSERVATIONS, forecast, keep

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "journal_format.json"
UPDATE = "CANDLEWICK_UPDATE_GOLDEN"


def write_samples(folder: Path) -> None:
    with closing(Journal.create(folder, HEADER, synchronous="NORMAL")) as journal:
        for event in EVENTS:
            journal.append(event)
        for command in (*DEEDS, *OBSERVATIONS):
            keep(journal, command)
        journal.commit()
        journal.append(forecast(4, latency_ms=1.5))
        journal.commit()


def rows(folder: Path) -> list[list[int | str]]:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        found = db.execute("SELECT * FROM blocks ORDER BY id").fetchall()
    return [[value.hex() if isinstance(value, bytes) else value for value in row] for row in found]


def golden() -> list[list[int | str]]:
    found: list[list[int | str]] = json.loads(GOLDEN.read_text("utf-8"))
    return found


def test_the_bytes_of_a_journal_are_those_of_the_golden_file(tmp_path):
    """A difference here breaks every journal there is. Where that is meant, raise FORMAT and set the switch."""
    write_samples(tmp_path)
    if os.environ.get(UPDATE):
        GOLDEN.write_text(json.dumps(rows(tmp_path), indent=1) + "\n", "utf-8")
    assert rows(tmp_path) == golden()


def test_a_journal_of_the_golden_bytes_is_read_and_gone_on_with(tmp_path):
    Journal.create(tmp_path, HEADER, synchronous="NORMAL").close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as db, db:
        db.execute("DELETE FROM blocks")
        for row in golden():
            db.execute(INSERT_BLOCK, [bytes.fromhex(value) if isinstance(value, str) else value for value in row])
    newest = forecast(4, latency_ms=1.5)
    assert list(read_run(tmp_path).records()) == [HEADER, *EVENTS, *DEEDS, *OBSERVATIONS, newest]
    journal, recovered = Journal.resume(tmp_path, synchronous="NORMAL")
    with closing(journal):
        assert recovered.tail == (*EVENTS, *DEEDS, newest)
        assert journal.event_count == len(EVENTS) + 2


@pytest.mark.parametrize("latency_ms", [0, 0.0, 1, 255, 2**40, 0.5, -3.25])
def test_a_latency_is_replaced_whatever_its_bytes_are(latency_ms):
    encoded = msgspec.msgpack.encode(forecast(1, latency_ms))
    assert without_latency(encoded) == msgspec.msgpack.encode(forecast(1))


def test_a_forecast_without_markets_has_its_latency_replaced():
    event = msgspec.structs.replace(forecast(1, 7.5), forecasts=())
    expected = msgspec.msgpack.encode(msgspec.structs.replace(event, latency_ms=0.0))
    assert without_latency(msgspec.msgpack.encode(event)) == expected


def test_deeds_are_told_from_events_by_their_bytes():
    assert all(is_deed(msgspec.msgpack.encode(deed)) for deed in DEEDS)
    assert not any(is_deed(msgspec.msgpack.encode(event)) for event in (HEADER, *EVENTS))


def test_only_events_of_the_market_identify_a_run():
    messages = [msgspec.msgpack.encode(record) for record in (HEADER, *EVENTS, *DEEDS)]
    session_events = 4  # the header, the session, the model, the account
    assert len(list(identifying(messages))) == len(messages) - session_events - len(DEEDS)


def test_an_account_that_agreed_before_foreign_money_was_written_down_is_read():
    (old,) = msgspec.msgpack.decode(msgspec.msgpack.encode([["AccountReconciled", 3]]), type=list[AnyEvent])
    assert old == AccountReconciled(3)
