from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters.journal import Journal
from bot.adapters.journal_reader import read_run
from bot.adapters.tape_reader import read_tape
from bot.compose.replay_run import ReplayRequest, ReplayRun
from bot.compose.tape_events import KnownPast, find_tape, hear, hear_all
from bot.compose.tape_run import TapeRun
from bot.core.commands import Backfill, Decided, SubmitOrder
from bot.core.errors import DataError, JournalError
from bot.core.events import Backfilled, CandleClosed, MarketRestored, MarketSuspended, OrderFilled
from tests.command_line import DEMO_BUNDLE, HOUR_MS, write_markets
from tests.unit.bot.compose.taped_market import (
    PAST,
    Recorder,
    candles_of,
    engine_events,
    eventful,
    record_tape,
    recorded_run,
    request,
    tape_plan,
)

BTC, ETH = "BTC/USDT", "ETH/USDT"
HOLD = {"strategy": "buy-and-hold"}


def played(run: TapeRun) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    run.play(lambda candles, close_ms: told.append((candles, close_ms)))
    return told


def short(recorder: Recorder) -> None:
    recorder.hours(PAST, PAST + 20)


def test_a_tape_tells_what_its_session_told(tmp_path: Path) -> None:
    told: list[object] = []

    def script(recorder: Recorder) -> None:
        eventful(recorder)
        told.extend(engine_events(recorder))

    record_tape(tmp_path, script)
    (session,) = read_tape(tmp_path).sessions
    heard = [one.event for one in hear(session)]
    assert heard == told
    assert sum(isinstance(event, CandleClosed) for event in heard) == 2 * (PAST + 200)
    assert any(isinstance(event, MarketSuspended) for event in heard)


def test_what_is_heard_carries_the_time_of_the_sessions_clock(tmp_path: Path) -> None:
    record_tape(tmp_path / "real", short, tape_plan(PAST))
    record_tape(tmp_path / "invented", short, replace(tape_plan(PAST), venue="embedded", runs_by_market=True))
    real, invented = (list(hear(read_tape(tmp_path / name).sessions[0])) for name in ("real", "invented"))
    assert [one.event for one in real] == [one.event for one in invented]
    assert all(one.at_ms == one.event.at_ms for one in invented)
    assert all(one.at_ms > one.event.at_ms for one in real)


def test_every_candle_of_the_session_is_played_and_progress_is_told(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", short)
    run = TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD))
    assert run.candles_left == 40
    assert run.findings == []
    first = candles_of(BTC)[PAST].open_time_ms
    assert played(run) == [(2, first + number * HOUR_MS) for number in range(1, 21)]
    stored = read_run(tmp_path / "run")
    assert stored.finished
    assert stored.header.at_ms == first
    assert stored.header.fingerprints["tape"] == read_tape(tmp_path / "tape").seal.hex()


@pytest.mark.parametrize(
    ("venue", "market"),
    [("binance", "a tape of binance"), ("embedded", "invented market of the embedded exchange, from a tape")],
)
def test_a_tape_that_stands_alone_says_whether_its_market_is_real(tmp_path: Path, venue: str, market: str) -> None:
    record_tape(tmp_path / "tape", short, replace(tape_plan(PAST), venue=venue))
    run = TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD))
    assert run.opened.header.labels["market"] == market
    played(run)


@pytest.mark.parametrize(
    ("said", "market"),
    [
        ("invented market, seed 7", "invented market, seed 7, from a tape"),
        ("invented market, seed 7, from a tape", "invented market, seed 7, from a tape"),
        ("another exchange", "invented market of the embedded exchange, from a tape"),
    ],
)
def test_a_tape_of_a_run_calls_its_market_as_the_run_does(tmp_path: Path, said: str, market: str) -> None:
    recorded = read_run(recorded_run(tmp_path / "run", short, **HOLD)).header
    folder = tmp_path / "invented"
    Journal.create(folder, replace(recorded, labels={"market": said}), synchronous="OFF", block_records=256).close()
    record_tape(folder / "tape", short, replace(tape_plan(PAST), venue="embedded"))
    run = TapeRun(request(folder, tmp_path / "again", **HOLD))
    assert run.opened.header.labels["market"] == market
    run.opened.journal.close()


def test_a_tape_decides_as_a_file_of_its_candles_does(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", lambda recorder: recorder.hours(PAST, PAST + 200))
    TapeRun(request(tmp_path / "tape", tmp_path / "taped")).play(lambda *_: None)
    files = write_markets(tmp_path, PAST + 200)
    asked = ReplayRequest(
        tuple(files.values()),
        tmp_path / "filed",
        bundle=DEMO_BUNDLE,
        profile="lively",
        overrides={"stop.atr_multiple": "0.5"},
        from_date="2024-01-31T00:00",
    )
    ReplayRun(asked).play(lambda *_: None)
    taped, filed = (decisions(tmp_path / name) for name in ("taped", "filed"))
    assert taped == filed
    assert len(taped) == 400
    assert len(quantities(tmp_path / "taped")) > 100
    assert quantities(tmp_path / "taped") == quantities(tmp_path / "filed")


def decisions(run: Path) -> list[Decided]:
    return [one for one in read_run(run).records() if isinstance(one, Decided)]


def quantities(run: Path) -> list[tuple[int, str, str, str]]:
    return [
        (one.at_ms, one.fill.symbol, str(one.fill.quantity), str(one.fill.price))
        for one in read_run(run).records()
        if isinstance(one, OrderFilled)
    ]


def test_a_run_that_keeps_its_tape_is_replayed_to_the_same_end(tmp_path: Path) -> None:
    # The past is in the run's journal alone, and so are its trading rules.
    recorded_run(tmp_path / "run")
    for named in (tmp_path / "run", tmp_path / "run" / "tape"):
        again = tmp_path / f"again-{named.name}"
        TapeRun(request(named, again)).play(lambda *_: None)
        assert decisions(again) == decisions(tmp_path / "run")
        assert quantities(again) == quantities(tmp_path / "run")
        assert len(quantities(again)) > 100


def test_a_market_that_cannot_be_proven_is_suspended_in_the_replay_too(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", eventful)
    TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD)).play(lambda *_: None)
    stored = list(read_run(tmp_path / "run").records())
    suspended = [one for one in stored if isinstance(one, MarketSuspended)]
    assert suspended
    assert len(suspended) == sum(isinstance(one, MarketRestored) for one in stored)


