from pathlib import Path

import pytest

from bot.cli import replay as replay_module
from bot.core.errors import ConfigError
from tests.command_line import called, candle_words, refused, write_markets

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "words", [[], ["--out", "run"], ["--candles", "a.csv"], ["--candles", "a.csv", "--tape", "t", "--out", "run"]]
)
def test_candles_and_a_folder_are_needed(capfd: Capture, words: list[str]) -> None:
    said = refused(called(capfd, "replay", *words), ConfigError.exit_code)
    assert said == "name the candles with --candles, or a --tape, and the run's folder with --out"


def test_the_words_of_a_replay_arrive_as_they_were_said(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    given: list[object] = []

    def take(out: Path, asked: dict[str, object]) -> None:
        given.extend((out, asked))
        raise ConfigError("enough")

    monkeypatch.setattr(replay_module, "_play", take)
    words = ["--candles", "a.csv", "--candles", "b.csv", "--symbol", "BTC/USDT", "--timeframe", "1h", "--bundle", "b"]
    words += ["--strategy", "s.py", "--profile", "p", "--set", "a.b=c=d", "--set", "e.f = g", "--from", "2024-01-01"]
    words += ["--until", "2024-02-01", "--cash", "5", "--out", "run"]
    assert refused(called(capfd, "replay", *words), ConfigError.exit_code) == "enough"

    assert given == [
        Path("run"),
        {
            "files": (Path("a.csv"), Path("b.csv")),
            "tape": None,
            "symbol": "BTC/USDT",
            "timeframe": "1h",
            "bundle": Path("b"),
            "runtime": "onnx",
            "strategy": "s.py",
            "profile": "p",
            "overrides": {"a.b": "c=d", "e.f": "g"},
            "from_date": "2024-01-01",
            "until_date": "2024-02-01",
            "cash": "5",
        },
    ]


def test_mended_candles_are_told_on_standard_error(tmp_path: Path, capfd: Capture) -> None:
    whole = write_markets(tmp_path, 60, symbols=("BTC/USDT",))
    path = whole["BTC/USDT"]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:30], *lines[31:]]))

    ended = called(capfd, "replay", *candle_words(whole), "--strategy", "buy-and-hold", "--out", tmp_path / "run")

    assert ended.returncode == 0
    assert "BTC/USDT: " in ended.stderr
    assert "1 missing" in ended.stderr


def test_how_long_it_took_is_in_the_summary(tmp_path: Path, capfd: Capture) -> None:
    files = write_markets(tmp_path, 60, symbols=("BTC/USDT",))
    ended = called(capfd, "replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run")
    assert "Wall-clock time" in ended.stdout
    assert "Wall-clock time" not in called(capfd, "report", tmp_path / "run").stdout
