"""Orders meet each candle once and before the engine does, also those that history brings."""

from collections.abc import Sequence
from typing import cast

import pytest

from bot.core.events import AnyEvent, Backfilled, CandleClosed, Halt
from bot.paper_play import PaperPlay
from bot.pump import Pump
from tests.hourly_bars import BTC, ETH, HOUR, bar, closes, opens


def closed(symbol: str, number: int) -> CandleClosed:
    return CandleClosed(closes(number), symbol, bar(number, 100.0))


def answered(symbol: str, *numbers: int) -> Backfilled:
    return Backfilled(closes(9), symbol, opens(0), opens(9), tuple(bar(number, 100.0) for number in numbers))


class World:
    """A pump and a market in one, that write down what they see."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def feed(self, event: AnyEvent) -> None:
        if not isinstance(event, Halt):
            self.seen.append(("engine", event))

    def settle(self) -> None:
        self.seen.append("at rest")

    def is_met(self, closed: Sequence[CandleClosed]) -> bool:
        return bool(closed)

    def trade(self, closed: Sequence[CandleClosed]) -> list[AnyEvent]:
        self.seen.append(("market", tuple(closed)))
        return [Halt(0, "an execution")]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def play(world: World) -> PaperPlay:
    return PaperPlay(cast("Pump", world), world, HOUR)


def test_the_market_meets_all_candles_of_an_instant_before_the_engine_sees_one(world: World, play: PaperPlay) -> None:
    one, two = closed(BTC, 1), closed(ETH, 1)
    play.play((one, two))
    assert world.seen == [("market", (one, two)), ("engine", one), ("engine", two), "at rest"]


def test_a_candle_behind_a_gap_waits_for_history_with_the_missing_ones(world: World, play: PaperPlay) -> None:
    first, late, other = closed(BTC, 1), closed(BTC, 4), closed(ETH, 4)
    play.play((first,))
    world.seen.clear()
    play.play((late, other))
    assert world.seen == [("market", (other,)), ("engine", late), ("engine", other), "at rest"]
    world.seen.clear()
    answer = answered(BTC, 2, 3)
    play.answer(answer)
    assert world.seen == [
        ("market", (closed(BTC, 2),)),
        ("market", (closed(BTC, 3),)),
        ("market", (late,)),
        ("engine", answer),
        "at rest",
    ]


def test_what_was_met_already_is_not_met_again(world: World, play: PaperPlay) -> None:
    play.play((closed(BTC, 1),))
    world.seen.clear()
    answer = answered(BTC, 0, 1)
    play.answer(answer)
    assert world.seen == [("engine", answer), "at rest"]
