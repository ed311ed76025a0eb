"""
Sessions in real sockets whose connections break, each held against its own tape; and one candle for candle against
its tape and a file.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.feed_inputs import Connected
from bot.adapters.journal_reader import read_run
from bot.adapters.tape_reader import read_tape
from bot.compose.market_source import InventedMarket, embedded_start_ms
from bot.compose.paper_run import PaperRequest, run_paper
from bot.compose.parity_run import Parity, check_parity
from bot.compose.replay_run import ReplayRequest, ReplayRun
from bot.compose.tape_run import TapeRequest, TapeRun
from bot.core.commands import Decided
from bot.core.market import DAY_MS, Timeframe
from tests.command_line import DEMO_BUNDLE, MARKETS, candlewick, say

LIVELY = {"stop.atr_multiple": "0.5"}
START_MS = embedded_start_ms(Timeframe.H1)


def session(run: Path, days: int, seed: int, faults: Path | None = None) -> None:
    request = PaperRequest(
        run,
        symbols=MARKETS,
        bundle=DEMO_BUNDLE,
        profile="lively",
        overrides=LIVELY,
        for_ms=days * DAY_MS,
        record=True,
        invented=InventedMarket(seed=seed, speed="100000", faults=faults),
    )
    assert asyncio.run(run_paper(request, lambda _: None, lambda *_: None))


def broken_session(folder: Path, days: int, seed: int) -> Parity:
    """A session that loses its connection after a third and after two thirds of its time."""
    rules = [
        {"fault": "hang up", "where": {"connection": 1, "from_ms": START_MS + days * DAY_MS // 3}},
        {"fault": "hang up", "code": 1012, "where": {"connection": 2, "from_ms": START_MS + days * DAY_MS * 2 // 3}},
    ]
    faults = folder / "faults.json"
    faults.write_text(json.dumps(rules))
    session(folder / "run", days, seed, faults)
    parity = check_parity(folder / "run")
    inputs = [one for part in read_tape(folder / "run" / "tape").sessions for one in part.inputs()]
    connections = sum(isinstance(one, Connected) for one in inputs)
    compared = parity.report.compared
    say(f"{connections} connections, {compared['candle']} candles, {compared['fill']} fills, none different")
    assert connections >= 3
    return parity


def test_a_session_whose_connections_break_is_what_its_tape_says(tmp_path: Path) -> None:
    parity = broken_session(tmp_path, days=6, seed=7)
    assert parity.report.differences == ()
    assert parity.report.compared["candle"] >= 200


@pytest.mark.proof
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [3, 5, 11])
def test_a_thousand_candles_with_reconnects_in_them_are_what_their_tape_says(tmp_path: Path, seed: int) -> None:
    parity = broken_session(tmp_path, days=30, seed=seed)
    assert parity.report.differences == ()
    assert parity.report.compared["candle"] >= 1_000
    assert parity.report.compared["fill"] >= 100


def test_a_session_its_tape_and_the_same_candles_from_a_file_decide_the_same(tmp_path: Path) -> None:
    run, taped, filed = tmp_path / "run", tmp_path / "taped", tmp_path / "filed"
    session(run, days=8, seed=7)
    TapeRun(TapeRequest(run / "tape", taped, bundle=DEMO_BUNDLE, profile="lively", overrides=LIVELY)).play(
        lambda *_: None
    )
    rules = {}
    for one in read_run(run).header.instruments:
        rules[f"markets.{one.symbol}.tick_size"] = str(one.tick_size)
        rules[f"markets.{one.symbol}.lot_step"] = str(one.lot_step)
        rules[f"markets.{one.symbol}.min_quantity"] = str(one.min_quantity)
        rules[f"markets.{one.symbol}.min_notional"] = str(one.min_notional)
    ReplayRun(
        ReplayRequest(
            out=filed,
            files=tuple(candle_file(tmp_path, symbol, 2_000 + 8 * 24) for symbol in MARKETS),
            timeframe="1h",
            bundle=DEMO_BUNDLE,
            profile="lively",
            overrides=LIVELY | rules,
            from_date=datetime.fromtimestamp(START_MS / 1_000, UTC).isoformat(),
        )
    ).play(lambda *_: None)
    assert len(decisions(run)) == 2 * 8 * 24
    assert decisions(taped) == decisions(run)
    assert decisions(filed) == decisions(run)


def candle_file(folder: Path, symbol: str, count: int) -> Path:
    path = folder / f"{symbol.replace('/', '_')}-1h.csv"
    ended = candlewick("exchange", "candles", "--symbol", symbol, "--rho", "0.3", "--count", count, "--out", path)
    assert ended.returncode == 0
    return path


def decisions(run: Path) -> list[Decided]:
    return [one for one in read_run(run).records() if isinstance(one, Decided)]
