"""What a measurement is asked for has to be possible, before anything is started for it."""

import pytest

from tests.command_line import called, refused

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["latency", "--candles", "0"], "--candles"),
        (["latency", "--idle-candles", "-1"], "--idle-candles"),
        (["burst", "--markets", "0"], "--markets"),
        (["burst", "--instants", "0"], "--instants"),
        (["orders", "--orders", "-3"], "--orders"),
        (["orders", "--writes", "0"], "--writes"),
        (["replay", "--candles", "-1"], "--candles"),
        (["replay", "--model-candles", "-1"], "--model-candles"),
        (["replay", "--rounds", "0"], "--rounds"),
        (["train", "--epochs", "0"], "--epochs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nothing_at_all_cannot_be_measured(capfd: Capture, words: list[str], option: str) -> None:
    sentence = refused(called(capfd, "bench", *words), 2)
    assert sentence.startswith(f"Invalid value for '{option}': {words[-1]} is not in the range")
