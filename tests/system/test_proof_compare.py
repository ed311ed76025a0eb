"""A comparison with networks, killed for good in the middle: what was fitted stays, and the answer is the same."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from bot.compose.compare_report import JSON_FILE
from bot.core.market import Timeframe
from bot.exchange.market import MarketModel, SeededMarket

FROM_MS = 1_609_459_200_000
"""2021-01-01."""
RHO = -0.6


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = MarketModel(planted_rho=RHO, jump_chance=0.0)
    made = SeededMarket(5, "BTC/USDT", Timeframe.H1, model, FROM_MS).candles(4_000)
    path = tmp_path_factory.mktemp("candles") / "made.csv"
    columns = zip(made.open_time_ms, made.open, made.high, made.low, made.close, made.volume, strict=True)
    lines = [",".join(str(value) for value in row) for row in columns]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def command(candles: Path, out: Path) -> list[str]:
    code = "import sys; from bot.cli.main import main; main(sys.argv[1:])"
    rows = "persistence,sign reversal,always up,logistic,CNN-LSTM,GRU,DLinear,ensemble"
    words = ["compare", "--candles", candles, "--symbol", "BTC/USDT", "--timeframe", "1h", "--rows", rows, "--out", out]
    options = ["--folds", "1", "--seeds", "2", "--epochs", "3", "--jobs", "2", "--best-hit-rate", "0.75"]
    return [sys.executable, "-c", code, *map(str, words), *options]


def judged(out: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((out / JSON_FILE).read_text())
    for row in report["tables"][0]["rows"]:
        row["making"] = {"weights": row["making"]["weights"]}
    return report


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_a_killed_comparison_of_networks_gives_the_same_table(candles: Path, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run(command(candles, tmp_path / "whole"), cwd=root, check=True, capture_output=True)
    killed = subprocess.Popen(
        command(candles, tmp_path / "killed"), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    fits = tmp_path / "killed" / "fits"
    while killed.poll() is None and not list(fits.glob("fit-*.npz")):
        sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / JSON_FILE).exists()
    subprocess.run(command(candles, tmp_path / "killed"), cwd=root, check=True, capture_output=True)
    whole, again = judged(tmp_path / "whole"), judged(tmp_path / "killed")

    assert again["kept"] >= 1
    assert again["fits"] + again["kept"] == whole["fits"]
    assert again["tables"] == whole["tables"]
    assert again["verdict"] == whole["verdict"]
    rows = {row["name"]: row for row in whole["tables"][0]["rows"]}
    # Three epochs on some hundred candles: surely found, if not yet at its theoretical rate.
    assert rows["CNN-LSTM"]["direction"]["low"] > 0.55
    assert rows["sign reversal"]["direction"]["low"] > 0.55
    assert len(rows["GRU"]["direction"]["by_seed"]) == 2
