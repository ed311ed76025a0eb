"""
Candlewick as a person runs it, from its command line, and candles to run it on.

A command is a process of its own, with nothing of the tests' environment that could change what it does; `called`
is the exception.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import main
from bot.core.market import Timeframe
from bot.exchange.market import Columns, MarketModel, SeededMarket

ROOT = Path(__file__).resolve().parents[1]
DEMO_BUNDLE = ROOT / "strategies/forecasting/bundles/demo"
SHARED = ROOT.parent / "shared/data"
"""Real candles, where there are any: they are no part of the project."""

HOUR_MS = Timeframe.H1.ms
MARKETS = ("BTC/USDT", "ETH/USDT")
HEADING = ("timestamp", "open", "high", "low", "close", "volume")

BUSY = ("--profile", "lively", "--bundle", str(DEMO_BUNDLE), "--set", "stop.atr_multiple=0.5")
"""Settings under which everything happens often: entries, exits, stops, refusals and tripped breakers."""


def environment(**more: str) -> dict[str, str]:
    """What a command gets to see: this very code, and no setting of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CANDLEWICK_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | more


def command(*words: object) -> list[str]:
    """The words that start a command."""
    return [sys.executable, "-P", "-m", "bot", *map(str, words)]


def candlewick(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `more` are environment variables."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(**more), timeout=110, check=False
    )


def called(capfd: pytest.CaptureFixture[str], *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end inside this process, through the same front door, which is faster."""
    capfd.readouterr()
    spoken = [str(word) for word in words]
    with pytest.raises(SystemExit) as ended:
        main(spoken)
    assert isinstance(ended.value.code, int)
    return subprocess.CompletedProcess(spoken, ended.value.code, *capfd.readouterr())


def done(*words: object) -> dict[str, Any]:
    """Run a command that must succeed with `--json`; what it says."""
    ended = candlewick(*words, "--json")
    assert ended.returncode == 0, ended.stderr
    return told(ended)


def told(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one object on standard output."""
    said = json.loads(ended.stdout)
    assert isinstance(said, dict)
    return said


def refused(ended: subprocess.CompletedProcess[str], code: int) -> str:
    """The one sentence in which a command said no, at the end of what it said."""
    assert ended.returncode == code, (ended.returncode, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert "unexpected" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("candlewick: ")]
    assert len(lines) == 1, ended.stderr
    assert ended.stderr.splitlines()[-1] == lines[-1]
    return lines[-1].removeprefix("candlewick: ")


def write_markets(folder: Path, count: int, symbols: Sequence[str] = MARKETS, seed: int = 7) -> dict[str, Path]:
    """Make the first `count` hours of invented markets, a file each; the files by symbol."""
    files = {}
    for symbol in symbols:
        market = SeededMarket(seed, symbol, Timeframe.H1, MarketModel())
        files[symbol] = folder / f"{symbol.replace('/', '_')}-1h.csv"
        write_candles(files[symbol], market.candles(count))
    return files


def write_candles(path: Path, columns: Columns) -> None:
    """Write candles as a file that a replay reads."""
    parts = (columns.open_time_ms, columns.open, columns.high, columns.low, columns.close, columns.volume)
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEADING)
        lines.writerows(zip(*(part.tolist() for part in parts), strict=True))


def candle_words(files: Mapping[str, Path]) -> list[str]:
    """The words that name files of candles."""
    return [word for path in files.values() for word in ("--candles", str(path))]


def exported(run: Path, folder: Path) -> dict[str, list[dict[str, str]]]:
    """The tables of a run: rows by the name of the table."""
    ended = candlewick("export", run, "--out", folder)
    assert ended.returncode == 0, ended.stderr
    tables = {}
    for path in folder.glob("*.csv"):
        with path.open(newline="") as file:
            tables[path.stem] = list(csv.DictReader(file))
    return tables


def say(counts: str) -> None:
    """Show what a proof has seen (`pytest -s`): one about orders that saw no orders proves nothing."""
    sys.stdout.write(f"\n{counts}\n")
