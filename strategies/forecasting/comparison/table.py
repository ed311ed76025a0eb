"""
The table of a comparison: one row for each forecaster, everything that is said of it, as values.

Knows no file and no words; `verdict` reads it, reports show it.
"""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from msgspec import Struct

from strategies.forecasting.baselines import NAIVE
from strategies.forecasting.comparison.accuracy import (
    Direction,
    Errors,
    Part,
    Significance,
    direction,
    errors,
    parts,
    significance,
)
from strategies.forecasting.comparison.ensemble import stack
from strategies.forecasting.comparison.fitting import Fitted
from strategies.forecasting.comparison.judged import Judged
from strategies.forecasting.comparison.money import (
    Money,
    Traded,
    buy_and_hold,
    money,
    overfitting,
    trade,
    trial_sharpes,
)
from strategies.forecasting.comparison.question import Question, judged_windows
from strategies.forecasting.comparison.roster import ENSEMBLE, MEMBERS, family
from strategies.forecasting.economics import COSTS_BPS, Performance
from strategies.forecasting.evaluation import pooled, refuse_a_leak
from strategies.forecasting.folds import Fold
from strategies.forecasting.overfitting import Overfitting
from strategies.signal import SignalRule


class Serving(Struct, frozen=True):
    """Microseconds from one window to its answer, None where the row has no graph; `note` says how or why."""

    microseconds: float | None
    note: str


class Making(Struct, frozen=True):
    """What a row takes: fits made, mean seconds of one, weights (None where they cannot be counted), and serving."""

    fits: int
    seconds: float
    weights: int | None
    serving: Serving


class Row(Struct, frozen=True):
    """Everything about one forecaster. `seeds` is how many fits of a fold stand behind each figure."""

    name: str
    family: str
    seeds: int
    errors: Errors
    direction: Direction | None
    significance: Significance
    parts: tuple[Part, ...]
    money: Money
    making: Making


class Table(Struct, frozen=True):
    """
    The answer to one question. `overfitting` belongs to the rule at each cost of `costs_bps`.

    `trials` is how many rows and seeds, over all questions of this comparison, the deflated Sharpe ratios know of;
    what was tried elsewhere they cannot know. `buy_and_hold` is who held the markets all the time, at each cost.
    """

    name: str
    timeframe: str
    horizon: int
    barrier: float | None
    markets: tuple[str, ...]
    folds: tuple[Fold, ...]
    windows: int
    costs_bps: tuple[float, ...]
    trials: int
    buy_and_hold: tuple[Performance, ...]
    overfitting: tuple[Overfitting | None, ...]
    rows: tuple[Row, ...]


class Entry(Struct, frozen=True, eq=False):
    """The fits of one row on one question: `fits[fold]` holds one for each seed."""

    row: str
    fits: tuple[tuple[Fitted, ...], ...]
    serving: Serving


class Answered(Struct, frozen=True, eq=False):
    """A question with its judged rows and their accounts, before trials of other questions are known."""

    question: Question
    folds: tuple[Fold, ...]
    entries: tuple[Entry, ...]
    judged: tuple[Judged, ...]
    traded: tuple[Traded, ...]


def answer(
    question: Question,
    folds: Sequence[Fold],
    entries: Sequence[Entry],
    rule: SignalRule,
    lowest: float,
    best_hit_rate: float | None,
) -> Answered:
    """
    Put the fits of all rows beside what followed, and trade them.

    Args:
        question: What was asked.
        folds: The folds that were fitted, in order of time.
        entries: What was fitted, the ensemble included.
        rule: When an expected move is worth its cost.
        lowest: `economics.SPOT` or `economics.MARGIN`.
        best_hit_rate: The best possible hit rate of an invented market, None for a real one.

    Raises:
        SuspectedLeak: The forecasts of a row are too good to be true; the message names it.
    """
    windows = judged_windows(question, folds)
    judged = tuple(
        Judged(
            entry.row,
            tuple(pooled([fit.learnt.scored for fit in fits]) for fits in zip(*entry.fits, strict=True)),
            windows,
        )
        for entry in entries
    )
    for row in judged:
        for scored in row.by_seed:
            refuse_a_leak(scored, best_hit_rate, f"{row.name} on {question.name}", question.rule.horizon)
    traded = tuple(trade(row, rule, question.reach_ms, lowest) for row in judged)
    return Answered(question, tuple(folds), tuple(entries), judged, traded)


def tables(answers: Sequence[Answered]) -> tuple[Table, ...]:
    """Judge all rows of all questions, each knowing of all trials."""
    tried = [(each.question.reach_ms, each.traded) for each in answers]
    return tuple(_table(each, tried) for each in answers)


def ensemble_entry(question: Question, folds: Sequence[Fold], entries: Sequence[Entry], serving: Serving) -> Entry:
    """
    Stack all members on each fold; costs no fit of its own.

    Raises:
        DataError: A validation part is too small.
    """
    members = [entry for entry in entries if entry.row in MEMBERS]
    stacked = tuple(
        (Fitted(stack([[fit.learnt for fit in entry.fits[at]] for entry in members], question.dataset, fold), 0.0),)
        for at, fold in enumerate(folds)
    )
    return Entry(ENSEMBLE, stacked, serving)


def _table(of: Answered, tried: Sequence[tuple[int, Sequence[Traded]]]) -> Table:
    question = of.question
    sharpes = trial_sharpes(tried, question.reach_ms)
    luck = significance(of.judged, tuple(NAIVE), question.rule.horizon)
    everywhere = np.ones(len(of.judged[0].tested), dtype=np.bool_)
    rows = tuple(
        Row(
            name=judged.name,
            family=family(judged.name),
            seeds=len(judged.by_seed),
            errors=errors(judged, everywhere),
            direction=direction(judged, everywhere),
            significance=tests,
            parts=parts(judged, question.symbols),
            money=money(traded, question.reach_ms, sharpes),
            making=_making(entry),
        )
        for judged, traded, entry, tests in zip(of.judged, of.traded, of.entries, luck, strict=True)
    )
    return Table(
        name=question.name,
        timeframe=question.timeframe.value,
        horizon=question.rule.horizon,
        barrier=question.rule.barrier,
        markets=question.symbols,
        folds=of.folds,
        windows=len(everywhere),
        costs_bps=COSTS_BPS,
        trials=len(sharpes[0]),
        buy_and_hold=buy_and_hold(of.judged[0].tested, question.reach_ms),
        overfitting=overfitting(of.traded),
        rows=rows,
    )


def _making(entry: Entry) -> Making:
    fits = [fit for fold in entry.fits for fit in fold]
    made = 0 if entry.row == ENSEMBLE else len(fits)
    return Making(made, fmean(fit.seconds for fit in fits), fits[0].learnt.parameters, entry.serving)
