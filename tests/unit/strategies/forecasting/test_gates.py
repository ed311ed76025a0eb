"""Gates: bounds as data, and nothing passes that was not measured."""

from math import inf, nan

import pytest

from bot.core import gate_names as names
from strategies.forecasting.gates import GATES, Gate, Measured, judge

GOOD = {
    names.FORWARD_WINDOW: 500.0,
    names.BRIER: 1e-6,
    names.BRIER_TEST: 0.10,
    names.PINBALL_TEST: 0.5,
    names.NET_RESULT: 0.0,
    names.COVERAGE: 0.9,
    names.WHITE_NOISE: 1.0,
    names.SHUFFLED_FUTURE: 0.0,
    names.PARITY: 1e-7,
    names.LATENCY: 50.0,
    names.SEED_SPREAD: 1.5,
}
"""Figures that just pass, or pass easily."""


def measured(**changes: float | None) -> dict[str, Measured]:
    return {name: Measured(figure, "") for name, figure in (GOOD | changes).items()}


def failed(found: dict[str, Measured]) -> list[str]:
    return [verdict.gate.name for verdict in judge(found) if not verdict.passed]


def test_there_is_a_figure_for_every_gate() -> None:
    assert tuple(gate.name for gate in GATES) == tuple(GOOD) == names.GATE_NAMES
    assert failed(measured()) == []


@pytest.mark.parametrize("name", GOOD)
def test_a_gate_that_was_not_measured_is_not_passed(name: str) -> None:
    found = measured()
    del found[name]

    assert failed(found) == [name]
    assert failed(measured(**{name: None})) == [name]
    assert failed(measured(**{name: nan})) == [name]


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        (names.FORWARD_WINDOW, 499.0),
        (names.BRIER, 0.0),
        (names.BRIER, -1e-9),
        (names.BRIER_TEST, 0.1001),
        (names.PINBALL_TEST, 0.0999),
        (names.PINBALL_TEST, 0.0),
        (names.NET_RESULT, -1e-9),
        (names.COVERAGE, 0.8699),
        (names.COVERAGE, 0.9301),
        (names.WHITE_NOISE, 0.0),
        (names.SHUFFLED_FUTURE, 1.0),
        (names.PARITY, 1.1e-5),
        (names.LATENCY, 251.0),
        (names.SEED_SPREAD, 1.51),
        (names.SEED_SPREAD, inf),
    ],
)
def test_a_figure_outside_of_its_bounds_fails_its_gate_alone(name: str, figure: float) -> None:
    assert failed(measured(**{name: figure})) == [name]


def test_bounds_are_told_in_words() -> None:
    assert Gate("a", "b", low=0.87, high=0.93).bounds() == "at least 0.87 and at most 0.93"
    assert Gate("a", "b", over=0.0).bounds() == "above 0"
