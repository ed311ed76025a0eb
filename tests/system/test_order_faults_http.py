"""Rows X1 to X7 of the fault table: answers that do not say what became of an order, and answers that say no."""

from pathlib import Path

import pytest

from bot.exchange.faults import BreakAnswer, Latency, RefuseRequest
from bot.exchange.rest_faults import HowBroken, Phase
from tests.order_scenarios import on_order, play

PHASES: tuple[Phase, ...] = ("before", "after")
UNKNOWN = [(500, -1000), (500, -1001), (502, -1006), (408, -1007), (503, -1008), (504, -1000)]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("status", "code"), UNKNOWN)
def test_an_order_of_which_the_venue_does_not_say_what_became_of_it_happens_once(
    tmp_path: Path, status: int, code: int, phase: Phase
) -> None:
    """X1 and X2."""
    checked, *_ = play(tmp_path, RefuseRequest(status=status, code=code, phase=phase, where=on_order(times=2)))
    assert checked.fills >= 4


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    "how", ["html", "empty", "object", "null", "cut json", "short body", "bad gzip", "reset", "close"]
)
def test_an_order_whose_answer_is_broken_happens_once(tmp_path: Path, how: HowBroken, phase: Phase) -> None:
    """X3, and N5 to N8 for orders."""
    checked, *_ = play(tmp_path, BreakAnswer(how=how, phase=phase, where=on_order(times=2)))
    assert checked.fills >= 4


@pytest.mark.parametrize("phase", PHASES)
def test_an_order_whose_answer_comes_too_late_happens_once(tmp_path: Path, phase: Phase) -> None:
    """N4 for orders."""
    checked, *_ = play(tmp_path, Latency(ms=15_000, phase=phase, where=on_order(times=2)))
    assert checked.fills >= 4
