"""Strategies in the real engine: honest ones pass, and each fault is seen by the check of its name."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from bot.compose import decision_audit
from bot.compose.decision_audit import Trader, decision_checks
from bot.core.forecast import Forecast
from bot.core.gaps import Segment
from bot.core.market import Timeframe
from config.loading import load_settings
from strategies.buy_and_hold import BuyAndHold
from strategies.forecasting.audit import Check
from strategies.forecasting.planted_leaks_strategies import CHANCE, FAULTS, FORESIGHT, MEMORY, RANGE
from strategies.strategy import MarketView, Signal, Strategy


@pytest.fixture(autouse=True)
def few_candles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_audit, "CANDLES", 250)


def market(timeframe: Timeframe, rho: float, seed: int, count: int) -> Segment:
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, count)))
    opened = np.append(100.0, close[:-1])
    volume = random.uniform(1e3, 2e3, count)
    ohlcv = np.column_stack([opened, np.maximum(opened, close), np.minimum(opened, close), close, volume])
    return Segment(timeframe.ms * np.arange(count, dtype=np.int64), ohlcv, np.zeros(count, dtype=np.bool_))


class Reversing:
    """Wants what has fallen below a hundred: it turns often, so that there are orders to see."""

    needs_forecast = False

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        return Signal(1.0 if view.close < 100.0 else 0.0, "cheap")


class Clocked(Reversing):
    """Counts its questions, in a place that all of its kind share."""

    asked = 0

    def wanted(self, view: MarketView, forecast: Forecast | None) -> Signal:
        Clocked.asked += 1
        return Signal(Clocked.asked % 7 / 7.0, "now and then")


def trader(fresh: Callable[[], Strategy]) -> Trader:
    return Trader("buy-and-hold", fresh, load_settings("lively"), Timeframe.H1)


def audited(fresh: Callable[[], Strategy], planted: str | None = None) -> dict[str, Check]:
    return {check.name: check for check in decision_checks(trader(fresh), market, planted)}


@pytest.mark.parametrize("fresh", [BuyAndHold, Reversing])
def test_an_honest_strategy_passes_and_every_planted_fault_is_caught(fresh: Callable[[], Strategy]) -> None:
    found = audited(fresh)

    assert set(found) == {FORESIGHT, CHANCE, MEMORY, RANGE, *(f"planted {fault}" for fault in FAULTS)}
    assert all(check.held for check in found.values()), found
    assert "500 decisions" in found[FORESIGHT].detail
    assert ", 0 orders" not in found[FORESIGHT].detail


@pytest.mark.parametrize("fault", FAULTS)
def test_a_strategy_with_a_fault_fails_by_the_name_of_its_check(fault: str) -> None:
    found = audited(Reversing, planted=fault)

    assert not found[FAULTS[fault][0]].held


def test_a_strategy_that_counts_its_questions_does_not_pass() -> None:
    failed = {name for name, check in audited(Clocked).items() if not check.held}

    assert {CHANCE, MEMORY} <= failed


def test_a_fault_is_planted_around_a_copy() -> None:
    honest = trader(Reversing)
    spoilt = replace(honest, spoil=FAULTS["foresight"][1])

    assert isinstance(honest.strategy([]), Reversing)
    assert not isinstance(spoilt.strategy([market(Timeframe.H1, 0.0, 1, 9)] * 2), Reversing)
