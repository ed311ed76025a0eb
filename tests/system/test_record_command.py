"""A recording of the embedded exchange, in real sockets, and what a replay and a parity check make of its tape."""

import asyncio
import os
import signal
from pathlib import Path

from bot.adapters.journal_reader import read_run
from bot.adapters.tape_reader import read_tape
from bot.compose.paper_run import PaperRequest, run_paper
from bot.compose.parity_run import check_parity
from bot.compose.record_run import PAST, RecordRequest, candles_expected, run_record
from bot.compose.tape_events import hear_all
from bot.compose.tape_run import TapeRequest, TapeRun
from bot.core.commands import Decided
from bot.core.events import CandleClosed
from bot.core.market import DAY_MS
from tests.command_line import DEMO_BUNDLE, MARKETS

LIVELY = {"stop.atr_multiple": "0.5"}


def test_a_recording_holds_every_candle_of_its_time_and_the_past_before_it(tmp_path: Path) -> None:
    request = RecordRequest(tmp_path, symbols=MARKETS, for_ms=5 * DAY_MS, speed="400000")
    progress: list[int] = []
    recorded = asyncio.run(run_record(request, lambda candles, _: progress.append(candles)))

    assert recorded.candles == sum(progress) == candles_expected(request) == 2 * (PAST + 120)
    assert recorded.tape.remarks() == []
    assert sum(1 for session in recorded.tape.sessions for _ in session.inputs()) == recorded.inputs
    heard = [one.event for one in hear_all(recorded.tape.sessions)]
    for symbol in MARKETS:
        closes = [event.at_ms for event in heard if isinstance(event, CandleClosed) and event.symbol == symbol]
        assert closes == list(range(closes[0], closes[-1] + 1, 3_600_000))


def test_a_recording_that_is_told_to_stop_ends_in_order(tmp_path: Path) -> None:
    told: list[int] = []

    def stop_at_the_first_candle(_: int, close_ms: int) -> None:
        if not told:
            os.kill(os.getpid(), signal.SIGTERM)
        told.append(close_ms)

    recorded = asyncio.run(run_record(RecordRequest(tmp_path, speed="100000"), stop_at_the_first_candle))
    assert recorded.candles == len(told)
    (session,) = read_tape(tmp_path).sessions
    assert session.closed
    assert sum(1 for _ in session.inputs()) == recorded.inputs > 0


def test_a_session_its_tape_and_the_replay_of_it_decide_the_same(tmp_path: Path) -> None:
    run = tmp_path / "run"
    request = PaperRequest(
        run,
        symbols=MARKETS,
        bundle=DEMO_BUNDLE,
        profile="lively",
        overrides=LIVELY,
        for_ms=10 * DAY_MS,
        record=True,
    )
    assert asyncio.run(run_paper(request, lambda _: None, lambda *_: None))
    parity = check_parity(run)
    assert parity.report.differences == ()
    assert parity.report.compared["candle"] >= 480
    assert parity.report.compared["fill"] > 50
    TapeRun(TapeRequest(run / "tape", tmp_path / "again", bundle=DEMO_BUNDLE, profile="lively", overrides=LIVELY)).play(
        lambda *_: None
    )
    assert decisions(tmp_path / "again") == decisions(run)


def decisions(run: Path) -> list[Decided]:
    return [one for one in read_run(run).records() if isinstance(one, Decided)]
