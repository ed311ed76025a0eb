"""The benchmark of orders runs to its end and says what it measured."""

import pytest

from tests.command_line import done


def test_an_order_is_measured_beside_ccxt_and_its_durable_write_beside_the_disk() -> None:
    said = done("bench", "orders", "--orders", "12", "--writes", "12")
    assert len(said["spreads"]) == 4
    for spread in said["spreads"].values():
        assert spread["count"] == 12
        assert 0.0 < spread["p50_ms"] <= spread["p99_ms"] <= spread["max_ms"]
    ours, ccxt, intent, disk = (spread["p50_ms"] for spread in said["spreads"].values())
    assert list(said["ratios"].values()) == pytest.approx([ours / ccxt, intent / disk], abs=0.001)
