"""What accounts earn beyond the market, and what is missing or ended early on the way."""

from typing import Any

import numpy as np
import pytest

from strategies.forecasting.comparison.judged import Judged
from strategies.forecasting.comparison.money import Money, buy_and_hold, money, trade, trial_sharpes
from strategies.forecasting.comparison.verdict import SURE
from strategies.forecasting.datasets import Dataset
from strategies.forecasting.economics import SPOT
from strategies.forecasting.evaluation import Scored
from strategies.signal import SignalRule

HOUR_MS = 3_600_000
RULE = SignalRule(1.5, 0.5)
HOURS = 8_760


def windows_of(closes: np.ndarray, horizon: int = 1, lasted: np.ndarray | None = None) -> Dataset:
    """Windows of every close but the last few, whose labels last the horizon where nothing else is said."""
    count = len(closes) - horizon
    lengths = np.full(count, horizon, dtype=np.int64) if lasted is None else lasted
    places = np.arange(count, dtype=np.int64)
    return Dataset(
        1,
        np.zeros((count, 1), dtype=np.float32),
        places,
        HOUR_MS * (places + 1),
        np.zeros(count),
        np.log(closes[places + lengths] / closes[places]),
        np.full(count, 0.005),
        closes[:count],
        np.zeros(count, dtype=np.int64),
        lengths,
        ("any",),
        horizon,
    )


def judged(p_up: np.ndarray, windows: Dataset, name: str = "row") -> Judged:
    nothing = np.zeros(len(p_up))
    expected = 0.65 * (2.0 * p_up - 1.0) * windows.sigma
    scored = Scored(
        p_up, expected, expected - 0.01, expected + 0.01, windows.next_return, windows.last_return, nothing + 0.5
    )
    return Judged(name, (scored,), windows)


def test_what_is_held_is_held_through_candles_that_are_missing() -> None:
    closes = np.array([100.0, 101.0, 102.0, 90.0, 80.0, 81.0, 82.0])
    whole = windows_of(closes)
    kept = np.array([True, True, False, False, True, True])
    holed = whole.where(kept)

    through, around = (
        trade(judged(np.full(len(windows), 0.6), windows), RULE, HOUR_MS, SPOT) for windows in (whole, holed)
    )

    assert np.prod(1.0 + through.on_sign.gross) == pytest.approx(0.82)
    assert np.prod(1.0 + around.on_sign.gross) == pytest.approx(0.82)
    np.testing.assert_allclose(around.on_sign.gross, [0.01, 80.0 / 101.0 - 1.0, 1.0 / 80.0, 1.0 / 81.0])
    # Bought once and sold once, whatever is missing between.
    np.testing.assert_allclose(around.on_sign.traded, [1.0, 0.0, 0.0, 1.0])


def test_a_barrier_is_paid_for_each_time_and_what_follows_it_is_not_held() -> None:
    closes = np.array([100.0, 110.0, 90.0, 91.0, 92.0, 93.0, 94.0])
    barred = windows_of(closes, 2, np.array([1, 2, 2, 2, 2]))

    traded = trade(judged(np.full(5, 0.6), barred), RULE, 2 * HOUR_MS, SPOT)
    held = buy_and_hold(barred, 2 * HOUR_MS)

    np.testing.assert_allclose(traded.on_sign.gross, [0.1, 92.0 / 90.0 - 1.0, 94.0 / 92.0 - 1.0])
    np.testing.assert_allclose(traded.on_sign.traded, [2.0, 1.0, 1.0])
    # In for half of the first two hours and all of the others.
    np.testing.assert_allclose(traded.on_sign.passive, 5.0 / 6.0 * np.array([-0.1, 2.0 / 90.0, 2.0 / 92.0]))
    # Who holds knows no barrier.
    assert held[0].return_frac == pytest.approx(-0.06)


def test_markets_share_the_account_and_each_is_its_own_rival() -> None:
    up, down = windows_of(100.0 * 1.01 ** np.arange(5)), windows_of(100.0 * 0.99 ** np.arange(5))
    names = ("close_time_ms", "last_return", "next_return", "sigma", "close", "lasted")
    order = np.argsort(np.concatenate([up.close_time_ms, down.close_time_ms]), kind="stable")
    both: dict[str, Any] = {name: np.concatenate([getattr(up, name), getattr(down, name)])[order] for name in names}
    market = np.repeat([0, 1], 4)[order]
    windows = Dataset(window=1, rows=up.rows, ends=order, market=market, names=("any",), **both)

    traded = trade(judged(np.where(market == 0, 0.6, 0.4), windows), RULE, HOUR_MS, SPOT)

    np.testing.assert_allclose(traded.on_sign.exposures, 0.5)
    np.testing.assert_allclose(traded.on_sign.gross, 0.005)
    # To be in one market all the time is no timing.
    np.testing.assert_allclose(traded.on_sign.timing(0.0), 0.0, atol=1e-15)


def noise_in_a_rising_market(seed: int) -> list[Money]:
    """Five rows that foretell nothing and lean to "up", in a year that makes five of one."""
    random = np.random.default_rng(seed)
    returns = np.log(5.0) / HOURS + 0.005 * random.standard_normal(HOURS)
    windows = windows_of(100.0 * np.exp(np.concatenate([[0.0], np.cumsum(returns)])))
    rows = []
    for number in range(5):
        lean = np.repeat(random.standard_normal(HOURS // 5), 5)
        rows.append(judged(np.clip(0.56 + 0.08 * lean, 0.3, 0.7), windows, f"noise {number}"))
    traded = [trade(row, RULE, HOUR_MS, SPOT) for row in rows]
    return [money(one, HOUR_MS, trial_sharpes([(HOUR_MS, traded)], HOUR_MS)) for one in traded]


def test_rows_without_skill_are_not_tradable_because_the_market_rises() -> None:
    judgements = [one for seed in range(2) for one in noise_in_a_rising_market(seed)]
    paying = [
        (ruled.cost_bps, at)
        for at, one in enumerate(judgements)
        for ruled, deflated in zip(one.by_rule, one.deflated, strict=True)
        if ruled.timing_low is not None and ruled.timing_low > 0.0 and deflated.probability >= SURE
    ]
    even = np.array([one.break_even.bps for one in judgements if one.break_even is not None])

    assert [cost for cost, _ in paying if cost > 0.0] == []
    # All of them are in a market that rises, and most of their accounts surely with it: that is no timing.
    assert sum((one.by_rule[2].sharpe_low or 0.0) > 0.0 for one in judgements) > len(judgements) / 2
    assert len(even) == 10
    assert abs(even.mean()) < 3.0 * even.std() / np.sqrt(len(even) / 2.0)


def test_buy_and_hold_is_the_market() -> None:
    closes = 100.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, 101)))
    held = buy_and_hold(windows_of(closes), HOUR_MS)

    assert held[0].return_frac == pytest.approx(closes[-1] / closes[0] - 1.0)
    assert {one.timing_sharpe for one in held} == {None}
    assert held[0].exposed_frac == 1.0
    assert [one.cost_bps for one in held] == [0.0, 1.0, 2.0, 5.0, 10.0]
