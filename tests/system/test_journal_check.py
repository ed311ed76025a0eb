"""Deciding a journal again: the same commands, and a sentence about the first that is not the same."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.journal_reader import StoredRun, read_run
from bot.compose.journal_check import check_journal
from bot.core.commands import Decided, Deed, Marked, Observation, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import AnyEvent, CandleClosed, RunStarted
from tests.command_line import BUSY, called, candle_words, done, refused, told, write_markets

Entry = AnyEvent | Deed | Observation
Capture = pytest.CaptureFixture[str]


class Doctored(Struct, frozen=True):
    """A run whose records somebody has changed."""

    run: StoredRun
    entries: tuple[Entry, ...]

    @property
    def header(self) -> RunStarted:
        return self.run.header

    @property
    def events_sha256(self) -> str:
        return self.run.events_sha256

    @property
    def finished(self) -> bool:
        return self.run.finished

    def records(self) -> Iterator[Entry]:
        return iter(self.entries)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    files = write_markets(folder, 1_000)
    done("replay", *candle_words(files), "--from", "2024-02-01", *BUSY, "--out", folder / "run")
    return folder / "run"


def middle(entries: Sequence[Entry], kind: type[Entry]) -> int:
    places = [place for place, entry in enumerate(entries) if isinstance(entry, kind)]
    return places[len(places) // 2]


def without(kind: type[Entry]) -> Callable[[list[Entry]], None]:
    return lambda entries: entries.__delitem__(middle(entries, kind))


def other_amount(entries: list[Entry]) -> None:
    place = middle(entries, SubmitOrder)
    command = entries[place]
    assert isinstance(command, SubmitOrder)
    intent = command.approved.intent
    entries[place] = replace(
        command, approved=replace(command.approved, intent=replace(intent, quantity=intent.quantity * 2))
    )


def other_candle(entries: list[Entry]) -> None:
    place = middle(entries, CandleClosed)
    event = entries[place]
    assert isinstance(event, CandleClosed)
    candle = replace(event.candle, close=(event.candle.low + event.candle.high) / 2)
    entries[place] = replace(event, candle=candle)


def other_mark(entries: list[Entry]) -> None:
    place = middle(entries, Marked)
    mark = entries[place]
    assert isinstance(mark, Marked)
    entries[place] = replace(mark, equity=mark.equity + 1e-9)


def cut_observations(entries: list[Entry]) -> None:
    del entries[max(place for place, entry in enumerate(entries) if isinstance(entry, Decided)) :]


def test_an_untouched_journal_gives_the_same_commands(run: Path, capfd: Capture) -> None:
    ended = called(capfd, "replay", "--journal", run, "--json")
    checked = told(ended)
    entries = list(read_run(run).records())
    commands = sum(isinstance(entry, Deed | Observation) for entry in entries)

    assert ended.returncode == 0
    assert f"gave the same {commands:,} commands" in called(capfd, "replay", "--journal", run).stdout
    assert checked == {"events": len(entries) - commands, "commands": commands, "difference": None}


@pytest.mark.parametrize(
    "doctor",
    [without(SubmitOrder), without(Marked), without(Decided), other_amount, other_mark, other_candle, cut_observations],
    ids=["order gone", "mark gone", "decision gone", "other amount", "other mark", "other candle", "cut short"],
)
def test_a_journal_that_somebody_changed_is_found_out(run: Path, doctor: Callable[[list[Entry]], None]) -> None:
    stored = read_run(run)
    entries = list(stored.records())
    doctor(entries)

    checked = check_journal(Doctored(stored, tuple(entries)))

    assert checked.difference is not None
    assert checked.difference.startswith(("recorded ", "decided "))


def test_a_difference_is_told_with_the_exit_code_of_journals(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    stored = read_run(run)
    entries = list(stored.records())
    other_mark(entries)
    monkeypatch.setattr("bot.adapters.journal_reader.read_run", lambda _: Doctored(stored, tuple(entries)))

    ended = called(capfd, "replay", "--journal", run, "--json")

    assert ended.returncode == JournalError.exit_code
    assert str(told(ended)["difference"]).startswith("recorded Marked(")
    said = called(capfd, "replay", "--journal", run)
    assert said.returncode == JournalError.exit_code
    assert said.stdout.startswith("the commands are not the same: recorded Marked(")


def test_a_folder_without_a_journal_is_refused(tmp_path: Path, capfd: Capture) -> None:
    assert "holds no journal" in refused(called(capfd, "replay", "--journal", tmp_path), JournalError.exit_code)
