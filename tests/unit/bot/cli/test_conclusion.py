import json
from pathlib import Path

import pytest

from bot.adapters.journal_reader import read_run
from bot.cli.conclusion import EXIT_SUSPECTED_LEAK, conclude
from bot.core.errors import StorageError
from bot.reporting.review import Review
from tests.command_line import called, candle_words, write_markets

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path, capfd: Capture) -> Path:
    files = write_markets(tmp_path, 200, symbols=("BTC/USDT",))
    words = ["replay", *candle_words(files), "--strategy", "buy-and-hold", "--out", tmp_path / "run"]
    assert called(capfd, *words).returncode == 0
    (tmp_path / "run" / "report.html").unlink()
    return tmp_path / "run"


def test_the_end_of_a_run_is_a_page_and_a_summary(run: Path, capfd: Capture) -> None:
    assert conclude(run, seconds=2.0, as_json=False) == 0
    said = capfd.readouterr()
    assert "Equity at the end" in said.out
    assert "2.00 s" in said.out
    assert (run / "report.html").read_text().startswith("<!")


def test_with_json_it_is_one_object(run: Path, capfd: Capture) -> None:
    assert conclude(run, seconds=2.0, as_json=True) == 0
    summary = json.loads(capfd.readouterr().out)
    assert summary["candles"] == 200
    assert summary["seconds"] == 2.0
    assert summary["candles_per_second"] == 100.0
    assert summary["report"] == str(run / "report.html")


def test_the_page_goes_where_it_is_wanted(run: Path, tmp_path: Path, capfd: Capture) -> None:
    conclude(run, seconds=None, as_json=True, out=tmp_path / "page.html")
    assert json.loads(capfd.readouterr().out)["report"] == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()
    assert not (run / "report.html").exists()


def test_a_page_that_cannot_be_written_is_a_matter_of_storage(run: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="name another --out"):
        conclude(run, seconds=None, as_json=False, out=tmp_path / "BTC_USDT-1h.csv" / "page.html")


def test_forecasts_that_are_too_good_to_be_true_end_with_a_code_of_their_own(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    monkeypatch.setattr(Review, "leak_suspected", True)
    assert conclude(run, seconds=None, as_json=True) == EXIT_SUSPECTED_LEAK == 8
    assert json.loads(capfd.readouterr().out)["leak_suspected"] is True
    assert called(capfd, "report", run).returncode == 8
    assert read_run(run).finished
