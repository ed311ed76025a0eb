import pytest

from bot.cli.progress import begun_late, candle_progress


def test_elsewhere_than_on_a_terminal_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with candle_progress(10_000) as advance:
        for instant in range(5_000):
            advance(2, instant * 3_600_000)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_the_bar_is_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with candle_progress(4_000) as advance:
        for instant in range(2_000):
            advance(2, 1_704_067_200_000 + instant * 3_600_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert "4000/4000" in said.err
    assert "2024-03-2" in said.err


def test_what_fails_before_its_first_step_shows_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with pytest.raises(ValueError, match="no such thing"), begun_late("Exchanging"):
        raise ValueError("no such thing")
    assert capsys.readouterr() == ("", "")
    with begun_late("Exchanging") as advance:
        for step in range(3):
            advance(step + 1, 3)
    said = capsys.readouterr()
    assert said.out == ""
    assert "Exchanging" in said.err
    assert "100%" in said.err


def test_a_run_without_candles_has_a_bar_too() -> None:
    with candle_progress(0):
        pass
