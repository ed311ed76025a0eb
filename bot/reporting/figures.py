"""
The figures of a run as rows for people: a name, a value with its unit, and what it means in one sentence.

One table for the terminal and the page, so that they never disagree.
"""

from msgspec import Struct

from bot.reporting.summary import Summary
from bot.reporting.wording import NONE, basis_points, moment, number, percent


class Figure(Struct, frozen=True):
    """One row: `value` is ready to be shown."""

    name: str
    value: str
    meaning: str


class FigureGroup(Struct, frozen=True):
    """Rows that belong together."""

    title: str
    figures: tuple[Figure, ...]


def figure_groups(summary: Summary) -> tuple[FigureGroup, ...]:
    """Every figure of a summary, in the order in which a reader asks for them."""
    return (
        FigureGroup("Result", _result(summary)),
        FigureGroup("Risk", _risk(summary)),
        FigureGroup("Trading", _trading(summary)),
        FigureGroup("Forecasts", _forecasts(summary)),
        FigureGroup("Run", _run(summary)),
    )


def _result(s: Summary) -> tuple[Figure, ...]:
    return (
        Figure("Equity at the start", number(s.initial_equity), "The budget, in quote currency."),
        Figure("Equity at the end", number(s.final_equity), "Cash and holdings at the last marked close."),
        Figure("Return", percent(s.return_frac, signed=True), "Equity at the end over the budget, less one."),
        Figure(
            "Buy and hold",
            percent(s.buy_and_hold_return_frac, signed=True),
            "Equal shares of the markets, bought once at their first close with taker costs, and kept.",
        ),
        Figure(
            "Before costs",
            NONE if s.reckoning is None else number(s.reckoning.before_costs, signed=True),
            "What the trading would have made at the reference prices of its fills, free of fees, spread and slippage.",
        ),
        Figure(
            "Break-even cost",
            basis_points(s.break_even_bps),
            "The same for each round trip: the cost at which this trading would have gained nothing.",
        ),
        Figure(
            "Cost of a round trip",
            basis_points(s.paid_bps),
            "What it paid: fees, spread and slippage together. Where that is more than the break-even cost, it lost.",
        ),
        Figure(
            "Better by chance",
            NONE if s.reckoning is None or not s.reckoning.luck else number(s.reckoning.luck),
            "What fills were better by than the prices their orders were sent at. Latency did it: count on nothing.",
        ),
    )


def _risk(s: Summary) -> tuple[Figure, ...]:
    return (
        Figure("Deepest drawdown", percent(s.max_drawdown_frac), "Largest fall below the highest equity so far."),
        Figure(
            "Sharpe ratio",
            NONE if s.sharpe is None else f"{number(s.sharpe)} ± {number(s.sharpe_error, 1)}",
            "Mean return of a candle over its deviation, a year, ± one standard error: a year is off by about 1. "
            "Not given below 30 returns.",
        ),
        Figure("Sortino ratio", number(s.sortino), "The same, but only losses count as deviation."),
        Figure("Breakers tripped", f"{s.breakers:,}", "Times at which a circuit breaker cut what may be traded."),
    )


def _trading(s: Summary) -> tuple[Figure, ...]:
    return (
        Figure(
            "Signals", f"{s.signals:,}", "Decisions for which the strategy stated a wanted exposure, zero included."
        ),
        Figure("Refused by risk", f"{s.denied:,}", "Decisions that risk did not let through."),
        Figure("Orders", f"{s.orders:,}", "Orders handed to the broker, protective stops included."),
        Figure("Fills", f"{s.fills:,}", "Executions."),
        Figure("Stop exits", f"{s.stop_exits:,}", "Positions that a protective stop closed."),
        Figure("Round trips won", percent(s.hit_rate, 1), "Closed round trips with a profit after every cost."),
        Figure("Turnover", NONE if s.turnover is None else f"{s.turnover:,.1f} ×", "Amount traded over mean equity."),
        Figure("Fees", number(s.fees_in_result), "Paid to the exchange up to the last mark, in quote currency."),
        Figure(
            "Fees since then",
            NONE if s.reckoning is None or not s.reckoning.later_fills else number(s.reckoning.later_fees),
            "Of fills after the last mark, which are in no result.",
        ),
        Figure(
            "Best expected move",
            basis_points(s.best_expected_move_bps),
            "The largest gain that any decision expected of its next candle.",
        ),
        Figure("Move needed then", basis_points(s.needed_move_bps), "What that decision asked for before it acts."),
    )


def _forecasts(s: Summary) -> tuple[Figure, ...]:
    return (
        Figure("Forecasts", f"{s.forecasts:,}", "One for each closed candle and market with a warm window."),
        Figure(
            "Direction right",
            percent(s.directional_accuracy, 1),
            "Moves of zero are left out. A coin gives 50 %; real markets rarely allow more than 55 %.",
        ),
        Figure(
            "Brier score",
            number(s.brier, 4),
            "Squared error of the probability of a rise; always saying one half gives 0.2500. Lower is better.",
        ),
        Figure("Mean error", basis_points(s.mae_bps), "Mean distance of the expected return from the one that came."),
        Figure("Mean error, naive", basis_points(s.naive_mae_bps), 'The same for the forecast "no move".'),
        Figure("RMS error", basis_points(s.rmse_bps), "Root of the mean squared distance: large errors weigh more."),
        Figure("RMS error, naive", basis_points(s.naive_rmse_bps), 'The same for the forecast "no move".'),
        Figure(
            "In sample",
            percent(s.in_sample_frac, 1),
            "Candles that touch the span the model was trained on. There, forecasts look better than they are.",
        ),
        Figure(
            "Same time as training",
            percent(s.same_time_frac, 1),
            "Candles of other markets inside that span. Markets move together: they are not out of sample either.",
        ),
    )


def _run(s: Summary) -> tuple[Figure, ...]:
    return (
        Figure("First candle opened", moment(s.first_ms), "UTC."),
        Figure("Last candle closed", moment(s.last_ms), "UTC."),
        Figure("Candles", f"{s.candles:,}", "Closed candles of all markets."),
        Figure("Wall-clock time", NONE if s.seconds is None else f"{s.seconds:,.2f} s", "Where it was measured."),
        Figure(
            "Candles a second",
            number(s.candles_per_second, 0),
            "Through the whole machine: decisions, risk, broker and journal.",
        ),
    )
