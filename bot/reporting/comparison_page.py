"""
The report of a comparison as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

Made of the comparison's JSON document alone; chooses what a reader sees and in which order.
"""

from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bot.reporting.axes import PERCENT, Unit
from bot.reporting.comparison_charts import Curve, Span, cost_chart, span_chart
from bot.reporting.wording import NONE, day, number, percent

_BP: Final = Unit(1.0, " bp")
_KINDS: Final = ("a", "b", "loss")
"""Colours of curves: as many rows are drawn."""


def render_comparison(document: dict[str, Any]) -> str:
    """The report as HTML text: the same document gives the same bytes."""
    room = files("bot.reporting")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # The style sheet is ours and the charts escape every text themselves: both go in as they are.
    environment.filters |= {"drawn": Markup, "number": _number, "percent": percent, "day": day, "p": _p_value}
    environment.globals |= {
        "accuracy_chart": _accuracy_chart,
        "break_even_chart": _break_even_chart,
        "timing_chart": _timing_chart,
        "part_names": _part_names,
        "part_of": _part_of,
        "plain": _plain,
        "setting": _setting,
        "timing": _timing,
    }
    template = environment.from_string(room.joinpath("comparison.html.j2").read_text(encoding="utf-8"))
    style = Markup(room.joinpath("report.css").read_text(encoding="utf-8"))  # noqa: S704  (a file of this package)
    return template.render(document=document, style=style)


def _number(value: float | None, places: int = 2) -> str:
    return number(value, places)


def _p_value(tested: dict[str, Any] | None) -> str:
    """A test's p-value; what is smaller than can be told is said to be so."""
    if tested is None:
        return NONE
    p_value = float(tested["p_value"])
    return "< 0.001" if p_value < 0.001 else number(p_value, 3)


def _accuracy_chart(table: dict[str, Any]) -> str:
    """Directional accuracy of every row that says a direction; empty where none does."""
    spans = [
        Span(
            row["name"],
            row["direction"]["rate"],
            row["direction"]["low"],
            row["direction"]["high"],
            f"{row['name']}: {percent(row['direction']['rate'], 1)}",
        )
        for row in table["rows"]
        if row["direction"] is not None
    ]
    return span_chart(f"Directional accuracy, {table['name']}", spans, 0.5, PERCENT) if spans else ""


def _break_even_chart(table: dict[str, Any]) -> str:
    """Cost of a side at which each row breaks even, where its bounds are known."""
    known = [
        row
        for row in table["rows"]
        if row["money"]["break_even"] is not None and row["money"]["break_even"]["low"] is not None
    ]
    spans = [
        Span(
            row["name"],
            row["money"]["break_even"]["bps"],
            row["money"]["break_even"]["low"],
            row["money"]["break_even"]["high"],
            f"{row['name']}: {number(row['money']['break_even']['bps'])} bp a side",
        )
        for row in known
    ]
    return span_chart(f"Break-even cost, {table['name']}", spans, 0.0, _BP) if spans else ""


def _timing_chart(table: dict[str, Any]) -> str:
    """Timing by the rule as trading gets dearer, of the rows that did best at the cost in the middle."""
    middle = len(table["costs_bps"]) // 2
    ratios = {row["name"]: tuple(one["timing_sharpe"] for one in row["money"]["by_rule"]) for row in table["rows"]}
    drawable = [name for name, those in ratios.items() if None not in those]
    best = sorted(drawable, key=lambda name: -float(ratios[name][middle]))[: len(_KINDS)]
    curves = [Curve(name, kind, ratios[name]) for name, kind in zip(best, _KINDS, strict=False)]
    return (
        cost_chart(f"Sharpe ratio of the timing by cost, {table['name']}", table["costs_bps"], curves) if curves else ""
    )


def _timing(performance: dict[str, Any], deflated: dict[str, Any]) -> str:
    """What an account's timing earned; a dash where it never traded, or was never out."""
    if performance["timing_sharpe"] is None:
        return NONE
    figures = (
        number(performance["timing_sharpe"]),
        percent(performance["timing_frac"], 1),
        percent(deflated["probability"], 0),
    )
    return " · ".join(figures)


def _plain(performance: dict[str, Any]) -> str:
    """An account as it is; a dash where it never traded."""
    if not performance["sides_a_day"]:
        return NONE
    figures = (
        number(performance["sharpe"]),
        number(performance["sortino"]),
        percent(performance["return_frac"], 1),
        percent(performance["max_drawdown_frac"], 1),
        percent(performance["exposed_frac"], 0),
    )
    return " · ".join(figures)


def _part_names(table: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(part["name"] for row in table["rows"] for part in row["parts"]))


def _part_of(row: dict[str, Any], name: str) -> dict[str, Any] | None:
    return next((part for part in row["parts"] if part["name"] == name), None)


def _setting(value: object) -> str:
    """A setting in words."""
    if isinstance(value, list):
        return "; ".join(_setting(each) for each in value) or NONE
    if isinstance(value, dict):
        return " ".join(f"{name.replace('_', ' ')} {_setting(each)}" for name, each in value.items())
    return NONE if value is None else str(value)
