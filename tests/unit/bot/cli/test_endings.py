import errno
import importlib.util
import json
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

from bot.cli import main as door
from bot.cli.main import Verb, main, require_one_origin
from bot.core.errors import CandlewickError, ConfigError, DataError, JournalError, ModelError, StorageError, VenueError

CANARY = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"


def end_with(monkeypatch: pytest.MonkeyPatch, ending: BaseException | int, *words: str) -> int:
    """Run a verb that ends in that way, through the front door; the exit code."""

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def verb(as_json: bool) -> None:
        if isinstance(ending, int):
            raise click.exceptions.Exit(ending)
        raise ending

    module = ModuleType("a_verb_for_tests")
    module.verb = verb  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(door.VERBS, "verb", Verb("a_verb_for_tests:verb", "Ends."))
    with pytest.raises(SystemExit) as caught:
        main(words or ["verb"])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CandlewickError, 1),
        (ConfigError, 2),
        (DataError, 3),
        (ModelError, 4),
        (JournalError, 5),
        (VenueError, 6),
        (StorageError, 7),
    ],
)
def test_a_known_error_is_one_sentence_and_its_code(
    error: type[CandlewickError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, error("say so")) == code
    assert capsys.readouterr() == ("", "candlewick: say so\n")


def test_the_code_of_a_verb_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert end_with(monkeypatch, 8) == 8
    assert end_with(monkeypatch, 0) == 0


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/run"),
        OSError(errno.EROFS, "Read-only file system", "/data/run"),
        ExceptionGroup("tasks", [OSError(errno.ENOSPC, "No space left on device")]),
    ],
)
def test_a_disk_that_refuses_is_a_storage_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, error) == StorageError.exit_code
    assert "the disk refused" in capsys.readouterr().err


def test_a_full_database_is_a_storage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "small.db")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 4000,)] * 100)
    connection.close()
    assert end_with(monkeypatch, full.value) == StorageError.exit_code


def test_a_database_error_of_another_kind_is_unexpected(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as wrong:
        connection.execute("SELECT * FROM nowhere")
    connection.close()
    assert end_with(monkeypatch, wrong.value) == 1
    assert end_with(monkeypatch, sqlite3.OperationalError("made by hand")) == 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupted_verb_says_so(
    interruption: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, interruption) == 130
    assert capsys.readouterr().err.endswith("candlewick: interrupted\n")


def test_the_known_error_among_those_of_a_group_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = ExceptionGroup("tasks", [ValueError("x"), ExceptionGroup("more", [VenueError("the venue is gone")])])
    assert end_with(monkeypatch, group) == VenueError.exit_code
    assert "the venue is gone" in capsys.readouterr().err


def test_an_unexpected_error_is_short_and_hides_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, ValueError(f"no answer from https://host/?apiKey={CANARY}")) == 1
    told = capsys.readouterr().err
    assert told.startswith("candlewick: unexpected error, ValueError: no answer from")
    assert "Traceback" not in told
    assert CANARY not in told


def test_debug_shows_where_and_hides_secrets_still(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, ValueError(f"apiKey={CANARY}"), "--debug", "verb") == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert CANARY not in told


def test_with_json_stdout_is_one_object_also_when_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end_with(monkeypatch, DataError("row 3"), "verb", "--json") == 3
    told = capsys.readouterr()
    assert json.loads(told.out) == {"error": "row 3", "exit_code": 3}
    assert told.err == "candlewick: row 3\n"


def test_a_word_too_many_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", "show", "what"])
    assert caught.value.code == 2
    assert "Usage: candlewick config show" in capsys.readouterr().err


def test_a_verb_that_does_not_exist_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["nothing"])
    assert caught.value.code == 2
    assert "No such command" in capsys.readouterr().err


def test_the_four_packages_are_those_of_one_folder() -> None:
    require_one_origin()


def test_a_package_from_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "config.py"
    other.write_text("", encoding="utf-8")
    spec = importlib.util.spec_from_file_location("config", other)
    monkeypatch.setattr(door, "find_spec", lambda name: spec if name == "config" else importlib.util.find_spec(name))
    with pytest.raises(ConfigError, match=f"the package config belongs in .* but is found at {other}"):
        require_one_origin()


def test_a_package_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"the package bot belongs in .* but is missing"):
        require_one_origin()
