"""`candlewick tune` as a person runs it, on generated candles, and what `candlewick train` makes of its recipe."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from strategies.forecasting.bundle import Architecture, load_bundle
from strategies.forecasting.configuration import Configuration, read_recipe, recipe_text
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.plan import Plan
from tests.study_stand_in import made_candles

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (made,) = made_candles(1_500)
    path = tmp_path_factory.mktemp("candles") / "made.csv"
    lines = [
        ",".join(str(value) for value in (opened, *row.tolist()))
        for opened, row in zip(made.open_time_ms.tolist(), np.asarray(made.ohlcv), strict=True)
    ]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def candlewick(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from bot.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900, check=False)


def tune(candles: Path, study: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    market = ("--symbol", "BTC/USDT", "--timeframe", "1h", "--best-hit-rate", "0.71")
    return candlewick("tune", "--candles", candles, "--study", study, *market, *words)


def test_too_few_candles_end_with_one_sentence_and_nothing_begun(candles: Path, tmp_path: Path) -> None:
    ended = tune(candles, tmp_path / "study", "--until", "2021-01-20")

    assert ended.returncode == 3
    assert "give more candles" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "study").exists()


def test_a_network_that_does_not_exist_is_refused(candles: Path, tmp_path: Path) -> None:
    ended = tune(candles, tmp_path / "study", "--kind", "TCN")

    assert ended.returncode == 2
    assert "there is no network TCN: choose of CNN-LSTM" in ended.stderr


def test_the_process_that_asks_never_imports_tensorflow() -> None:
    code = (
        "import sys, bot.cli.tune, bot.compose.tuning_run, bot.compose.tuning_told, bot.compose.tuning_work;"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert answer.stdout.strip() == "[]"


@pytest.mark.proof
@pytest.mark.timeout(1_200)
def test_a_study_is_made_gone_on_with_and_used(candles: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    asked = ("--folds", "1", "--jobs", "2", "--kind", "CNN", "--json")
    first = tune(candles, study, "--trials", "3", *asked)
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)

    told = json.loads((study / "study.json").read_bytes())
    assert result["trials"] == {"complete": 3, "pruned": 0, "failed": 0}
    assert told["verdict"] == result["verdict"]
    assert [trial["record"]["number"] for trial in told["trials"]] == [0, 1, 2]
    assert all(trial["record"]["versions"]["keras"] for trial in told["trials"])
    chosen = min(told["trials"], key=lambda trial: trial["record"]["loss"])
    assert chosen["record"]["number"] == told["chosen"]
    assert told["configuration"]["architecture"]["kind"] == "CNN"
    assert (study / "study.html").read_text().count("<svg") >= 2
    assert (
        read_recipe(study / "recipe.json", SHIPPED).configuration.plan.epochs == told["configuration"]["plan"]["epochs"]
    )

    kept = {path: path.stat().st_mtime_ns for path in study.rglob("*.np[yz]")}
    again = tune(candles, study, "--trials", "3", *asked)
    assert json.loads(again.stdout) == result
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*.np[yz]")} == kept

    other = tune(candles, study, "--trials", "3", *asked, "--seed", "8")
    assert other.returncode == 2
    assert "holds another study: its seed is 7, not 8" in other.stderr


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_a_recipe_is_trained_and_the_bundle_mutes_what_it_says(candles: Path, tmp_path: Path) -> None:
    shape = Architecture(20, len(SHIPPED.names), filters=8, lstm_units=8, muted=(20, 21, 22, 23))
    recipe = tmp_path / "recipe.json"
    recipe.write_bytes(recipe_text(Configuration(shape, Plan(epochs=2, batch=64)), SHIPPED, "Chosen by hand."))
    market = ("--symbol", "BTC/USDT", "--timeframe", "1h", "--best-hit-rate", "0.71")
    out = tmp_path / "made"

    ended = candlewick("train", "--candles", candles, *market, "--out", out, "--folds", "0", "--recipe", recipe)

    assert ended.returncode == 0, ended.stderr
    bundle = load_bundle(out, SHIPPED)
    assert bundle.architecture == shape
    assert bundle.scaler.muted == (20, 21, 22, 23)
    assert bundle.metrics["training"]["plan"]["batch"] == 64
    assert "Chosen by hand." in bundle.card
    both = candlewick(
        *("train", "--candles", candles, *market, "--out", tmp_path / "b", "--recipe", recipe, "--epochs", "3")
    )
    assert both.returncode == 2
    assert "--epochs and --recipe both say how long to learn" in both.stderr
