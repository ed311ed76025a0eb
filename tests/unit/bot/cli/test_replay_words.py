import re
from pathlib import Path

import pytest

from bot.cli import replay as replay_module
from bot.core.errors import ConfigError
from tests.command_line import DEMO_BUNDLE, called, candle_words, refused, write_markets

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("words", [[], ["--out", "run"], ["--candles", "a.csv"], ["--tape", "t"]])
def test_candles_and_a_folder_are_needed(capfd: Capture, words: list[str]) -> None:
    said = refused(called(capfd, "replay", *words), ConfigError.exit_code)
    assert said == "name the candles with --candles, or a --tape, and the run's folder with --out"


def test_candles_and_a_tape_exclude_each_other(capfd: Capture) -> None:
    said = refused(called(capfd, "replay", "--candles", "a.csv", "--tape", "t", "--out", "run"), ConfigError.exit_code)
    assert said == "--candles and --tape exclude each other: name one of them"


def test_a_journal_is_decided_again_by_nothing_else(capfd: Capture) -> None:
    words = ["--journal", "run", "--candles", "a.csv", "--set", "a.b=1", "--json"]
    ended = called(capfd, "replay", *words)
    assert refused(ended, ConfigError.exit_code) == (
        "--journal decides a run again by what the run itself wrote down: leave out --candles, --set"
    )


def test_what_a_journal_gave_again_is_the_answer(tmp_path: Path, capfd: Capture) -> None:
    files = write_markets(tmp_path, 60, symbols=("BTC/USDT",))
    called(capfd, "replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run")
    ended = called(capfd, "replay", "--journal", tmp_path / "run")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(r"\d+ events gave the same \d+ commands\n", ended.stdout)


def test_who_breaks_a_replay_off_while_it_opens_is_told_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capfd: Capture, tmp_path: Path
) -> None:
    def opening(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(replay_module, "_run", opening)
    ended = called(capfd, "replay", "--candles", "a.csv", "--out", tmp_path / "run")
    assert ended.returncode == 130
    assert [line for line in ended.stderr.splitlines() if line] == [
        f"stopped; the same command with --out {tmp_path / 'run'} goes on",
        "candlewick: interrupted",
    ]


def test_the_words_of_a_replay_arrive_as_they_were_said(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    given: list[object] = []

    def take(out: Path, asked: dict[str, object]) -> None:
        given.extend((out, asked))
        raise ConfigError("enough")

    monkeypatch.setattr(replay_module, "_play", take)
    words = ["--candles", "a.csv", "--candles", "b.csv", "--symbol", "BTC/USDT", "--timeframe", "1h"]
    words += ["--bundle", "demo", "--strategy", "s.py", "--profile", "p", "--set", "a.b=c=d", "--set", "e.f = g"]
    words += ["--from", "2024-01-01", "--until", "2024-02-01", "--cash", "5", "--out", "run"]
    assert refused(called(capfd, "replay", *words), ConfigError.exit_code) == "enough"

    assert given == [
        Path("run"),
        {
            "files": (Path("a.csv"), Path("b.csv")),
            "tape": None,
            "symbol": "BTC/USDT",
            "timeframe": "1h",
            "bundle": DEMO_BUNDLE,
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
