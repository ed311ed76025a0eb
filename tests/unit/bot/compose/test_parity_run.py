import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived, HistoryAnswered
from bot.adapters.journal_reader import read_run
from bot.adapters.tape_reader import read_tape
from bot.compose.feed_plan import FeedPlan
from bot.compose.parity_run import check_parity
from bot.compose.parts import load_forecaster
from bot.core.commands import Decided, RequestForecast, SubmitOrder
from bot.core.errors import DataError, JournalError, ModelError
from bot.core.events import ForecastFailed, ForecastReady, OrderFilled
from bot.core.ports import Forecaster
from tests.command_line import DEMO_BUNDLE, HOUR_MS
from tests.unit.bot.compose.taped_market import (
    PAST,
    Recorder,
    candles_of,
    change_tape,
    eventful,
    record_tape,
    recorded_run,
    tape_plan,
)

BTC = "BTC/USDT"
PLANTED = candles_of(BTC)[PAST + 100]
"""The candle that somebody changes: one that its stream has brought."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded_run(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "run")


def about_planted(item: AnyFeedInput) -> bool:
    return (
        isinstance(item, FrameReceived) and b"BTCUSDT" in item.frame and b'"t":%d' % PLANTED.open_time_ms in item.frame
    )


def last_digit_changed(text: bytes) -> bytes:
    return text[:-1] + b"%d" % ((int(text[-1:]) + 1) % 10)


def test_a_run_with_reconnects_and_many_fills_has_no_difference_from_its_tape(whole: Path) -> None:
    parity = check_parity(whole)
    assert parity.report.differences == ()
    assert parity.sessions == 1
    assert not parity.remarks
    compared = parity.report.compared
    assert compared["candle"] >= 400
    assert compared["feature"] == compared["forecast"] > 380
    assert compared["signal"] == 400
    records = list(read_run(whole).records())
    assert compared["fill"] == sum(isinstance(one, OrderFilled) for one in records) > 100
    assert compared["order"] > sum(isinstance(one, SubmitOrder) for one in records) > 100


def test_a_volume_changed_in_its_last_digit_is_found_and_named_as_the_first_cause(run: Path) -> None:
    volume = b'"v":"%r"' % PLANTED.volume
    changed = b'"v":"%s"' % last_digit_changed(b"%r" % PLANTED.volume)

    def plant(item: AnyFeedInput) -> AnyFeedInput:
        if not about_planted(item):
            return item
        assert isinstance(item, FrameReceived)
        assert volume in item.frame
        return replace(item, frame=item.frame.replace(volume, changed))

    change_tape(run / "tape", plant)
    first, *others = check_parity(run).report.differences
    assert (first.number, first.stage, first.symbol) == (1, "candle", BTC)
    assert first.instant_ms == PLANTED.open_time_ms + HOUR_MS
    ((name, recorded, again),) = [(one.name, one.recorded, one.again) for one in first.changes]
    assert (name, recorded) == ("volume", repr(PLANTED.volume))
    assert again == repr(float(changed[5:-1])) != recorded
    assert {one.first_cause for one in others} <= {1}


def test_a_volume_that_history_brought_is_proven_too(run: Path) -> None:
    lost = candles_of(BTC)[PAST + 63]

    def plant(item: AnyFeedInput) -> AnyFeedInput:
        if not isinstance(item, HistoryAnswered) or item.symbol != BTC:
            return item
        rows = tuple((*row[:5], row[5] * 2.0) if row[0] == lost.open_time_ms else row for row in item.rows)
        return replace(item, rows=rows)

    change_tape(run / "tape", plant)
    report = check_parity(run).report
    assert report.differences[0].instant_ms == lost.open_time_ms + HOUR_MS
    assert [one.name for one in report.differences[0].changes] == ["volume"]
    assert {one.stage for one in report.differences} >= {"candle", "feature", "forecast"}
    assert {one.first_cause for one in report.differences} == {1}


def test_a_price_that_changes_decisions_is_the_first_cause_of_every_order_and_fill(run: Path) -> None:
    def plant(item: AnyFeedInput) -> AnyFeedInput:
        if not about_planted(item):
            return item
        assert isinstance(item, FrameReceived)
        high = PLANTED.high * 1.2
        frame = re.sub(rb'"c":"[^"]+","h":"[^"]+"', b'"c":"%r","h":"%r"' % (high, high), item.frame)
        return replace(item, frame=frame)

    change_tape(run / "tape", plant)
    report = check_parity(run).report
    assert {one.stage for one in report.differences} == {"candle", "feature", "forecast", "signal", "order", "fill"}
    assert {one.first_cause for one in report.differences} == {1}
    assert [one.name for one in report.differences[0].changes] == ["high", "close"]


def without_planted(item: AnyFeedInput) -> AnyFeedInput | None:
    if isinstance(item, HistoryAnswered) and item.symbol == BTC:
        return replace(item, rows=tuple(row for row in item.rows if row[0] != PLANTED.open_time_ms))
    return None if about_planted(item) else item


def test_a_candle_that_the_tape_does_not_give_is_a_difference(run: Path) -> None:
    change_tape(run / "tape", without_planted)
    first = check_parity(run).report.differences[0]
    assert (first.stage, first.symbol, first.first_cause) == ("candle", BTC, 1)
    ((name, recorded, again),) = [(one.name, one.recorded, one.again) for one in first.changes]
    assert (name, again) == ("", "nothing")
    assert recorded.startswith(f"Candle (open_time_ms {PLANTED.open_time_ms}")


def test_a_candle_that_the_journal_does_not_have_is_a_difference(tmp_path: Path) -> None:
    def poorer(recorder: Recorder) -> None:
        recorder.missing_in_history.add(PLANTED.open_time_ms)
        recorder.hours(PAST, PAST + 100)
        recorder.lose()
        recorder.connect(PAST + 101)
        recorder.tick(60_000)
        recorder.tick(60_000)
        recorder.hours(PAST + 101, PAST + 130)

    def whole(recorder: Recorder) -> None:
        recorder.hours(PAST, PAST + 130)

    run = recorded_run(tmp_path / "run", poorer, strategy="buy-and-hold")
    assert check_parity(run).report.differences == ()
    shutil.rmtree(run / "tape")
    record_tape(run / "tape", whole, tape_plan(PAST))
    first = check_parity(run).report.differences[0]
    ((_, recorded, again),) = [(one.name, one.recorded, one.again) for one in first.changes]
    assert (first.stage, recorded) == ("candle", "nothing")
    assert again.startswith(f"Candle (open_time_ms {PLANTED.open_time_ms}")


def test_a_candle_on_its_way_when_the_session_ended_is_no_difference(run: Path) -> None:
    later = PAST + 200
    shutil.rmtree(run / "tape")

    def longer(recorder: Recorder) -> None:
        eventful(recorder)
        recorder.hours(later, later + 3)

    record_tape(run / "tape", longer, tape_plan(PAST))
    parity = check_parity(run)
    assert parity.report.differences == ()
    assert parity.left_over == 6


class Slow:
    """A model that once took longer than anybody waits."""

    def __init__(self, model: Forecaster, late_ms: int) -> None:
        self.name = model.name
        self._model = model
        self._late_ms = late_ms

    def forecast(self, request: RequestForecast) -> ForecastReady | ForecastFailed:
        answer = self._model.forecast(request)
        is_late = request.close_time_ms == self._late_ms
        return replace(answer, latency_ms=1e6) if is_late and isinstance(answer, ForecastReady) else answer


def test_a_forecast_that_came_too_late_comes_too_late_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late_ms = PLANTED.open_time_ms + HOUR_MS

    def slow(path: Path, runtime: str) -> tuple[object, Slow]:
        bundle, model = load_forecaster(path, runtime)
        return bundle, Slow(model, late_ms)

    monkeypatch.setattr("bot.compose.parts.load_forecaster", slow)
    run = recorded_run(tmp_path / "run")
    reasons = [
        one.reason for one in read_run(run).records() if isinstance(one, Decided) and one.close_time_ms == late_ms
    ]
    assert reasons == ["the forecast came too late"] * 2
    assert check_parity(run).report.differences == ()


def test_a_session_without_a_tape_is_named(run: Path) -> None:
    (session,) = read_tape(run / "tape").sessions
    shutil.rmtree(run / "tape")
    plan = replace(FeedPlan.of_tape(session.header), journal_events=99)
    record_tape(run / "tape", eventful, plan)
    with pytest.raises(DataError, match="session 1 of the run has no tape"):
        check_parity(run)


def test_a_run_without_a_tape_is_named(run: Path) -> None:
    shutil.rmtree(run / "tape")
    with pytest.raises(DataError, match="holds no tape"):
        check_parity(run)


def test_a_tape_that_was_cut_off_is_said_to_be(run: Path) -> None:
    path = run / "tape" / "000001.tape"
    path.write_bytes(path.read_bytes()[:-30])
    assert "ends without a closing block" in check_parity(run).remarks[0]


def test_a_tape_of_a_session_that_never_began_is_passed_over(run: Path) -> None:
    (session,) = read_tape(run / "tape").sessions
    shutil.rmtree(run / "tape")
    plan = FeedPlan.of_tape(session.header)
    # Killed before its first commit: the next session begins at the same place of the journal.
    record_tape(run / "tape", lambda _: None, plan)
    record_tape(run / "tape", eventful, plan)
    assert check_parity(run).report.differences == ()


def test_another_model_than_the_runs_is_refused(run: Path) -> None:
    with pytest.raises(ModelError, match=r"is not the run's .*: name its folder with --bundle"):
        check_parity(run, DEMO_BUNDLE.with_name("reference-btc-1h"))
    assert check_parity(run, DEMO_BUNDLE).report.differences == ()


def test_a_run_of_another_version_is_not_decided_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.compose.parity_run.code_version", lambda: "9.9+other")
    with pytest.raises(JournalError, match=r"and this is 9\.9\+other"):
        check_parity(run)
