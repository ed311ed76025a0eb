"""The register of looks: one file for all folders, that writers share and no damage silences."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.compose.look_register import LookRegister, looks_file
from bot.core.errors import ConfigError, StorageError
from strategies.forecasting.comparison.lock import Look, Stretch

LOCK_MS = 1_717_200_000_000
"""2024-06-01."""
NOW_MS = 1_750_000_000_000
"""2025-06-15."""
DAY_MS = 86_400_000


def look(out: str = "/a", about: str = "a", from_ms: int = LOCK_MS, command: str = "compare") -> Look:
    seen = Stretch(("BTC/USDT",), "1h", from_ms, LOCK_MS + 90 * DAY_MS)
    return Look(NOW_MS, command, out, about, (seen,), locked=command == "compare")


@pytest.fixture
def register(tmp_path: Path) -> LookRegister:
    return LookRegister(tmp_path / "state/looks.jsonl")


def test_it_lies_in_the_state_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert looks_file() == tmp_path / "candlewick/looks.jsonl"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert looks_file() == tmp_path / ".local/state/candlewick/looks.jsonl"


def test_the_first_opening_is_written_before_anything_is_told_and_has_nothing_to_say(register: LookRegister) -> None:
    register.require_unseen(look())
    opened = register.open(look(), reopen=False)

    assert opened.sentences == ()
    assert len(register.path.read_bytes().splitlines()) == 1


def test_another_folder_opens_nothing_a_second_time(register: LookRegister) -> None:
    register.open(look("/a"), reopen=False)
    register.close(look("/a"), NOW_MS)

    for refused in (register.require_unseen, lambda each: register.open(each, reopen=False)):
        with pytest.raises(ConfigError, match=r"1h from 2024-06-01 on was seen once before.*compare on 2025-06-15.*/a"):
            refused(look("/b"))
    assert len(register.path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("command", ["compare", "tune", "train"])
def test_a_look_without_a_lock_has_seen_the_period_too(register: LookRegister, command: str) -> None:
    register.note(replace(look("/x", from_ms=LOCK_MS - 90 * DAY_MS, command=command), locked=False))

    with pytest.raises(ConfigError, match=f"by {command} on"):
        register.open(look(), reopen=False)


def test_what_is_reopened_is_recorded_and_said_with_all_that_was_before(register: LookRegister) -> None:
    register.note(look("/study", command="tune"))
    register.open(look("/a"), reopen=True)
    register.close(look("/a"), NOW_MS)
    opened = register.open(look("/b"), reopen=True)

    assert [each.out for each in opened.before] == ["/study", "/a"]
    assert opened.sentences[0].startswith("These days had been seen 2 times before, so this is no test on unseen")
    assert "by tune on 2025-06-15, until 2024-08-30, into /study" in opened.sentences[0]


def test_a_comparison_that_was_cut_short_goes_on_without_a_second_opening(register: LookRegister) -> None:
    register.open(look(), reopen=False)
    later = replace(look(), opened_at_ms=NOW_MS + 5)
    register.require_unseen(later)

    opened = register.open(later, reopen=False)
    assert (opened.before, opened.look.opened_at_ms) == ((), NOW_MS)
    assert len(register.path.read_bytes().splitlines()) == 1
    with pytest.raises(ConfigError):
        register.open(look(about="b"), reopen=False)


def test_a_note_is_written_once(register: LookRegister) -> None:
    register.note(look(command="train"))
    register.note(replace(look(command="train"), opened_at_ms=NOW_MS + 1))

    assert len(register.path.read_bytes().splitlines()) == 1


def test_a_line_that_cannot_be_read_is_said_and_opens_nothing(register: LookRegister) -> None:
    register.note(look("/x", from_ms=LOCK_MS - DAY_MS, about="x"))
    register.path.write_bytes(register.path.read_bytes() + b'{"type":"look","opened_at')

    said = register.note(look("/y", about="y", from_ms=0))
    assert said is not None
    assert "line 2 cannot be read" in said
    assert len(register.path.read_bytes().splitlines()) == 3
    other = replace(look(), candles=(Stretch(("ETH/USDT",), "1h", LOCK_MS, LOCK_MS + DAY_MS),))
    with pytest.raises(StorageError, match="line 2 cannot be read, so nobody knows what was looked at"):
        register.open(other, reopen=False)
    (sentence,) = register.open(other, reopen=True).sentences
    assert sentence.startswith("Line 2 of the register of looks cannot be read")


def note_many(path: Path, name: str) -> None:
    for number in range(50):
        LookRegister(path).note(look(f"/{name}/{number}", command="train"))


def test_writers_at_the_same_time_lose_no_line_of_each_other(register: LookRegister) -> None:
    # Each opens the file for itself, as a process does, and is held off by the same lock.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(note_many, [register.path] * 3, "abc"))

    assert len(register.path.read_bytes().splitlines()) == 150
    assert register.note(look()) is None


def test_a_folder_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(StorageError, match="set XDG_STATE_HOME"):
        LookRegister(tmp_path / "state/looks.jsonl").note(look())
