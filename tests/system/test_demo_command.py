"""`candlewick demo`: what a newcomer sees first."""

from pathlib import Path

from tests.command_line import candlewick, done, told


def test_the_demo_trades_two_markets_through_the_whole_machine(tmp_path: Path) -> None:
    ended = candlewick("demo", "--out", tmp_path / "demo", "--json")

    assert ended.returncode == 0, ended.stderr
    summary = told(ended)
    # In real time that runs faster: how much is traded depends on the machine.
    assert 0 < summary["candles"] <= 2 * 900
    assert summary["fills"] >= 20
    assert summary["stop_exits"] >= 2
    assert summary["in_sample_frac"] == 0.0
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "invented market" in page
    told_lines = [line for line in ended.stderr.splitlines() if " candles  equity " in line]
    assert len(told_lines) >= 5
    assert f"Ctrl-C stops it, the same command with --out {tmp_path / 'demo'} goes on" in ended.stderr
    assert done("replay", "--journal", tmp_path / "demo")["difference"] is None
