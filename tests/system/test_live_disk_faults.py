"""
Row P2 of the fault table: the disk of a live bot refuses what it writes.

The bot ends with one sentence, its stops go on resting at the venue, and nothing that was committed is lost. With space
again it goes on as if it had been killed. What a disk gives back damaged is in `test_live_journal_faults`.
"""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters import control_socket
from bot.adapters.ccxt_orders import CcxtOrders
from bot.adapters.control_client import ask
from bot.adapters.control_messages import AskHalt
from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.adapters.tape_writer import TapeWriter
from bot.cli.main import _ending
from bot.core.commands import SubmitOrder
from bot.core.errors import StorageError
from bot.core.orders import Purpose
from bot.exchange.faults import Ban
from bot.exchange.orders import VenueOrder
from bot.pump import Pump
from tests.command_line import say
from tests.live_invariants import Checked, Record, breaks, check_all, notices, venue_orders
from tests.live_world import Bot, Exchange, running_exchange
from tests.market_time import run
from tests.order_scenarios import on_order, play
from tests.process_faults import Disk, Stake, Step, rarely, stake, strike, watched_journals, watched_writes
from tests.unit.bot.adapters.control_samples import IN_A_HURRY, while_blocked

proof = pytest.mark.proof
FAR_STOPS = {"stop.atr_multiple": "8", "journal.snapshot_events": "100"}
Refuse = Callable[[Disk, Bot, Journal], None]
"""Makes a disk refuse."""


def submits(purpose: Purpose) -> Callable[..., bool]:
    return lambda _, deed: isinstance(deed, SubmitOrder) and deed.approved.intent.purpose is purpose


def full(disk: Disk, bot: Bot, _journal: Journal) -> None:
    disk.fill(bot.run_folder / "journal.sqlite-wal")


def full_of_tape(disk: Disk, bot: Bot, _journal: Journal) -> None:
    disk.fill(max((bot.run_folder / "tape").glob("*.tape")))


def without_pages(_disk: Disk, _bot: Bot, journal: Journal) -> None:
    """SQLite's own end of the road, `SQLITE_FULL`: met when the pages that there are have no room."""
    journal._db.execute("PRAGMA max_page_count = 1")


def read_only(_disk: Disk, _bot: Bot, journal: Journal) -> None:
    """`SQLITE_READONLY`, as of a file system that was mounted anew after an error."""
    journal._db.execute("PRAGMA query_only = ON")


STEPS: dict[str, tuple[Step, int]] = {
    "an entry is to be sent": (Step(Journal, "record", "before", submits(Purpose.ENTRY)), 3),
    "a stop is to be sent": (Step(Journal, "record", "before", submits(Purpose.STOP)), 3),
    "an exit is to be sent": (Step(Journal, "record", "before", submits(Purpose.EXIT)), 1),
    "an order is on its way": (Step(CcxtOrders, "place", "before"), 6),
    "an order is answered": (Step(CcxtOrders, "place", "after"), 6),
    "a cancel is on its way": (Step(CcxtOrders, "cancel", "before"), 1),
    "a cancel is answered": (Step(CcxtOrders, "cancel", "after"), 1),
    "all is quiet": (Step(Journal, "keep", "before"), 60),
    "a snapshot is due": (Step(Journal, "snapshot", "before"), 1),
    "the tape is written": (Step(TapeWriter, "_store", "before"), 60),
}
"""When the disk begins to refuse, and the how manieth time of it. Something is held then."""

UNTOUCHED = ("an entry is to be sent", "all is quiet", "a snapshot is due", "the tape is written")
"""Then nothing was under way that would have changed what rests at the venue."""


