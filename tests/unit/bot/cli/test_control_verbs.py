import asyncio
import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from msgspec.structs import replace

from bot.adapters.control_desk import ControlDesk
from bot.adapters.control_messages import OperatorEvent
from bot.adapters.control_socket import ControlPatience, ControlSocket
from bot.adapters.decision_board import DecisionBoard
from bot.adapters.journal import Journal
from bot.adapters.run_lock import RunLock
from bot.core.events import Flatten, Halt, RunStarted
from bot.core.status import EngineStatus
from tests.command_line import called, refused, told
from tests.engine_world import MemoryJournal, World, started
from tests.hourly_bars import BTC, ETH, bar, closes
from tests.made_orders import instrument
from tests.scripted_strategies import Scripted, always
from tests.status_view import status_of
from tests.unit.bot.adapters.control_samples import StoppedClock
from tests.unit.bot.adapters.journal_samples import keep
from tests.unit.bot.reporting.lived_runs import LivedRun

Capture = pytest.CaptureFixture[str]


def traded() -> World:
    """A world that holds bitcoin and protects it."""
    return started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0), bar(2, 101.0))


def written(folder: Path, world: World, *, finished: bool = False) -> Path:
    """The journal of a world, on the disk, with nobody who writes it."""
    records = LivedRun(world, steps_a_block=1).records()
    header = next(records)
    assert isinstance(header, RunStarted)
    journal = Journal.create(folder, header, synchronous="OFF")
    for step in world.journal.steps:
        journal.append(step[0])  # type: ignore[arg-type]
        for record in step[1:]:
            keep(journal, record)  # type: ignore[arg-type]
        journal.step_done()
    journal.finish() if finished else journal.commit()
    journal.close()
    return folder


class Running:
    """A bot in a thread of this process, which does what it is told: at once, or never."""

    def __init__(self, folder: Path, status: EngineStatus, *, is_stuck: bool) -> None:
        self.folder = folder
        self.status = status
        self.posted: list[OperatorEvent] = []
        self._is_stuck = is_stuck
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *ended: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _live(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._board = DecisionBoard(MemoryJournal())
        desk = ControlDesk(look=lambda: self.status, post=self._post, board=self._board, clock=StoppedClock())
        async with ControlSocket(self.folder, desk, ControlPatience(deed_ms=50 if self._is_stuck else 10_000)):
            self._ready.set()
            await self._over.wait()

    def _post(self, event: OperatorEvent) -> None:
        self.posted.append(event)
        if not self._is_stuck:
            self._loop.call_soon(self._handle, event)

    def _handle(self, event: OperatorEvent) -> None:
        self._board.append(event)
        reason = f"halted: {event.reason}"
        self.status = replace(self.status, state="halted", reason=reason, operator_halt=event.reason)
        self._board.commit()


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, status_of(traded()), is_stuck=False) as running:
        yield running


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, status_of(traded()), is_stuck=True) as running:
        yield running


