"""
Row P2 of the fault table: a live bot's journal is not what was written, and the bot is started again.

It ends with one sentence that says what to do, sends nothing, and leaves what rests at the venue. Where only something
is gone that the venue can tell again, or that is kept twice, it goes on.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.adapters import journal_reader, journal_recovery
from bot.adapters.journal_file import read_block
from bot.adapters.journal_format import Block
from bot.adapters.journal_mark import JournalMark
from bot.cli.main import _ending
from bot.core.errors import JournalError
from tests.command_line import say
from tests.exchange_hand import Hand
from tests.live_invariants import breaks, check_all
from tests.live_world import Bot, Exchange, running_exchange
from tests.market_time import run
from tests.order_wire import placed, watch
from tests.process_faults import rarely, stake

proof = pytest.mark.proof
FAR_STOPS = {"stop.atr_multiple": "8"}
PAGE = 8192
JOURNAL, LOG = "journal.sqlite", "journal.sqlite-wal"
Harm = Callable[[Path], None]
"""Done to a run's folder while no bot is there."""


def page(number: int) -> Harm:
    def overwrite(run_folder: Path) -> None:
        file = run_folder / "journal.sqlite"
        content = bytearray(file.read_bytes())
        assert (number + 1) * PAGE <= len(content), f"it has {len(content) // PAGE} pages"
        content[number * PAGE : (number + 1) * PAGE] = bytes(range(256)) * (PAGE // 256)
        file.write_bytes(content)

    return overwrite


def cut(name: str, part: float) -> Harm:
    def shorten(run_folder: Path) -> None:
        file = run_folder / name
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * part)])

    return shorten


def flip(name: str, part: float) -> Harm:
    def turn(run_folder: Path) -> None:
        file = run_folder / name
        content = bytearray(file.read_bytes())
        content[int(len(content) * part)] ^= 1
        file.write_bytes(content)

    return turn


def alter(run_folder: Path) -> None:
    with closing(sqlite3.connect(run_folder / JOURNAL)) as db, db:
        (data,) = db.execute("SELECT data FROM blocks WHERE id = 9").fetchone()
        db.execute("UPDATE blocks SET data = ? WHERE id = 9", (data[:-1] + bytes([data[-1] ^ 1]),))


def gone(name: str) -> Harm:
    return lambda run_folder: (run_folder / name).unlink()


def older(run_folder: Path) -> None:
    """What an earlier copy of the journal was, in the place of what it became."""
    (run_folder / "journal.sqlite-wal").unlink(missing_ok=True)
    shutil.copy(run_folder.with_name("copy") / "journal.sqlite", run_folder)
    shutil.copy(run_folder.with_name("copy") / "journal.sqlite-wal", run_folder)


def all_older(run_folder: Path) -> None:
    shutil.rmtree(run_folder)
    shutil.copytree(run_folder.with_name("copy"), run_folder)


def nothing(_run_folder: Path) -> None:
    """Do nothing."""


STOPPED: dict[str, Harm] = {
    "a page is overwritten": page(4),
    "the newest page is overwritten": page(5),
    "the first page is overwritten": page(0),
    "half of it is gone": cut(JOURNAL, 0.5),
    "a bit of a block is another": alter,
    "it is empty": cut(JOURNAL, 0.0),
}
"""What is done to the journal of a bot that was stopped in order; all of it is in one file then."""

KILLED: dict[str, Harm] = {
    "its log is gone": gone(LOG),
    "its log ends early": cut(LOG, 0.1),
    "half of its log is gone": cut(LOG, 0.5),
    "a bit in its log is another": flip(LOG, 0.2),
    "it is an older copy": older,
    "it is gone": gone(JOURNAL),
}
"""What is done to that of a bot that was killed: nearly all of it is in a log beside the file."""

HARMLESS: dict[str, Harm] = {"nothing": nothing, "the last words of its log are gone": cut(LOG, 0.999)}


def restarted(
    folder: Path, harm: Harm, *, was_killed: bool, check: Callable[[Bot, Exchange], Any] = check_all
) -> BaseException | None:
    """Trade until something is held, end, do harm and start again; the error that it ends with, if it does."""

    async def story() -> BaseException | None:
        async with running_exchange(folder) as exchange:
            bot, hand = Bot(folder / "bot", exchange, on=3, off=1, overrides=FAR_STOPS), Hand(exchange)
            bot.start()
            await bot.for_candles(8)
            shutil.copytree(bot.run_folder, bot.run_folder.with_name("copy"), ignore=shutil.ignore_patterns("*.sock"))
            await bot.for_candles(4)
            await hand.a_stop()
            await hand.minutes(0.3)
            if was_killed:
                await _kill(bot)
            else:
                await bot.stop()
            harm(bot.run_folder)
            return await _start(bot, exchange, check)

    return run(story())


