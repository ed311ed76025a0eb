"""The benchmarks of the live path run to their end and say what they measured."""

from tests.command_line import done


def test_every_streamed_candle_brings_an_order_whose_latency_is_stated() -> None:
    said = done("bench", "latency", "--candles", "20", "--idle-candles", "1")
    assert said["hot: frame sent to order handed over"]["count"] == 20
    assert said["idle: frame sent to order handed over"]["count"] == 1
    for spread in said.values():
        assert 0.0 < spread["p50_ms"] <= spread["p99_ms"] <= spread["max_ms"]


def test_every_instant_of_many_markets_ends_in_a_last_decision() -> None:
    said = done("bench", "burst", "--markets", "5", "--instants", "2")
    assert {spread["count"] for spread in said.values()} == {2}
