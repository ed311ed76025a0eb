"""
The words and tables of the report: what stands beside the charts, ready to be set by the template.

Knows figures and columns of a run; nothing of HTML.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from bot.reporting.columns import Happening, RunColumns
from bot.reporting.metrics import sharpe_error
from bot.reporting.provenance import is_invented, outside_card
from bot.reporting.review import Review
from bot.reporting.scoring import NAIVE_BRIER, ForecastScores
from bot.reporting.summary import Summary
from bot.reporting.wording import basis_points, moment, number, percent, plural, without_figures

MAX_ROWS: Final = 60


class Tile(Struct, frozen=True):
    """One large figure: `tone` is gain, loss or nothing."""

    name: str
    value: str
    note: str
    tone: str = ""


class Row(Struct, frozen=True):
    """A line of a table of occurrences or decisions."""

    what: str
    why: str
    count: str
    when: str
    markets: str


class Comparison(Struct, frozen=True):
    """The model beside the naive forecast in one measure."""

    measure: str
    model: str
    naive: str
    better: str


def facts(columns: RunColumns, summary: Summary) -> tuple[tuple[str, str], ...]:
    """What the run is about, for the head of the page."""
    header, labels = columns.header, columns.header.labels
    symbols = [instrument.symbol for instrument in header.instruments]
    named = ", ".join(symbols[:6]) + (f" and {len(symbols) - 6} more" if len(symbols) > 6 else "")
    facts = (
        ("markets", f"{named} · {header.timeframe}"),
        ("period", f"{moment(summary.first_ms)} to {moment(summary.last_ms)} UTC"),
        ("candles from", labels.get("market", "")),
        ("profile", labels.get("profile", "")),
        ("model", summary.bundle or ""),
    )
    return tuple((name, value) for name, value in facts if value)


def badges(review: Review) -> tuple[tuple[str, str], ...]:
    """What a reader must know at first sight, as (tone, words)."""
    badges: list[tuple[str, str]] = []
    if review.leak_suspected:
        badges.append(("bad", "suspected leak"))
    if is_invented(review.columns.header):
        badges.append(("warn", "invented market"))
    if outside_card(review.columns.header):
        badges.append(("warn", "outside the model's card"))
    badges += _sample_badge(review.summary)
    badges.append(("good", "finished") if review.columns.finished else ("warn", "not finished"))
    return tuple(badges)


def _sample_badge(s: Summary) -> list[tuple[str, str]]:
    if s.in_sample_frac is None:
        return []
    if s.in_sample_frac:
        return [("warn", f"{percent(s.in_sample_frac, 0)} in sample")]
    return [("warn", "same time as the training") if s.same_time_frac else ("good", "out of sample")]


def tiles(columns: RunColumns, s: Summary) -> tuple[Tile, ...]:
    """The six figures that everybody asks for first."""
    held = percent(s.buy_and_hold_return_frac, signed=True)
    return (
        Tile("Return", percent(s.return_frac, signed=True), f"buy and hold {held}", _tone(s.return_frac)),
        Tile("Deepest drawdown", percent(s.max_drawdown_frac), f"{plural(s.breakers, 'breaker')} tripped"),
        Tile("Sharpe ratio", number(s.sharpe), _give_or_take(columns, s.sharpe)),
        Tile("Fills", f"{s.fills:,}", _on_fills(s)),
        Tile("Fees", number(s.fees_in_result), _on_fees(s)),
        Tile("Direction right", percent(s.directional_accuracy, 1), f"in {plural(s.forecasts, 'forecast')}"),
    )


def _give_or_take(columns: RunColumns, ratio: float | None) -> str:
    if ratio is None:
        return "not defined for this run"
    returns = len(columns.account.time_ms) - 1
    error = sharpe_error(ratio, returns, columns.timeframe.per_year)
    return f"give or take {number(error, 1)}, from {plural(returns, 'return')}"


def _on_fills(s: Summary) -> str:
    stops = plural(s.stop_exits, "stop exit")
    return stops if s.hit_rate is None else f"{stops}, {percent(s.hit_rate, 0)} of round trips won"


def _on_fees(s: Summary) -> str:
    if s.break_even_bps is None:
        return "nothing was traded"
    return f"breaks even at {basis_points(s.break_even_bps)}, paid {basis_points(s.paid_bps)}"


def _tone(value: float | None) -> str:
    return "" if not value else "gain" if value > 0.0 else "loss"


def comparisons(s: Summary, scores: ForecastScores) -> tuple[Comparison, ...]:
    """The model beside the naive forecast, wherever both could be measured."""
    rows = (
        ("Mean error", s.mae_bps, s.naive_mae_bps, basis_points),
        ("Root mean square error", s.rmse_bps, s.naive_rmse_bps, basis_points),
        ("Brier score of the direction", s.brier, NAIVE_BRIER, lambda value: number(value, 4)),
    )
    compared = [
        Comparison(measure, worded(ours), worded(naive), "model" if ours < naive else "naive")
        for measure, ours, naive, worded in rows
        if ours is not None and naive is not None
    ]
    right, up = scores.directional_accuracy, scores.always_up
    if right is not None and up is not None:
        better = "model" if right > up else "always up"
        compared.append(Comparison("Direction right, and always up", percent(right, 1), percent(up, 1), better))
    return tuple(compared)


def decision_rows(columns: RunColumns) -> tuple[Row, ...]:
    """What the decisions came to, the most frequent first; reasons that differ only in figures are one."""
    counts: dict[tuple[str, str], int] = {}
    words: dict[tuple[str, str], str] = {}
    for (verdict, reason), count in columns.decisions.reasons.items():
        key = (verdict.value.replace("_", " "), without_figures(reason))
        counts[key] = counts.get(key, 0) + count
        words.setdefault(key, reason)
    total = sum(counts.values())
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Row(key[0], words[key], f"{count:,}", percent(count / total, 1), "") for key, count in order[:MAX_ROWS]
    )


def happening_rows(columns: RunColumns) -> tuple[Row, ...]:
    """Breakers first, then everything else in order of time; at most `MAX_ROWS`."""
    order = sorted(columns.happenings, key=lambda each: (not each.is_breaker, each.first_ms))
    return tuple(_happening_row(each) for each in order[:MAX_ROWS])


def _happening_row(each: Happening) -> Row:
    when = moment(each.first_ms)
    if each.last_ms != each.first_ms:
        when += f" to {moment(each.last_ms)}"
    return Row(each.kind, each.text, f"{each.count:,}", when, _named(each.symbols))


def _named(symbols: Sequence[str]) -> str:
    few: Iterable[str] = symbols[:3]
    return ", ".join(few) + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "")
