"""The same input gives the same bytes: from run to run, from journal to commands, in whatever order files are named."""

import shutil
from pathlib import Path

from tests.command_line import BUSY, DEMO_BUNDLE, MARKETS, candle_words, candlewick, done, say, told, write_markets

TABLES = ("fills.csv", "equity.csv", "forecasts.csv", "decisions.csv")


def table_bytes(run: Path, folder: Path) -> dict[str, bytes]:
    assert candlewick("export", run, "--out", folder).returncode == 0
    return {name: (folder / name).read_bytes() for name in TABLES}


def test_the_same_replay_twice_is_the_same_to_the_last_byte(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 1_700)
    summaries, tables = [], []
    for number in ("1", "2"):
        run = tmp_path / number
        words = ["replay", *candle_words(files), *BUSY, "--out", run, "--json"]
        ended = candlewick(*words, PYTHONHASHSEED=number)
        assert ended.returncode == 0, ended.stderr
        summaries.append(told(ended))
        tables.append(table_bytes(run, tmp_path / f"tables {number}"))

    say(f"{summaries[0]['fills']} fills, {summaries[0]['stop_exits']} stop exits, {summaries[0]['denied']} denials")
    assert summaries[0]["fills"] >= 500
    assert summaries[0]["journal_sha256"] == summaries[1]["journal_sha256"]
    assert tables[0] == tables[1]


def test_a_journal_alone_gives_the_same_commands(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 1_700)
    bundle = shutil.copytree(DEMO_BUNDLE, tmp_path / "bundle")
    summary = done("replay", *candle_words(files), *BUSY, "--bundle", bundle, "--out", tmp_path / "run")
    shutil.rmtree(bundle)
    for path in files.values():
        path.unlink()

    checked = done("replay", "--journal", tmp_path / "run")

    say(f"{checked['commands']} commands from {checked['events']} events, {summary['fills']} fills")
    assert summary["fills"] >= 500
    assert checked["difference"] is None
    # An order for each entry, exit and stop, a mark for each instant, a decision for each candle.
    assert checked["commands"] >= summary["orders"] + 3 * summary["candles"] // 2 - summary["breakers"]


def test_the_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    files = write_markets(tmp_path, 1_200, symbols=("SOL/USDT", *MARKETS))
    one = done("replay", *candle_words(files), *BUSY, "--out", tmp_path / "one")
    backwards = dict(reversed(files.items()))
    other = done("replay", *candle_words(backwards), *BUSY, "--out", tmp_path / "other")

    assert one["fills"] >= 200
    assert one["journal_sha256"] == other["journal_sha256"]


def test_a_market_in_pieces_is_the_market_in_one(tmp_path: Path) -> None:
    whole = write_markets(tmp_path, 1_200, symbols=("BTC/USDT",))["BTC/USDT"]
    heading, *rows = whole.read_text().splitlines(keepends=True)
    (tmp_path / "late").mkdir()
    (tmp_path / "early").mkdir()
    late, early = tmp_path / "late" / whole.name, tmp_path / "early" / whole.name
    late.write_text("".join([heading, *rows[600:]]))
    early.write_text("".join([heading, *rows[:600]]))

    one = done("replay", "--candles", whole, *BUSY, "--out", tmp_path / "one")
    pieces = done("replay", "--candles", late, "--candles", early, *BUSY, "--out", tmp_path / "pieces")

    assert one["fills"] >= 100
    assert one["journal_sha256"] == pieces["journal_sha256"]
