"""
The figures of a run, each with its definition in one place.

Puts together what the other modules measured; it draws nothing and prints nothing.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from bot.core.commands import Verdict
from bot.core.run_record import RunRecord
from bot.reporting.benchmark import buy_and_hold
from bot.reporting.columns import RunColumns
from bot.reporting.metrics import drawdowns, returns, sharpe, sharpe_error, sortino, turnover
from bot.reporting.provenance import training
from bot.reporting.reading import read_columns
from bot.reporting.reckoning import Reckoning, reckon
from bot.reporting.scoring import Scored, match_outcomes, score
from bot.reporting.trips import round_trips, traded_amounts

ENOUGH_RETURNS: Final = 30
"""Below this, a ratio of mean to deviation is a number and no measurement: its error is larger than any that is."""


class Summary(Struct, frozen=True):
    """
    What a run came to. None, never 0, where a figure is not defined.

    Attributes:
        candles: Closed candles of all markets, flat bars that fill a gap included.
        first_ms: Open time of the first candle.
        last_ms: Close time of the last candle.
        in_sample_frac: Share of the candles that touch the span which the bundle was trained on, in its markets.
        same_time_frac: Share of the candles that touch that span in other markets: out of sample they are not either.
        forecasts: Forecasts, one a candle and market.
        signals: Decisions for which the strategy stated a wanted exposure, zero included.
        orders: Orders handed to the broker, protective stops included.
        fills: Executions.
        stop_exits: Protective stops that were filled, wholly or in part.
        denied: Decisions that risk refused.
        breakers: Circuit breakers that tripped.
        fees: Fees in quote currency; a fee in base is valued at the price of its fill.
        turnover: Amount of all fills, both sides, over the mean equity.
        initial_equity: The budget.
        final_equity: Equity at the last mark.
        return_frac: Final equity over the budget, less one.
        buy_and_hold_return_frac: The same for equal shares of the markets, bought once at their first close.
        mean_exposure_frac: Share of the equity that was in the market, on average over the marks.
        held_at_end_frac: The same at the last mark; 0 where it is less than the venue takes, None where fills came
            after that mark.
        sharpe: Per candle, riskless rate zero, times the root of the candles in 365 days. None below 30 returns.
        sharpe_error: One standard error of it.
        sortino: The same over the downside deviation from zero. None below 30 returns.
        max_drawdown_frac: Deepest fall below the highest equity so far, the budget included.
        hit_rate: Share of the closed round trips with a profit after every cost.
        directional_accuracy: Share of the forecasts right about the side, moves of zero left out.
        brier: Mean squared error of the probability of a rise; one half every time gives 0.25.
        mae_bps: Mean absolute error of the expected return; `naive_mae_bps` is that of "no move".
        rmse_bps: Root mean squared error; `naive_rmse_bps` is that of "no move".
        reckoning: How the result came to be, where something was traded before the last mark.
        break_even_bps: Round-trip cost at which the trading would have gained nothing.
        paid_bps: What a round trip has cost, fees, spread and slippage together.
        best_expected_move_bps: Largest move that any decision expected.
        needed_move_bps: What that same decision needed in order to act.
        seconds: Wall-clock time of the run, where it was measured.
        journal_sha256: Identity of what happened.
    """

    candles: int
    first_ms: int | None
    last_ms: int | None
    in_sample_frac: float | None
    same_time_frac: float | None
    forecasts: int
    signals: int
    orders: int
    fills: int
    stop_exits: int
    denied: int
    breakers: int
    fees: float
    turnover: float | None
    initial_equity: float
    final_equity: float | None
    return_frac: float | None
    buy_and_hold_return_frac: float | None
    mean_exposure_frac: float | None
    held_at_end_frac: float | None
    sharpe: float | None
    sharpe_error: float | None
    sortino: float | None
    max_drawdown_frac: float | None
    hit_rate: float | None
    directional_accuracy: float | None
    brier: float | None
    mae_bps: float | None
    naive_mae_bps: float | None
    rmse_bps: float | None
    naive_rmse_bps: float | None
    reckoning: Reckoning | None
    break_even_bps: float | None
    paid_bps: float | None
    best_expected_move_bps: float | None
    needed_move_bps: float | None
    seconds: float | None
    candles_per_second: float | None
    bundle: str | None
    journal_sha256: str

    @property
    def fees_in_result(self) -> float:
        """Those of the fills up to the last mark, where the result is known."""
        return self.fees - (self.reckoning.later_fees if self.reckoning else 0.0)


def summarise(record: RunRecord, seconds: float | None = None) -> Summary:
    """
    Read a run and sum it up.

    Args:
        record: The run, finished or not.
        seconds: How long it took on the wall clock, where that was measured.
    """
    columns = read_columns(record)
    return summarise_columns(columns, match_outcomes(columns), seconds)


def summarise_columns(columns: RunColumns, scored: Scored, seconds: float | None = None) -> Summary:
    """Sum up a run that has been read, and whose forecasts have met their outcomes, already."""
    header = columns.header
    instruments = {instrument.symbol: instrument for instrument in header.instruments}
    budget = float(header.budget)
    equity = columns.account.equity
    final = float(equity[-1]) if len(equity) else None
    from_budget = np.concatenate([[budget], equity])
    rates = returns(equity)
    per_year = columns.timeframe.per_year
    ratio = sharpe(rates, per_year) if len(rates) >= ENOUGH_RETURNS else None
    amounts = traded_amounts(columns.fills, instruments)
    reckoning = reckon(columns)
    trained_frac, same_time_frac = _shares_of_training(columns)
    trips = round_trips(columns.fills, instruments)
    scores = score(scored)
    candles = sum(len(market.candles) for market in columns.markets)
    first_ms, last_ms = run_span_ms(columns)
    held = buy_and_hold(columns, np.array([last_ms])) if last_ms is not None else None
    return Summary(
        candles=candles,
        first_ms=first_ms,
        last_ms=last_ms,
        in_sample_frac=trained_frac,
        same_time_frac=same_time_frac,
        forecasts=sum(len(market.forecasts) for market in columns.markets),
        signals=columns.decisions.signals,
        orders=columns.orders,
        fills=len(columns.fills),
        stop_exits=len({filled.fill.client_order_id for filled in columns.fills if filled.is_stop}),
        denied=columns.decisions.of(Verdict.DENIED),
        breakers=sum(event.count for event in columns.happenings if event.is_breaker),
        fees=float(amounts.fees),
        turnover=turnover(float(amounts.traded), equity),
        initial_equity=budget,
        final_equity=final,
        return_frac=final / budget - 1.0 if final is not None else None,
        buy_and_hold_return_frac=float(held[-1]) - 1.0 if held is not None else None,
        mean_exposure_frac=float(columns.account.exposure_frac.mean()) if len(equity) else None,
        held_at_end_frac=_held_at_end(columns),
        sharpe=ratio,
        sharpe_error=None if ratio is None else sharpe_error(ratio, len(rates), per_year),
        sortino=sortino(rates, per_year) if len(rates) >= ENOUGH_RETURNS else None,
        max_drawdown_frac=float(drawdowns(from_budget).max()) if len(equity) else None,
        hit_rate=sum(trip.profit > 0 for trip in trips) / len(trips) if trips else None,
        directional_accuracy=scores.directional_accuracy,
        brier=scores.brier,
        mae_bps=scores.mae_bps,
        naive_mae_bps=scores.naive_mae_bps,
        rmse_bps=scores.rmse_bps,
        naive_rmse_bps=scores.naive_rmse_bps,
        reckoning=reckoning,
        break_even_bps=reckoning.break_even_bps if reckoning else None,
        paid_bps=reckoning.paid_bps if reckoning else None,
        best_expected_move_bps=columns.decisions.best_expected_move_bps,
        needed_move_bps=columns.decisions.needed_move_bps,
        seconds=seconds,
        candles_per_second=candles / seconds if seconds else None,
        bundle=header.labels.get("bundle"),
        journal_sha256=columns.events_sha256,
    )


def run_span_ms(columns: RunColumns) -> tuple[int | None, int | None]:
    """Open time of the first candle and close time of the last one; None where there is none."""
    traded = [market.candles for market in columns.markets if len(market.candles)]
    if not traded:
        return None, None
    first = min(int(candles.open_ms[0]) for candles in traded)
    last = max(int(candles.open_ms[-1]) for candles in traded)
    return first, last + columns.timeframe.ms


def _held_at_end(columns: RunColumns) -> float | None:
    account = columns.account
    if not len(account.equity) or columns.fills_marked != len(columns.fills):
        return None
    exposure = float(account.exposure_frac[-1])
    least = min(float(instrument.min_notional) for instrument in columns.header.instruments)
    return exposure if exposure * float(account.equity[-1]) >= least else 0.0


def _shares_of_training(columns: RunColumns) -> tuple[float | None, float | None]:
    """Which share of the candles the model was trained on, and which one is of other markets at the same time."""
    learnt = training(columns.header.labels)
    candles = sum(len(market.candles) for market in columns.markets)
    if learnt is None or not candles:
        return None, None
    seen = overlapped = 0
    for market in columns.markets:
        open_ms = market.candles.open_ms
        seen += int(learnt.saw(market.symbol, open_ms, columns.timeframe.ms).sum())
        overlapped += int(learnt.overlaps(open_ms, columns.timeframe.ms).sum())
    return seen / candles, (overlapped - seen) / candles
