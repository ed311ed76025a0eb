"""`candlewick train` as a person runs it, on generated candles."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.adapters.model_runtime import OnnxRuntime
from bot.core.market import Timeframe
from bot.exchange.market import MarketModel, SeededMarket
from strategies.forecasting.bundle import load_bundle
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.serving import BundleForecaster

FROM_MS = 1_609_459_200_000
"""2021-01-01."""


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = SeededMarket(5, "BTC/USDT", Timeframe.H1, MarketModel(planted_rho=0.6), FROM_MS).candles(2_000)
    path = tmp_path_factory.mktemp("candles") / "made.csv"
    columns = zip(made.open_time_ms, made.open, made.high, made.low, made.close, made.volume, strict=True)
    lines = [",".join(str(value) for value in row) for row in columns]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def candlewick(*words: str | Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from bot.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=300, check=False
    )


def test_it_trains_judges_and_packs_a_bundle_that_can_be_served(
    candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = tmp_path / "made"
    ended = candlewick(
        *("train", "--candles", candles, "--symbol", "BTC/USDT", "--timeframe", "1h", "--until", "2021-03-20"),
        *("--out", out, "--folds", "1", "--jobs", "1", "--epochs", "1", "--best-hit-rate", "0.71", "--json"),
    )

    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    bundle = load_bundle(out, SHIPPED)
    BundleForecaster(bundle, OnnxRuntime(bundle.graph)).prove()
    assert result["fingerprint"] == bundle.fingerprint
    assert result["weights_sha256"] == bundle.metrics["training"]["weights_sha256"]
    assert result["walk_forward"]["pooled"][0]["moves"] > 100
    assert bundle.data.symbols == ("BTC/USDT",)
    assert bundle.data.trained_until_ms == 1_616_198_400_000
    assert bundle.card.splitlines()[2].startswith("**The market is invented.**")
    (line,) = (tmp_path / "state/candlewick/looks.jsonl").read_text().splitlines()
    look = json.loads(line)
    assert (look["command"], look["out"], look["candles"][0]["symbols"]) == ("train", str(out), ["BTC/USDT"])
    assert look["candles"][0]["until_ms"] == 1_616_198_400_000


def test_too_few_candles_end_with_one_sentence_and_the_exit_code_of_data(candles: Path, tmp_path: Path) -> None:
    ended = candlewick(
        *("train", "--candles", candles, "--symbol", "BTC/USDT", "--timeframe", "1h"),
        *("--until", "2021-01-20", "--out", tmp_path / "made"),
    )

    assert ended.returncode == 3
    assert "give more candles" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "made").exists()


def test_a_folder_that_exists_is_left_as_it_is(candles: Path, tmp_path: Path) -> None:
    ended = candlewick("train", "--candles", candles, "--symbol", "BTC/USDT", "--timeframe", "1h", "--out", tmp_path)

    assert ended.returncode == 2
    assert "exists and is not overwritten" in ended.stderr
