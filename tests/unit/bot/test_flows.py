"""When what a live session handles has to be in the file."""

from bot.core.events import AnyEvent, Halt, PriceUpdated
from bot.flows import PRICES_TOGETHER, LiveFlow
from bot.replay import Checkpoints
from tests.engine_world import World, engine
from tests.hourly_bars import BTC, T0, bar, closed
from tests.scripted_strategies import always


class Kept:
    """A flow over a world, and how many events had been handled each time that it was kept."""

    def __init__(self) -> None:
        self.world = World(engine(always(0.0)))
        self.moments: list[int] = []
        journal = self.world.journal
        checkpoints = Checkpoints(self.world.engine, journal, 10**9)
        self.flow = LiveFlow(
            self.world.pump, checkpoints, journal, lambda: self.moments.append(len(journal.steps)), lambda *_: None
        )

    def take(self, *events: AnyEvent) -> list[int]:
        for event in events:
            self.flow.take(event)
        return self.moments


def price(number: int) -> PriceUpdated:
    return PriceUpdated(T0 + number, BTC, 100.0, 100.0, 100.0)


def test_a_price_is_kept_with_what_comes_after_it() -> None:
    assert Kept().take(price(1), price(2)) == []
    assert Kept().take(price(1), price(2), closed(bar(0, 100.0)), price(3)) == [3]
    assert Kept().take(price(1), Halt(T0, "by hand"), price(2)) == [2]


def test_no_more_than_a_few_prices_wait_for_each_other() -> None:
    kept = Kept().take(*map(price, range(3 * PRICES_TOGETHER)))
    assert kept == [PRICES_TOGETHER, 2 * PRICES_TOGETHER, 3 * PRICES_TOGETHER]