def answering(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """What a person types."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(words))


def test_status_of_a_running_bot_is_told_in_words(bot: Running, capfd: Capture) -> None:
    ended = called(capfd, "status", bot.folder)
    assert ended.returncode == 0
    assert ended.stdout.startswith("active, 2023-12-09 03:00 UTC")
    assert "BTC/USDT  held: scripted" in ended.stdout


def test_status_of_a_running_bot_is_one_object(bot: Running, capfd: Capture) -> None:
    answer = told(called(capfd, "status", bot.folder, "--json"))
    assert (answer["running"], answer["busy_ms"], answer["status"]["state"]) == (True, 0, "active")
    (market,) = answer["status"]["markets"]
    assert (market["symbol"], market["why"]) == (BTC, "held: scripted")
    assert market["holding"]["protection"] == "rests"
    assert market["holding"]["stop_price"] == "90.00"


def test_halt_says_what_the_bot_has_come_to(bot: Running, capfd: Capture) -> None:
    ended = called(capfd, "halt", bot.folder, "--reason", "lunch")
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [
        "halt: in the journal at 2023-11-14 22:13:20 UTC",
        "halted: lunch, 2023-12-09 03:00 UTC",
        "BTC/USDT: held: scripted",
    ]
    assert [type(event) for event in bot.posted] == [Halt]


def test_resume_is_one_object_too(bot: Running, capfd: Capture) -> None:
    answer = told(called(capfd, "resume", bot.folder, "--json"))
    assert answer["done"] is True
    assert answer["status"]["operator_halt"] == "by hand"


@pytest.mark.parametrize("as_json", [True, False])
def test_what_a_busy_bot_accepted_is_not_done(stuck: Running, capfd: Capture, as_json: bool) -> None:
    ended = called(capfd, "halt", stuck.folder, *(["--json"] if as_json else []))
    assert ended.returncode == 6
    if as_json:
        assert told(ended)["done"] is False
    else:
        assert ended.stdout == ""
        assert ended.stderr.startswith("halt: accepted; the bot has been busy for 0.")
    assert len(stuck.posted) == 1


def test_flatten_asks_first_and_names_what_would_be_sold(
    bot: Running, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "y\n")
    ended = called(capfd, "flatten", bot.folder)
    assert ended.returncode == 0
    assert "sell 50 of BTC/USDT, worth 5,050.00 at the market, and halt? [y/N]" in ended.stderr
    assert [type(event) for event in bot.posted] == [Flatten]


@pytest.mark.parametrize("words", ["n\n", "\n"])
def test_flatten_does_nothing_without_a_yes(
    bot: Running, capfd: Capture, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    answering(monkeypatch, words)
    ended = called(capfd, "flatten", bot.folder)
    assert ended.returncode == 130
    assert ended.stderr.endswith("nothing was sold and nothing was halted: the answer was not yes\n")
    assert bot.posted == []


def test_flatten_where_nobody_can_answer_names_the_option(
    bot: Running, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "")
    ended = called(capfd, "flatten", bot.folder)
    assert ended.returncode == 2
    assert ended.stderr.endswith("candlewick: flatten asks first, and nobody can answer here: say --yes\n")
    assert bot.posted == []


def test_flatten_says_that_nothing_is_held(bot: Running, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.status = status_of(started(always(0.0)))
    answering(monkeypatch, "n\n")
    assert "nothing is held: take entries back, and halt?" in called(capfd, "flatten", bot.folder).stderr


def test_flatten_with_yes_asks_nobody(bot: Running, capfd: Capture) -> None:
    assert told(called(capfd, "flatten", bot.folder, "--yes", "--json"))["done"] is True


def test_a_machine_must_say_yes_itself(bot: Running, capfd: Capture) -> None:
    ended = called(capfd, "flatten", bot.folder, "--json")
    assert ended.returncode == 2
    assert "say --yes" in ended.stderr
    assert bot.posted == []


@pytest.mark.parametrize("reason", ["", "two\nlines", "x" * 201])
def test_a_reason_that_cannot_be_kept_is_refused(bot: Running, capfd: Capture, reason: str) -> None:
    sentence = refused(called(capfd, "halt", bot.folder, "--reason", reason), 2)
    assert sentence.startswith("--reason must be one line")
    assert bot.posted == []


@pytest.mark.parametrize("verb", ["halt", "resume", "flatten"])
def test_where_nothing_runs_there_is_nothing_to_do(tmp_path: Path, capfd: Capture, verb: str) -> None:
    run = written(tmp_path / "run", traded())
    sentence = refused(called(capfd, verb, run), 5)
    assert sentence.startswith(f"nothing runs in {run}, so there is nothing to {verb}: `candlewick status {run}`")


def test_a_finished_run_is_not_said_to_be_taken_up_again(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded(), finished=True)
    sentence = refused(called(capfd, "halt", run), 5)
    assert sentence == (
        f"nothing runs in {run}, so there is nothing to halt: the run is finished and is not taken up again; "
        f"`candlewick status {run}` tells what it left"
    )


def test_a_folder_without_a_run_is_said_to_be_one(tmp_path: Path, capfd: Capture) -> None:
    nowhere = tmp_path / "nowhere"
    assert refused(called(capfd, "flatten", nowhere), 5) == (
        f"nothing runs in {nowhere}, so there is nothing to flatten: there is no run in that folder; "
        "name the one that its --out named"
    )


def test_status_tells_how_a_run_was_left(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded().feed(Halt(closes(2), "lunch")))
    ended = called(capfd, "status", run)
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(
        "run run00000cafe is not finished and does not run; its journal ends at 2023-12-09 03:00"
    )
    assert any(line.split() == ["halted", "lunch"] for line in lines)
    answer = told(called(capfd, "status", run, "--json"))
    assert (answer["running"], answer["last_known"]["halt"]) == (False, "lunch")
    holding = answer["last_known"]["markets"][0]["holding"]
    assert holding == {"quantity": "50.000", "average_price": "100.00", "is_dust": False}


def test_status_of_no_run_says_so(tmp_path: Path, capfd: Capture) -> None:
    assert "holds no journal" in refused(called(capfd, "status", tmp_path), 5)


def test_a_process_that_takes_no_orders_is_named(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded())
    lock = RunLock(run)
    assert "takes no orders" in refused(called(capfd, "halt", run), 5)
    assert "takes no orders" in refused(called(capfd, "status", run), 5)
    lock.release()


def test_why_tells_of_an_order_in_words_and_as_an_object(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded(), finished=True)
    ended = called(capfd, "why", run, "run000001")
    assert ended.returncode == 0
    assert "more of it was wanted than was held" in ended.stdout
    answer = told(called(capfd, "why", run, "last", "--json"))
    assert answer["order"]["client_order_id"] == "run000002"
    assert answer["stop"]["bought_by"] == "run000001"


@pytest.mark.parametrize("moment", ["last", "", str(closes(1)), "2023-12-09T02:00", "2023-12-09T03:00:00+01:00"])
def test_why_tells_of_a_decision(tmp_path: Path, capfd: Capture, moment: str) -> None:
    run = written(tmp_path / "run", traded())
    answer = told(called(capfd, "why", run, f"{BTC}@{moment}", "--json"))
    assert answer["decision"]["close_time_ms"] == (closes(2) if moment in ("", "last") else closes(1))
    assert "verdict   hold: scripted" in called(capfd, "why", run, f"{BTC}@{moment}").stdout


def test_a_run_of_one_market_needs_no_name_for_it(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded())
    assert told(called(capfd, "why", run, "@last", "--json"))["symbol"] == BTC


def test_a_decision_of_several_markets_has_to_be_named(tmp_path: Path, capfd: Capture) -> None:
    world = started(Scripted({BTC: [1.0], ETH: [0.0]}), markets=[instrument(BTC), instrument(ETH)])
    run = written(tmp_path / "run", world.play({BTC: bar(0, 100.0), ETH: bar(0, 10.0)}))
    said = refused(called(capfd, "why", run, "@last"), 2)
    assert said == "whose decision? Name the market before the @, one of BTC/USDT, ETH/USDT"


def test_why_knows_no_such_order_or_time(tmp_path: Path, capfd: Capture) -> None:
    run = written(tmp_path / "run", traded())
    assert "near are run00000" in refused(called(capfd, "why", run, "run000009"), 2)
    assert "yesterday is no time" in refused(called(capfd, "why", run, f"{BTC}@yesterday"), 2)
    ended = called(capfd, "why", run, "nothing", "--json")
    assert json.loads(ended.stdout)["exit_code"] == 2
