"""
The figures of a run, each with its definition in one place.

Puts together what the other modules measured; it draws nothing and prints nothing.
"""

import numpy as np
from msgspec import Struct

from bot.core.commands import Verdict
from bot.core.run_record import RunRecord
from bot.reporting.benchmark import buy_and_hold
from bot.reporting.columns import RunColumns
from bot.reporting.metrics import break_even_bps, drawdowns, returns, sharpe, sortino, turnover
from bot.reporting.reading import read_columns
from bot.reporting.scoring import Scored, match_outcomes, score, trained_span
from bot.reporting.trips import round_trips, traded_amounts


class Summary(Struct, frozen=True):
    """
    What a run came to. None, never 0, where a figure is not defined.

    Attributes:
        candles: Closed candles of all markets, flat bars that fill a gap included.
        first_ms: Open time of the first candle.
        last_ms: Close time of the last candle.
        in_sample_frac: Share of the candles that touch the span which the bundle was trained on, in its markets.
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
        sharpe: Per candle, riskless rate zero, times the root of the candles in 365 days.
        sortino: The same over the downside deviation from zero.
        max_drawdown_frac: Deepest fall below the highest equity so far, the budget included.
        hit_rate: Share of the closed round trips with a profit after every cost.
        directional_accuracy: Share of the forecasts right about the side, moves of zero left out.
        brier: Mean squared error of the probability of a rise; one half every time gives 0.25.
        mae_bps: Mean absolute error of the expected return; `naive_mae_bps` is that of "no move".
        rmse_bps: Root mean squared error; `naive_rmse_bps` is that of "no move".
        break_even_bps: Round-trip cost at which the trading would have gained nothing.
        best_expected_move_bps: Largest move that any decision expected.
        needed_move_bps: What that same decision needed in order to act.
        seconds: Wall-clock time of the run, where it was measured.
        journal_sha256: Identity of what happened.
    """

    candles: int
    first_ms: int | None
    last_ms: int | None
    in_sample_frac: float | None
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
    sharpe: float | None
    sortino: float | None
    max_drawdown_frac: float | None
    hit_rate: float | None
    directional_accuracy: float | None
    brier: float | None
    mae_bps: float | None
    naive_mae_bps: float | None
    rmse_bps: float | None
    naive_rmse_bps: float | None
    break_even_bps: float | None
    best_expected_move_bps: float | None
    needed_move_bps: float | None
    seconds: float | None
    candles_per_second: float | None
    bundle: str | None
    journal_sha256: str


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
    amounts = traded_amounts(columns.fills, instruments)
    marked = traded_amounts(columns.fills[: columns.fills_marked], instruments)
    trips = round_trips(columns.fills, instruments)
    scores = score(scored)
    candles = sum(len(market.candles) for market in columns.markets)
    first_ms, last_ms = run_span_ms(columns)
    held = buy_and_hold(columns, np.array([last_ms])) if last_ms is not None else None
    return Summary(
        candles=candles,
        first_ms=first_ms,
        last_ms=last_ms,
        in_sample_frac=_in_sample_frac(columns),
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
        sharpe=sharpe(rates, columns.timeframe.per_year),
        sortino=sortino(rates, columns.timeframe.per_year),
        max_drawdown_frac=float(drawdowns(from_budget).max()) if len(equity) else None,
        hit_rate=sum(trip.profit > 0 for trip in trips) / len(trips) if trips else None,
        directional_accuracy=scores.directional_accuracy,
        brier=scores.brier,
        mae_bps=scores.mae_bps,
        naive_mae_bps=scores.naive_mae_bps,
        rmse_bps=scores.rmse_bps,
        naive_rmse_bps=scores.naive_rmse_bps,
        break_even_bps=(
            break_even_bps(final - budget + float(marked.costs), float(marked.traded)) if final is not None else None
        ),
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


def _in_sample_frac(columns: RunColumns) -> float | None:
    span = trained_span(columns.header.labels)
    candles = sum(len(market.candles) for market in columns.markets)
    if span is None or not candles:
        return None
    touched = sum(
        int(span.touches(market.symbol, market.candles.open_ms, columns.timeframe.ms).sum())
        for market in columns.markets
    )
    return touched / candles