def refused(folder: Path, when: str, refuse: Refuse = full, *, later: int = 0, away_s: float = 1.0) -> Checked:
    """Have the disk refuse from then on until the bot has ended; some time later there is space, and it goes on."""

    async def story() -> Checked:
        async with running_exchange(folder) as exchange:
            bot = Bot(folder / "bot", exchange, on=3, off=1, overrides=FAR_STOPS)
            bot.request = replace(bot.request, record=when == "the tape is written")
            before: list[Stake] = []

            def strike_now() -> None:
                before.append(stake(exchange))
                refuse(disk, bot, journals[-1])

            step, nth = STEPS[when]
            with Disk() as disk, watched_journals() as journals, strike(step, strike_now, nth + later):
                bot.start()
                with pytest.raises(BaseException, check=lambda _: bool(before)) as ended:
                    await bot.for_candles(80)
                said, left = _ending(ended.value, debug=False), stake(exchange)
            say(f"the disk refused when {when}: {before[0]}; left behind {left}")
            assert before[0].positions
            assert said[0].startswith(f"the disk refused {bot.run_folder}")
            assert said[1] == StorageError.exit_code
            kept, sent = list(read_run(bot.run_folder).records()), venue_orders(exchange)
            written_before_sent(kept, sent)
            await asyncio.sleep(away_s)
            assert len(venue_orders(exchange)) == len(sent)
            assert when not in UNTOUCHED or stake(exchange).stops == before[0].stops > 0
            bot.start()
            await bot.for_candles(8)
            await bot.stop()
            assert list(read_run(bot.run_folder).records())[: len(kept)] == kept
            checked = check_all(bot, exchange, guard_ms=10_000 + int(away_s * 1_000))
            say(str(checked))
            return checked

    return run(story())


def written_before_sent(kept: list[Record], sent: list[VenueOrder]) -> None:
    written = {one.approved.intent.client_order_id for one in kept if isinstance(one, SubmitOrder)}
    assert {order.client_order_id for order in sent} <= written


@pytest.mark.parametrize(
    "when", rarely(STEPS, "a cancel is answered", "an order is answered", "a snapshot is due", "an exit is to be sent")
)
def test_a_bot_whose_disk_is_full_ends_with_a_sentence_and_goes_on_when_there_is_space(
    tmp_path: Path, when: str
) -> None:
    checked = refused(tmp_path, when, full_of_tape if when == "the tape is written" else full)
    assert checked.fills >= 5


@pytest.mark.parametrize("refuse", [without_pages, pytest.param(read_only, marks=proof)])
def test_a_disk_may_refuse_in_other_ways(tmp_path: Path, refuse: Refuse) -> None:
    assert refused(tmp_path, "all is quiet", refuse).fills >= 5


@proof
@pytest.mark.timeout(60)
@pytest.mark.parametrize("away_s", [1.0, 130.0])
@pytest.mark.parametrize("later", [1, 3])
@pytest.mark.parametrize("when", [when for when in STEPS if when != "a snapshot is due"])
def test_a_disk_may_be_full_at_any_time_and_for_long(tmp_path: Path, when: str, later: int, away_s: float) -> None:
    refuse = full_of_tape if when == "the tape is written" else full
    assert refused(tmp_path, when, refuse, later=later, away_s=away_s).fills >= 5


def test_an_operators_word_has_waited_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "ControlPatience", lambda: IN_A_HURRY)
    waits: list[str] = []

    async def halt(_exchange: Exchange, bot: Bot) -> None:
        with watched_writes() as seen:
            while_blocked(partial(ask, bot.run_folder, AskHalt("enough")))
            await bot.for_candles(2)
        waits.extend(mode for mode, data in seen if b"Halt" in data)

    play(tmp_path, minutes=2, meanwhile=halt, in_play=0, overrides=FAR_STOPS)
    assert waits == ["FULL"]


def test_without_the_wait_for_the_disk_an_order_leaves_that_nobody_has_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(pump: Pump, deeds: list[SubmitOrder]) -> None:
        for deed in deeds:
            answers = pump._broker.submit if isinstance(deed, SubmitOrder) else pump._broker.cancel
            pump._queue.extend(answers(deed, pump._engine.time_ms))

    monkeypatch.setattr(Pump, "_hand_over", at_once)
    with breaks("written_before_sent"):
        refused(tmp_path, "an entry is to be sent")


def test_a_silence_that_cannot_be_written_down_is_kept_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer that asks for it is understood as well: an order that was refused is not in doubt."""
    place = tmp_path / "bot" / f"silence.{os.getpid()}"
    _, bot, _ = play(
        tmp_path,
        Ban(30, where=on_order(skip=3)),
        at_first=lambda _: place.mkdir(parents=True),
        overrides=FAR_STOPS,
        guard_ms=60_000,
        minutes=9,
    )
    assert "do not start again before the silence is over" in caplog.text
    assert not notices(bot)["order_unknown"]
