"""A world for the order tracker, played at random from a seed."""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, Final

from tests.hourly_bars import BTC
from tests.order_world import OrderWorld

FATES: Final = (
    *("deliver",) * 6,
    *("lost request", "lost answer", "late", "torn", "stale"),
    *("not sent", "refused", "no room", "banned"),
)
"""What can become of a request; the last four are for orders, and other requests are answered well."""

SIZES: Final = ("3", "0.007", "1.5")
PAUSES: Final = (10, 500, 2_000, 10_000, 61_000)
PRICES: Final = (100, 101, 99, 94, 90, 80)
HEARING: Final = ("deliver", "deliver", "repeat", "lose")

_DEEDS: Final[tuple[Callable[[OrderWorld, Random], object], ...]] = (
    *(lambda world, random: world.enter(random.choice(SIZES)),) * 2,
    lambda world, random: world.leave(),
    *(lambda world, random: world.serve(random.randrange(5), random.choice(FATES)),) * 4,
    *(lambda world, random: world.hear(random.choice((0, 0, 1, 2)), random.choice(HEARING)),) * 2,
    *(lambda world, random: world.pass_time(random.choice(PAUSES)),) * 2,
    lambda world, random: world.price(Decimal(random.choice(PRICES))),
    lambda world, random: world.connect(live=random.random() < 0.6),
    lambda world, random: random.random() < 0.15 and world.restart(forgetful=random.random() < 0.5),
    lambda world, random: random.random() < 0.15 and world.reconcile(),
)


def play(seed: int, steps: int = 120, **world: Any) -> OrderWorld:
    """Play a world, then let all be well, and compare the books."""
    random = Random(seed)  # noqa: S311 - a game
    foreign = random.choice(({}, {"USDT": "50000", "BTC": "1"}))
    watched = random.choice(((), (), (), (BTC,)))
    played = OrderWorld(random, foreign=foreign, watched=watched, **world)
    if random.random() < 0.3:
        played.venue.fee_asset = "BNB"
        played.venue.totals["BNB"] = Decimal(10)
    for _ in range(steps):
        random.choice(_DEEDS)(played, random)
    played.calm_down()
    assert played.is_reconciled, "the books were never found to agree"
    assert not played.disagreements(), played.disagreements()
    return played
