"""The benchmark of replays measures the whole engine, and the same work each time."""

from tests.command_line import done

SMALL = ("bench", "replay", "--candles", "5000", "--model-candles", "0", "--rounds", "1")


def test_two_rounds_do_the_same_work_with_orders_and_stops_in_it() -> None:
    first, second = done(*SMALL), done(*SMALL)
    assert first["events_sha256"] == second["events_sha256"]
    assert first["fills"] > 100
    assert first["stop_exits"] > 0
    assert set(first["candles_per_second"]) == {
        "full engine", "without journal", "without broker", "without risk", "without marks"
    }  # fmt: skip
