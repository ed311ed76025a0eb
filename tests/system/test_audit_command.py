"""`candlewick audit` and `candlewick explain` as a person runs them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bot.core.market import Timeframe
from bot.exchange.market import MarketModel, SeededMarket
from strategies.forecasting.bundle import load_bundle
from strategies.forecasting.features import SHIPPED
from tests.command_line import DEMO_BUNDLE, called, command, environment, refused, told, write_candles

LEAKS = (
    "global scaling",
    "centred average",
    "back-fill",
    "label overlap",
    "early decision",
    "unfinished bar",
    "early availability",
)


def test_the_demonstrations_bundle_passes_what_needs_no_fit(capfd: pytest.CaptureFixture[str]) -> None:
    ended = called(capfd, "audit", "demo", "--without-fits", "--json")
    result = told(ended)

    assert ended.returncode == 0, result["failed"]
    assert result["held"] is True
    verdicts = {check["name"]: check["verdict"] for check in result["checks"]}
    assert {verdicts[leak] for leak in LEAKS} == {"holds"}
    assert {verdicts[f"planted {leak}"] for leak in LEAKS} == {"caught"}
    assert verdicts["planted AR(1), served"] == verdicts["another future: decisions"] == "holds"
    assert "without-fits" in result["left_out"][0]
    assert "planted back-fill: caught" in ended.stderr


def test_a_bundle_with_a_leak_planted_fails_by_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    ended = called(capfd, "audit", DEMO_BUNDLE, "--without-fits", "--plant", "centred average")

    assert ended.returncode == 8
    last = ended.stdout.splitlines()[-2]
    assert last.startswith("failed: centred average, ")
    assert "another future: forecasts" in last


def test_a_strategy_of_ones_own_that_remembers_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from strategies.strategy import Signal\n"
        "class Counting:\n"
        "    needs_forecast = False\n"
        "    seen = 0\n"
        "    def wanted(self, view, forecast):\n"
        "        self.seen += 1\n"
        "        return Signal(float(self.seen % 5 > 2), 'counted')\n"
        "def strategy():\n"
        "    return Counting()\n"
    )
    result = told(called(capfd, "audit", own, "--json"))

    assert result["failed"] == ["memory"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "nowhere is neither a bundle nor a strategy"),
        (("buy-and-hold", "--plant", "global scaling"), "choose of foresight, chance, memory, exaggeration"),
    ],
)
def test_what_cannot_be_audited_is_said_in_one_sentence(
    words: tuple[str, ...], sentence: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refused(called(capfd, "audit", *words), 2)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("candles") / "BTC_USDT-1h.csv"
    write_candles(path, SeededMarket(3, "BTC/USDT", Timeframe.H1, MarketModel()).candles(1_900))
    return path


def test_an_explanation_stands_beside_the_card_and_changes_no_fingerprint(
    candles: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "demo"
    shutil.copytree(DEMO_BUNDLE, copy)
    before = load_bundle(copy, SHIPPED)

    ended = called(capfd, "explain", copy, "--candles", candles, "--repeats", "2", "--card", "--json")
    result = told(ended)

    assert ended.returncode == 0
    assert load_bundle(copy, SHIPPED).fingerprint == before.fingerprint == result["fingerprint"]
    page = Path(result["card"]).read_text()
    assert before.fingerprint in page
    assert result["groups"][0]["part"] == "returns"
    assert result["steps"][0]["brier"]["rise"] > 3.0 * result["steps"][0]["brier"]["error"]
    assert len(result["steps"]) == 12 + 8
    assert result["wrong"] < 0.5 < result["wrong"] + result["steps"][0]["direction"]["rise"] + 0.05


def test_candles_that_were_learnt_from_explain_nothing(
    tmp_path: Path, candles: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = called(capfd, "explain", DEMO_BUNDLE, "--candles", candles, "--until", "2024-02-05")

    assert "after the training are too few" in refused(ended, 3)


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.parametrize("bundle", ["reference-btc-1h", "demo"])
def test_the_shipped_bundles_pass_the_whole_audit(bundle: str) -> None:
    ended = subprocess.run(
        command("audit", bundle, "--json"), capture_output=True, text=True, env=environment(), timeout=590, check=False
    )

    assert ended.returncode == 0, ended.stderr
    names = [check["name"] for check in told(ended)["checks"]]
    assert {"planted AR(1)", "another future: weights", "label permutation", "white noise"} <= set(names)
