"""Gates: bounds as data, and nothing passes that was not measured."""

from math import inf, nan

import pytest

from strategies.forecasting import gates
from strategies.forecasting.gates import GATES, Gate, Measured, judge

GOOD = {
    gates.FORWARD_WINDOW: 500.0,
    gates.BRIER_POINT: 1e-6,
    gates.BRIER_TEST: 0.5,
    gates.PINBALL_POINT: 1e-6,
    gates.PINBALL_TEST: 0.5,
    gates.NET_RESULT: 0.0,
    gates.COVERAGE: 0.9,
    gates.WHITE_NOISE: 1.0,
    gates.SHUFFLED_FUTURE: 0.0,
    gates.PARITY: 1e-7,
    gates.LATENCY: 50.0,
    gates.SEED_SPREAD: 1.5,
}
"""Figures that just pass, or pass easily."""


def measured(**changes: float | None) -> dict[str, Measured]:
    return {name: Measured(figure, "") for name, figure in (GOOD | changes).items()}


def failed(found: dict[str, Measured]) -> list[str]:
    return [verdict.gate.name for verdict in judge(found) if not verdict.passed]


def test_there_is_a_figure_for_every_gate() -> None:
    assert [gate.name for gate in GATES] == list(GOOD)
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
        (gates.FORWARD_WINDOW, 499.0),
        (gates.BRIER_POINT, 0.0),
        (gates.BRIER_POINT, -1e-9),
        (gates.BRIER_TEST, 0.0999),
        (gates.PINBALL_POINT, 0.0),
        (gates.PINBALL_TEST, 0.0),
        (gates.NET_RESULT, -1e-9),
        (gates.COVERAGE, 0.8699),
        (gates.COVERAGE, 0.9301),
        (gates.WHITE_NOISE, 0.0),
        (gates.SHUFFLED_FUTURE, 1.0),
        (gates.PARITY, 1.1e-5),
        (gates.LATENCY, 251.0),
        (gates.SEED_SPREAD, 1.51),
        (gates.SEED_SPREAD, inf),
    ],
)
def test_a_figure_outside_of_its_bounds_fails_its_gate_alone(name: str, figure: float) -> None:
    assert failed(measured(**{name: figure})) == [name]


def test_bounds_are_told_in_words() -> None:
    assert Gate("a", "b", low=0.87, high=0.93).bounds() == "at least 0.87 and at most 0.93"
    assert Gate("a", "b", over=0.0).bounds() == "above 0"
