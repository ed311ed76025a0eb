import json
import re
from pathlib import Path
from shutil import rmtree

import pytest
from click.testing import CliRunner, Result

from bot.adapters.feed_inputs import AnyFeedInput, FrameReceived
from bot.cli.parity import parity
from bot.core.errors import DataError, JournalError
from tests.unit.bot.compose.taped_market import PAST, Recorder, candles_of, change_tape, recorded_run

PLANTED = candles_of("BTC/USDT")[PAST + 5]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    def script(recorder: Recorder) -> None:
        recorder.hours(PAST, PAST + 12)

    return recorded_run(tmp_path / "run", script, strategy="buy-and-hold")


def plant(item: AnyFeedInput) -> AnyFeedInput:
    if not isinstance(item, FrameReceived) or b"BTCUSDT" not in item.frame:
        return item
    if b'"t":%d' % PLANTED.open_time_ms not in item.frame:
        return item
    frame = re.sub(rb'"v":"([^"]+)"', rb'"v":"\g<1>1"', item.frame)
    return FrameReceived(item.at_ms, item.connection, frame)


def asked(*words: object) -> tuple[Result, int]:
    result = CliRunner().invoke(parity, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None
    return result, result.return_value


def test_a_run_without_a_difference_is_said_to_be_and_ends_well(run: Path) -> None:
    result, code = asked(run)
    assert code == 0
    assert result.stderr == ""
    assert result.stdout.startswith("24 candles, 0 features, 0 forecasts, 24 signals, ")
    assert result.stdout.endswith("no difference: the tape gives the same run\n")


def test_a_difference_is_told_in_a_line_and_ends_otherwise(run: Path) -> None:
    change_tape(run / "tape", plant)
    result, code = asked(run)
    assert code == JournalError.exit_code
    volume = repr(PLANTED.volume)
    line, compared, verdict = result.stdout.splitlines()
    assert line == f"1. 2024-01-31 06:00:00 BTC/USDT candle: volume recorded {volume}, again {volume}1"
    assert compared.endswith("of 1 session compared")
    assert verdict == "1 difference with 1 first cause"


def test_differences_are_told_as_one_object(run: Path) -> None:
    change_tape(run / "tape", plant)
    result, code = asked(run, "--json")
    assert code == JournalError.exit_code
    said = json.loads(result.stdout)
    assert said["sessions"] == 1
    assert said["left_over"] == 0
    assert said["compared"]["candle"] == 24
    (difference,) = said["differences"]
    assert (difference["stage"], difference["symbol"], difference["first_cause"]) == ("candle", "BTC/USDT", 1)
    assert difference["changes"][0]["name"] == "volume"


def test_a_run_without_a_tape_is_told_how_to_keep_one(run: Path) -> None:
    rmtree(run / "tape")
    with pytest.raises(DataError, match=r"kept no tape, .*: a session keeps one that is started with --record"):
        CliRunner().invoke(parity, [str(run)], standalone_mode=False, catch_exceptions=False)


def test_what_came_after_the_end_is_said(run: Path) -> None:
    path = run / "tape" / "000001.tape"
    path.write_bytes(path.read_bytes()[:-10])
    result, _ = asked(run)
    assert "000001.tape ends without a closing block" in result.stderr
