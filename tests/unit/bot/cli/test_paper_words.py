from pathlib import Path
from typing import Any

import click
import pytest

from bot.cli import telling
from bot.cli.live import _new_folder
from bot.cli.options import Duration, Speed
from bot.compose.account import AccountRequest
from bot.compose.live_run import LiveRequest
from bot.compose.market_source import InventedMarket
from bot.compose.paper_run import PaperRequest
from bot.core.errors import ConfigError
from tests.command_line import DEMO_BUNDLE, called

DAY_MS = 86_400_000
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("90m", 5_400_000), ("12h", DAY_MS // 2), ("30d", 30 * DAY_MS), ("2w", 14 * DAY_MS), (5, 5)],
)
def test_a_duration_is_a_number_and_a_unit(text: str | int, ms: int) -> None:
    assert Duration().convert(text, None, None) == ms


@pytest.mark.parametrize("text", ["", "5", "d", "1.5h", "-3d", "0d", "3y", "3 d", "3D", "3d "])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration: write 90m, 12h or 30d"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["max", "1", "0.5", "160000", "1000000"])
def test_a_speed_is_a_number_or_max(text: str) -> None:
    assert Speed().convert(text, None, None) == text


@pytest.mark.parametrize("text", ["", "fast", "MAX", "0", "0.0", "-1", "1e3", "1000001", "nan", "inf", "1,5"])
def test_anything_else_is_no_speed(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a speed: write a number above 0, up to a million, or max"):
        Speed().convert(text, None, None)


def test_each_new_demo_has_a_folder_of_its_own(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert _new_folder(runs) == runs / "demo-1"
    (runs / "demo-1").mkdir(parents=True)
    (runs / "demo-3").mkdir()
    assert _new_folder(runs) == runs / "demo-2"


def test_too_many_demos_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _self: True)
    with pytest.raises(ConfigError, match="holds too many demo runs: remove some, or name a folder with --out"):
        _new_folder(tmp_path)


def asked(monkeypatch: pytest.MonkeyPatch, capfd: Capture, *words: str) -> Any:
    """What a command asks for, without doing it."""
    requests: list[Any] = []

    def take(request: object, _run: object, **_: object) -> int:
        requests.append(request)
        return 0

    monkeypatch.setattr(telling, "run_told", take)
    assert called(capfd, *words).returncode == 0
    return requests[0]


def test_a_session_is_of_bitcoin_for_hours_on_the_embedded_exchange_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    request = asked(monkeypatch, capfd, "paper", "--out", "run")
    assert request == PaperRequest(out=Path("run"), invented=InventedMarket(speed="1"))


def test_the_words_of_a_session_arrive_as_they_were_said(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    words = ["paper", "--out", "run", "--exchange", "binance", "--symbol", "ETH/USDT", "--symbol", "SOL/USDT"]
    words += ["--timeframe", "5m", "--bundle", "demo", "--strategy", "s.py", "--profile", "p", "--set", "a.b=c=d"]
    words += ["--cash", "5", "--for", "3h", "--seed", "9", "--speed", "60"]
    assert asked(monkeypatch, capfd, *words) == PaperRequest(
        out=Path("run"),
        exchange="binance",
        symbols=("ETH/USDT", "SOL/USDT"),
        timeframe="5m",
        bundle=DEMO_BUNDLE,
        strategy="s.py",
        profile="p",
        overrides={"a.b": "c=d"},
        cash="5",
        for_ms=3 * DAY_MS // 24,
        invented=InventedMarket(seed=9, speed="60"),
    )


def test_the_demo_is_a_lively_session_of_weeks_in_about_a_minute(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    request = asked(monkeypatch, capfd, "demo")
    assert request.out == Path("runs/demo-1")
    assert request.profile == "lively"
    assert request.symbols == ("BTC/USDT", "ETH/USDT")
    assert request.for_ms == 900 * DAY_MS // 24
    assert request.account == AccountRequest("embedded")
    assert 45 <= request.for_ms / 1000 / float(request.invented.speed) <= 60


def test_a_live_session_names_its_place_and_its_budget(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    words = ["live", "--out", "run", "--exchange", "binance", "--testnet", "--keys", "k", "--cash", "500"]
    assert asked(monkeypatch, capfd, *words) == LiveRequest(
        out=Path("run"), account=AccountRequest("binance-testnet", Path("k")), cash="500"
    )


def test_an_exchange_that_runs_already_can_be_joined(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    words = ["live", "--out", "run", "--join", "ready.json", "--speed", "60", "--seed", "9"]
    request = asked(monkeypatch, capfd, *words)
    assert request.account == AccountRequest("embedded", None, Path("ready.json"))
    assert request.invented == InventedMarket(seed=9, speed="60")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--testnet", "--demo", "--exchange", "binance"], "--testnet and --demo are two places"),
        (["--testnet"], "--testnet is Binance's"),
        (["--exchange", "binance"], "real money is refused"),
        (["--exchange", "bianance"], "no account can be kept at 'bianance'"),
        (["--speed", "max"], "--speed max has no time in which an order could travel"),
    ],
)
def test_what_cannot_be_traded_at_is_one_sentence(
    capfd: Capture, tmp_path: Path, words: list[str], sentence: str
) -> None:
    ended = called(capfd, "live", "--out", tmp_path / "run", "--strategy", "buy-and-hold", *words)
    assert ended.returncode == ConfigError.exit_code
    assert sentence in ended.stderr
    assert not (tmp_path / "run").exists()
