"""What counts as having seen a period, whoever looked and into whatever folder it was told."""

import pytest
from msgspec.structs import replace

from strategies.forecasting.comparison.lock import Look, Stretch, Told, begun, is_noted, seen_before, told_of

LOCK_MS = 1_717_200_000_000
"""2024-06-01."""
DAY_MS = 86_400_000

LOCKED = Look(
    LOCK_MS + 400 * DAY_MS,
    "compare",
    "/reports/a",
    "a" * 64,
    (Stretch(("BTC/USDT",), "1h", LOCK_MS, LOCK_MS + 300 * DAY_MS),),
    locked=True,
)


def look(command: str, until_ms: int, symbols: tuple[str, ...] = ("BTC/USDT",), timeframe: str = "1h") -> Look:
    seen = Stretch(symbols, timeframe, LOCK_MS - 500 * DAY_MS, until_ms)
    return Look(LOCK_MS + 390 * DAY_MS, command, f"/{command}", "b" * 64, (seen,))


@pytest.mark.parametrize("command", ["compare", "tune", "train"])
def test_whoever_reached_past_the_begin_has_seen_the_period(command: str) -> None:
    reached, stopped = look(command, LOCK_MS + 1), look(command, LOCK_MS)

    assert seen_before([stopped], LOCKED) == ()
    assert seen_before([stopped, reached], LOCKED) == (reached,)


def test_other_markets_and_timeframes_are_other_candles_and_one_market_of_several_is_enough() -> None:
    later = LOCK_MS + DAY_MS
    others = [look("train", later, ("ETH/USDT",)), look("train", later, timeframe="4h")]
    pooled = look("train", later, ("ETH/USDT", "BTC/USDT"))

    assert seen_before([*others, pooled], LOCKED) == (pooled,)


def test_a_look_into_another_folder_has_seen_the_same_days() -> None:
    assert seen_before([LOCKED], replace(LOCKED, out="/reports/b")) == (LOCKED,)


def test_a_look_that_was_cut_short_goes_on_and_one_that_was_told_is_over() -> None:
    again = replace(LOCKED, opened_at_ms=LOCKED.opened_at_ms + 5)
    told = Told(again.opened_at_ms, LOCKED.about, LOCKED.out)

    assert (begun([LOCKED], again), seen_before([LOCKED], again)) == (LOCKED, ())
    assert (begun([LOCKED, told], again), seen_before([LOCKED, told], again)) == (None, (LOCKED,))
    # Reopened, and cut short this time.
    assert (begun([LOCKED, told, again], again), seen_before([LOCKED, told, again], again)) == (again, (LOCKED,))
    assert begun([LOCKED], replace(again, about="c" * 64)) is None


def test_the_same_look_is_known_again_at_another_time() -> None:
    assert is_noted([LOCKED], replace(LOCKED, opened_at_ms=1))
    assert not is_noted([LOCKED], replace(LOCKED, about="c" * 64))


def test_looks_are_named_the_newest_first_and_not_without_end() -> None:
    said = told_of([look(f"tune{number}", LOCK_MS + DAY_MS) for number in range(5)])

    assert said.startswith("by tune4 on 2025-06-26, until 2024-06-02, into /tune4; by tune3")
    assert said.endswith("; and 2 more")