async def _kill(bot: Bot) -> None:
    """Leave the folder as it lies in this moment: a connection that is closed would tidy it up."""
    left = bot.run_folder.with_name("left")
    shutil.copytree(bot.run_folder, left, ignore=shutil.ignore_patterns("*.sock", "*-shm"))
    await bot.kill()
    shutil.rmtree(bot.run_folder)
    left.rename(bot.run_folder)


async def _start(bot: Bot, exchange: Exchange, check: Callable[[Bot, Exchange], Any]) -> BaseException | None:
    watch(exchange)
    before = stake(exchange)
    assert before.stops
    bot.start()
    try:
        await bot.for_candles(8)
        await bot.stop()
    except (JournalError, BaseExceptionGroup) as error:
        assert not placed(exchange)
        assert stake(exchange) == before
        say(f"{before}: {_ending(error, debug=False)[0]}")
        return error
    say(str(check(bot, exchange)))
    return None


@pytest.mark.parametrize("harm", rarely(STOPPED, "the newest page is overwritten", "half of it is gone", "it is empty"))
def test_a_damaged_journal_is_not_gone_on_with(tmp_path: Path, harm: str) -> None:
    error = restarted(tmp_path, STOPPED[harm], was_killed=False)
    assert isinstance(error, JournalError)
    assert any(words in str(error) for words in ("restore", "put it back", "name the folder"))


@pytest.mark.parametrize("harm", rarely(KILLED, "its log ends early", "half of its log is gone"))
def test_a_journal_that_has_lost_what_it_knew_is_not_gone_on_with(tmp_path: Path, harm: str) -> None:
    error = restarted(tmp_path, KILLED[harm], was_killed=True)
    assert isinstance(error, JournalError)
    assert any(words in str(error) for words in ("Put journal.sqlite and journal.sqlite-wal back", "put it back"))


def test_a_log_that_was_refused_lies_as_it_was(tmp_path: Path) -> None:
    """Whoever wants to repair it finds it: opened for writing, it would be folded into the file as far as it goes."""
    logs: list[bytes] = []

    def harm(run_folder: Path) -> None:
        flip(LOG, 0.2)(run_folder)
        logs.append((run_folder / LOG).read_bytes())

    assert restarted(tmp_path, harm, was_killed=True)
    assert (tmp_path / "bot" / "run" / LOG).read_bytes() == logs[0]


@pytest.mark.parametrize("harm", rarely(HARMLESS, "nothing"))
def test_what_the_venue_can_tell_again_may_be_lost(tmp_path: Path, harm: str) -> None:
    assert restarted(tmp_path, HARMLESS[harm], was_killed=True) is None


@proof
@pytest.mark.timeout(60)
@pytest.mark.parametrize("part", [part / 20 for part in range(20)])
@pytest.mark.parametrize("harm", [cut, flip])
@pytest.mark.parametrize("name", [JOURNAL, LOG])
def test_a_journal_is_what_was_written_or_is_not_gone_on_with(
    tmp_path: Path, name: str, harm: Callable[[str, float], Harm], part: float
) -> None:
    error = restarted(tmp_path, harm(name, part), was_killed=name == LOG)
    assert error is None or isinstance(error, JournalError)


def test_a_folder_that_is_an_older_copy_says_which_orders_it_does_not_know(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Mark and journal are of one time, and agree: only the venue knows better, and not all of it."""

    def nothing_sure(_bot: Bot, _exchange: Exchange) -> str:
        return "names may be given again"

    assert restarted(tmp_path, all_older, was_killed=True, check=nothing_sure) is None
    assert "is of this run and in none of its books: it is taken back if it is open" in caplog.text


def test_without_its_mark_a_run_that_forgot_its_orders_gives_their_names_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JournalMark, "require", lambda *_: None)
    with breaks("once_each"):
        restarted(tmp_path, KILLED["its log is gone"], was_killed=True)


def test_without_its_seals_an_altered_journal_still_has_another_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsealed(db: sqlite3.Connection, last: int) -> Iterator[Block]:
        return (read_block(db, number) for number in range(1, last + 1))

    monkeypatch.setattr(journal_recovery, "verified_blocks", unsealed)
    monkeypatch.setattr(journal_reader, "verified_blocks", unsealed)
    error = restarted(tmp_path, alter, was_killed=False)
    assert isinstance(error, JournalError)
    assert "fingerprints events in another way" in str(error)
