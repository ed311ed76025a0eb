"""Inputs for the tests of the tape: one of each kind, and frames that are told apart by their number."""

from collections.abc import Iterable
from pathlib import Path

from bot.adapters.feed_inputs import (
    AnyFeedInput,
    Connected,
    Disconnected,
    FrameReceived,
    HistoryAnswered,
    HistoryFailed,
    Tick,
)
from bot.adapters.tape_format import TapeHeader
from bot.adapters.tape_reader import read_tape
from bot.adapters.tape_writer import USUAL_LIMITS, TapeLimits, TapeWriter

HOUR_MS = 3_600_000
SYMBOL = "BTC/USDT"

HEADER = TapeHeader("binance", (SYMBOL,), "1h", {"markets_a_connection": "200"}, 1_000, "1.2.3")

INPUTS: tuple[AnyFeedInput, ...] = (
    Connected(1_000, 1, (SYMBOL,)),
    FrameReceived(1_001, 1, b'{"e":"kline"}'),
    HistoryAnswered(1_002, SYMBOL, 0, 2 * HOUR_MS, 999, ((0, 1.0, 2.5, 0.5, 2.0, 1e-8), (HOUR_MS, 2, 2, 2, 2, 0.0))),
    HistoryFailed(1_003, SYMBOL, 0, HOUR_MS, "timed out"),
    Tick(1_250),
    Disconnected(1_260, 1, "1006, without a goodbye"),
)


def frame(number: int) -> FrameReceived:
    return FrameReceived(
        2_000 + number, 1, b'{"e":"kline","n":%d,"c":"%d.%08d"}' % (number, number % 97, number * 7919)
    )


def record(
    folder: Path,
    inputs: Iterable[AnyFeedInput],
    limits: TapeLimits = USUAL_LIMITS,
    *,
    header: TapeHeader = HEADER,
) -> None:
    with TapeWriter(folder, header, limits) as tape:
        for item in inputs:
            tape.write(item)


def recorded(folder: Path) -> list[AnyFeedInput]:
    return [item for session in read_tape(folder).sessions for item in session.inputs()]