def test_a_market_that_is_late_for_its_instant_is_left_out_by_the_tapes_own_clock(tmp_path: Path) -> None:
    def script(recorder: Recorder) -> None:
        recorder.hours(PAST, PAST + 5)
        recorder.hours(PAST + 5, PAST + 6, [BTC])
        recorder.tick(1_000)
        recorder.hours(PAST + 6, PAST + 12)

    record_tape(tmp_path / "tape", script)
    run = TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD))
    counts = [count for count, _ in played(run)]
    assert counts[:6] == [2, 2, 2, 2, 2, 1]
    assert sum(counts) == 24


def test_an_unfinished_replay_is_gone_on_with(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", eventful)
    asked = request(tmp_path / "tape", tmp_path / "run", overrides={"journal.block_records": "40"})
    whole = request(tmp_path / "tape", tmp_path / "whole", overrides={"journal.block_records": "40"})

    class Killed(Exception):
        pass

    count = 0

    def killed(candles: int, _: int) -> None:
        nonlocal count
        count += candles
        if count > 150:
            raise Killed

    with pytest.raises(Killed):
        TapeRun(asked).play(killed)
    again = TapeRun(asked)
    assert 200 < again.candles_left < 400
    again.play(lambda *_: None)
    TapeRun(whole).play(lambda *_: None)
    assert decisions(tmp_path / "run") == decisions(tmp_path / "whole")
    assert quantities(tmp_path / "run") == quantities(tmp_path / "whole")
    with pytest.raises(JournalError, match="is finished"):
        TapeRun(asked)


def test_sessions_are_heard_as_one(tmp_path: Path) -> None:
    record_tape(tmp_path, short)
    # The second one begins with candles that the first one told.
    record_tape(tmp_path, lambda recorder: recorder.hours(PAST + 25, PAST + 30), at=PAST + 25)
    tape = read_tape(tmp_path)
    heard = [one.event for one in hear_all(tape.sessions)]
    for symbol in (BTC, ETH):
        opens = [e.candle.open_time_ms for e in heard if isinstance(e, CandleClosed) and e.symbol == symbol]
        assert opens == [candle.open_time_ms for candle in candles_of(symbol)[: PAST + 30]]


def test_a_market_that_one_session_left_suspended_is_the_next_ones_to_judge(tmp_path: Path) -> None:
    def silent(recorder: Recorder) -> None:
        recorder.hours(PAST, PAST + 2)
        recorder.lose()
        recorder.tick(HOUR_MS)
        recorder.tick(HOUR_MS)

    record_tape(tmp_path, silent)
    record_tape(tmp_path, lambda recorder: recorder.hours(PAST + 9, PAST + 12), at=PAST + 9)
    heard = [one.event for one in hear_all(read_tape(tmp_path).sessions)]
    standing = [type(event) for event in heard if not isinstance(event, CandleClosed) and event.symbol == BTC]
    assert standing[:2] == [MarketSuspended, MarketRestored]


def test_what_was_cut_off_is_said(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", short)
    path = tmp_path / "tape" / "000001.tape"
    path.write_bytes(path.read_bytes()[:-20])
    run = TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD))
    assert "ends without a closing block" in run.findings[0]
    run.opened.journal.close()


def test_a_tape_without_a_candle_is_named(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", lambda _: None, tape_plan(PAST))
    with pytest.raises(DataError, match=r"holds no closed candle of BTC/USDT, ETH/USDT"):
        TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD))


def test_history_answers_with_what_is_known_and_with_the_first_word_on_it() -> None:
    past = KnownPast()
    one, two, three = candles_of(BTC)[:3]
    past.add(BTC, [three, one])
    past.add(BTC, [replace(one, volume=1.0), two])
    answer = past.backfill(Backfill(BTC, one.open_time_ms, three.open_time_ms))
    assert answer == Backfilled(three.open_time_ms, BTC, one.open_time_ms, three.open_time_ms, (one, two))
    assert past.backfill(Backfill(ETH, 0, 1)).candles == ()


def test_a_tape_alone_belongs_to_no_run(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", short)
    assert find_tape(tmp_path / "tape") == (tmp_path / "tape", None)
    assert find_tape(tmp_path) == (tmp_path / "tape", None)


def test_orders_are_submitted_at_all(tmp_path: Path) -> None:
    record_tape(tmp_path / "tape", short)
    TapeRun(request(tmp_path / "tape", tmp_path / "run", **HOLD)).play(lambda *_: None)
    assert any(isinstance(one, SubmitOrder) for one in read_run(tmp_path / "run").records())
