"""A bad hour: faults of every kind at random, one on top of the other, and still every candle once and true."""

import pytest

from bot.exchange.fault_schedule import random_faults
from tests.market_time import run
from tests.stream_scenarios import MINUTE, minute, session

HOUR = 60
MARKETS = ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize("seed", [4, 11])
def test_an_hour_of_faults_at_random_loses_and_doubles_nothing(seed: int) -> None:
    async def story() -> None:
        faults = random_faults(seed, MARKETS, minute(1), minute(HOUR - 10), mean_gap_ms=2 * MINUTE)
        async with session(*faults, seed=seed) as run_:
            await run_.until(lambda: run_.has_emitted(HOUR), within=HOUR + 30)
            run_.assert_candles()
            assert len({struck.kind for struck in run_.log.struck}) >= 8
            await run_.until(lambda: not run_.suspended)

    run(story())
