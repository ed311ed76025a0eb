"""
Says in words what a comparison found: does anything beat the naive rows, and is it worth a fee.

A row beats them when its probabilities lose less than those of every naive row, by a test that knows how many rows
were looked at; it is tradable at a cost when its timing surely earns something there, luck of the best of all trials
deducted. Timing is what an account earns beyond holding its own mean exposure: a rising market proves nothing. Pure
text from figures.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from strategies.forecasting.comparison.accuracy import CONFIDENCE
from strategies.forecasting.comparison.table import Row, Table
from strategies.forecasting.economics import Performance

LEVEL: Final = 0.05
"""How often chance alone may be called an edge, over all rows and questions together."""

SURE: Final = 0.95
"""Least probability that a Sharpe ratio is above what luck would have given."""

_USUAL_COST_BPS: Final = 2.0


class Found(Struct, frozen=True):
    """A row of a table."""

    table: Table
    row: Row


class Verdict(Struct, frozen=True):
    """
    What was found, in sentences, and the same as names.

    `beats_naive` are rows of `question: row` that beat every naive row; `tradable_bps` is the highest cost of a side
    at which any row is worth trading, None where there is no such cost above zero.
    """

    sentences: tuple[str, ...]
    beats_naive: tuple[str, ...]
    tradable_bps: float | None


def judge(tables: Sequence[Table]) -> Verdict:
    """Judge all tables together."""
    candidates = [Found(table, row) for table in tables for row in table.rows if row.family != "naive"]
    naive = any(row.family == "naive" for table in tables for row in table.rows)
    level = LEVEL / max(len(candidates), 1)
    winners = [found for found in candidates if naive and _beats(found, level)]
    paying = _paying(candidates)
    sentences = (
        *_on_skill(tables, candidates, winners, level, naive=naive),
        *_on_money(tables, candidates, paying),
        *_on_place(candidates, winners),
        *_on_luck(tables),
    )
    names = tuple(f"{found.table.name}: {found.row.name}" for found in winners)
    return Verdict(sentences, names, max(paying) if paying else None)


def _beats(found: Found, level: float) -> bool:
    naive = [row for row in found.table.rows if row.family == "naive"]
    tests = [against.brier for against in found.row.significance.against]
    return bool(naive) and all(test is not None and test.p_value < level for test in tests)


def _paying(candidates: Sequence[Found]) -> dict[float, Found]:
    """The best row that is worth trading at each cost above zero, where there is one."""
    paying: dict[float, Found] = {}
    for found in candidates:
        accounts = zip(found.row.money.by_rule, found.row.money.deflated, strict=True)
        for at, (ruled, deflated) in enumerate(accounts):
            if ruled.cost_bps <= 0.0 or ruled.timing_sharpe is None or ruled.timing_low is None:
                continue
            if ruled.timing_low > 0.0 and deflated.probability >= SURE:
                best = paying.get(ruled.cost_bps)
                if best is None or ruled.timing_sharpe > (best.row.money.by_rule[at].timing_sharpe or 0.0):
                    paying[ruled.cost_bps] = found
    return paying


def _on_skill(
    tables: Sequence[Table], candidates: Sequence[Found], winners: Sequence[Found], level: float, *, naive: bool
) -> Iterator[str]:
    if not naive:
        yield "No naive row was asked for, so nothing can be said of skill: every claim needs one beside it."
        return
    if not candidates:
        yield "Every row is a naive one: nothing was compared with them."
        return
    looks = f"{len(candidates)} {'row' if len(candidates) == 1 else 'rows'}"
    if not winners:
        yield (
            f"Nothing beats the naive rows: of {looks} none has probabilities that surely lose less than those of "
            f"every naive row (Diebold-Mariano on Brier scores, p below {level:.2g} for each look)."
        )
        yield f"The best of them by Brier score: {_described(_best(candidates))}."
        return
    best = _best(winners)
    yield f"{best.row.name} beats the naive rows: {_described(best)}."
    others = [found for found in winners if found is not best]
    if others:
        named = "; ".join(_named(found, tables) for found in others)
        yield f"So do {len(others)} more of {looks}: {named}." if len(others) > 1 else f"So does {named}."
    kept = [
        row.name
        for row in best.table.rows
        if row.significance.confidence_set_brier >= 1.0 - CONFIDENCE and row.name != best.row.name
    ]
    alone = f"No other row of {best.table.name} can stand beside it"
    beside = f"{'; '.join(kept)} cannot be told from it" if kept else alone
    yield f"{beside} (model confidence set, {CONFIDENCE:.0%})."


def _described(found: Found) -> str:
    row, naive = found.row, [each for each in found.table.rows if each.family == "naive"]
    rates = [each for each in naive if each.direction is not None]
    words = [found.table.name]
    if row.direction is not None:
        said = f"direction right {row.direction.rate:.1%}"
        if row.direction.low is not None and row.direction.high is not None:
            said += f" [{row.direction.low:.1%}, {row.direction.high:.1%}]"
        if rates:
            best = max(rates, key=lambda each: each.direction.rate if each.direction else 0.0)
            rate = best.direction.rate if best.direction else 0.5
            said += f" against {rate:.1%} of {best.name}"
        words.append(said)
    briers = [each for each in naive if each.errors.brier is not None]
    if row.errors.brier is not None and briers:
        least = min(briers, key=lambda each: each.errors.brier or 1.0)
        words.append(f"Brier {row.errors.brier:.4f} against {least.errors.brier:.4f} of {least.name}")
    still = next((each for each in naive if each.name == "persistence"), None)
    if still is not None:
        worse = row.errors.rmse_bps >= still.errors.rmse_bps
        beside = "no better than the" if worse else "against"
        words.append(f"RMSE {row.errors.rmse_bps:.2f} bp, {beside} {still.errors.rmse_bps:.2f} bp of persistence")
    return "; ".join(words)


def _on_money(tables: Sequence[Table], candidates: Sequence[Found], paying: dict[float, Found]) -> Iterator[str]:
    if not paying:
        costs = [cost for cost in tables[0].costs_bps if cost > 0.0]
        yield (
            f"Nothing is tradable: at no cost from {costs[0]:g} to {costs[-1]:g} bp a side does any row's timing "
            "surely earn more than holding the same mean exposure all the time, and more than luck gives the best of "
            f"the {tables[0].trials} trials of this comparison."
        )
        timed = [found for found in candidates if _timing(found) is not None]
        if timed:
            best = max(timed, key=lambda found: _timing(found) or 0.0)
            yield f"The best timing at {_USUAL_COST_BPS:g} bp a side: {_account(best, tables)}."
            yield _held(best.table)
        return
    cost = max(paying)
    yield f"Tradable up to {cost:g} bp a side, as far as the past can say: {_account(paying[cost], tables, cost)}."
    yield _held(paying[cost].table, cost)


def _account(found: Found, tables: Sequence[Table], cost: float = _USUAL_COST_BPS) -> str:
    at = found.table.costs_bps.index(cost)
    ruled, deflated = found.row.money.by_rule[at], found.row.money.deflated[at]
    bounds = "" if ruled.timing_low is None else f" [{ruled.timing_low:.2f}, {ruled.timing_high:.2f}]"
    return (
        f"{_named(found, tables)}, by the rule, earned {ruled.timing_frac:+.1%} beyond holding its mean exposure "
        f"all the time, a Sharpe ratio of {ruled.timing_sharpe:.2f}{bounds} a year; the probability "
        f"that this is more than luck is {deflated.probability:.0%}. The account as it is, market and all: "
        f"{_plain(ruled)}, {ruled.exposed_frac:.0%} exposed on average, {ruled.sides_a_day:.1f} sides a day"
    )


def _held(table: Table, cost: float = _USUAL_COST_BPS) -> str:
    held = table.buy_and_hold[table.costs_bps.index(cost)]
    return f"Buy and hold over the same time: {_plain(held)}."


def _plain(of: Performance) -> str:
    sharpe = "no Sharpe ratio" if of.sharpe is None else f"Sharpe ratio {of.sharpe:.2f} a year"
    return f"{sharpe}, return {of.return_frac:+.1%}, largest drawdown {of.max_drawdown_frac:.1%}"


def _timing(found: Found) -> float | None:
    return found.row.money.by_rule[found.table.costs_bps.index(_USUAL_COST_BPS)].timing_sharpe


def _on_place(candidates: Sequence[Found], winners: Sequence[Found]) -> Iterator[str]:
    """Where the edge is largest against its cost: the cost that it could pay, of rows that traded often enough."""
    asked = dict.fromkeys(found.table.name for found in candidates if found.row.money.break_even is not None)
    of_each = {name: [found for found in candidates if found.table.name == name and _bounded(found)] for name in asked}
    best = [_best([found for found in these if found in winners] or these) for these in of_each.values() if these]
    if best:
        yield _placed(sorted(best, key=_break_even, reverse=True), several=len(asked) > 1)
    silent = [name for name, these in of_each.items() if not these]
    if silent:
        yield f"Trades are too few to say what the timing could pay on {'; '.join(silent)}."


def _placed(best: Sequence[Found], *, several: bool) -> str:
    first, *others = best
    if _break_even(first) <= 0.0:
        return "Traded on every sign, the timing of the best rows loses before any cost."
    if not others:
        where = f" on {first.table.name}" if several else ""
        return f"Traded on every sign the timing could pay {_carried(first)}{where}; a taker fee is 5 to 10 bp."
    rest = "; ".join(f"{found.table.name}, {_carried(found)}" for found in others)
    return (
        f"Against its cost the edge is largest on {first.table.name}: traded on every sign its timing could pay "
        f"{_carried(first)}; a taker fee is 5 to 10 bp. After it come {rest}."
    )


def _bounded(found: Found) -> bool:
    even = found.row.money.break_even
    return even is not None and even.low is not None


def _carried(found: Found) -> str:
    even = found.row.money.break_even
    if even is None:
        return "nothing"
    bounds = "" if even.low is None or even.high is None else f" [{even.low:.2f}, {even.high:.2f}]"
    return f"{even.bps:.2f}{bounds} bp a side ({found.row.name})"


def _break_even(found: Found) -> float:
    even = found.row.money.break_even
    return even.bps if even is not None else 0.0


def _on_luck(tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        chances = table.overfitting[table.costs_bps.index(_USUAL_COST_BPS)]
        if chances is not None:
            yield (
                f"{table.name}: choosing the row with the best timing at {_USUAL_COST_BPS:g} bp would have been wrong "
                f"in {chances.probability:.0%} of {chances.ways:,} ways to halve the time (probability of backtest "
                "overfitting)."
            )


def _best(among: Sequence[Found]) -> Found:
    return min(among, key=lambda found: 1.0 if found.row.errors.brier is None else found.row.errors.brier)


def _named(found: Found, tables: Sequence[Table]) -> str:
    return found.row.name if len(tables) == 1 else f"{found.row.name} on {found.table.name}"
