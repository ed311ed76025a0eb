"""The page of a comparison, made of the golden report."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bot.reporting.comparison_charts import Curve, Span, cost_chart, span_chart
from bot.reporting.comparison_page import render_comparison

GOLDEN = Path(__file__).parents[3] / "golden" / "comparison.json"
VOID = {"meta", "link"}


class Balance(HTMLParser):
    """Notes tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    report: dict[str, Any] = json.loads(GOLDEN.read_text())
    for row in report["tables"][0]["rows"]:
        row["making"]["seconds"] = 0.5
    return report | {"data": {"1h, the next candle": "d" * 64}}


def test_the_verdict_comes_before_every_figure(document: dict[str, Any]) -> None:
    page = render_comparison(document)
    first = page.index(document["verdict"]["sentences"][0])

    assert first < page.index("<table>")
    assert page.index("beats the naive rows") < first


def test_the_page_is_whole_and_loads_nothing(document: dict[str, Any]) -> None:
    page = render_comparison(document)
    balance = Balance()
    balance.feed(page)

    assert (balance.open, balance.wrong) == ([], [])
    assert not re.search(r"https?://|<script|@import|src=", page)
    assert "default-src 'none'" in page
    assert page == render_comparison(document)


def test_every_row_stands_in_every_table(document: dict[str, Any]) -> None:
    page = render_comparison(document)

    for row in document["tables"][0]["rows"]:
        assert page.count(f'<th scope="row">{row["name"]}</th>') == 6


def test_buy_and_hold_stands_beside_the_accounts(document: dict[str, Any]) -> None:
    page = render_comparison(document)
    held = document["tables"][0]["buy_and_hold"][0]

    assert page.count('<th scope="row">buy and hold</th>') == 1
    assert f"{held['sharpe']:.2f} · {held['sortino']:.2f} · {100 * held['return_frac']:.1f} %" in page


def test_what_has_no_bounds_and_who_never_traded_has_a_dash(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    table = changed["tables"][0]
    for row in table["rows"]:
        if row["direction"]:
            row["direction"] |= {"low": None, "high": None}
        row["money"]["break_even"] = {"bps": 1.5, "low": None, "high": None}
        for one in row["money"]["by_rule"]:
            one |= {"sides_a_day": 0.0, "timing_sharpe": None, "sharpe": None}
    page = render_comparison(changed)

    assert ">None<" not in page
    rows, costs = len(table["rows"]), len(table["costs_bps"])
    assert page.count('<td class="number">–</td>') >= 2 * rows * costs
    assert "1.50" not in page
    assert 'class="whisker"' not in page


def test_names_are_text_and_not_markup(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    changed["tables"][0]["markets"] = ["<b>BTC"]
    changed["tables"][0]["rows"][0]["name"] = "<i>row"
    page = render_comparison(changed)

    assert "<b>BTC" not in page
    assert "<i>row" not in page


def test_a_second_opening_of_the_locked_period_is_told(document: dict[str, Any]) -> None:
    opening = {"opened_at_ms": 1_750_000_000_000}
    locked = {"verdict": document["verdict"], "tables": document["tables"], "openings": [opening, opening]}
    page = render_comparison(document | {"locked": locked})

    assert "Opened 2 times: the later ones prove less. The first time was 2025-06-15." in page


def test_spans_lie_around_their_dots() -> None:
    drawing = span_chart("Rates", [Span("one", 0.52, 0.5, 0.54, "one: 52 %"), Span("two", 0.49, 0.48, 0.5, "two")], 0.5)
    dots = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)"', drawing)]
    whiskers = [tuple(map(float, ends)) for ends in re.findall(r'whisker" d="M([\d.]+) [\d.]+L([\d.]+)', drawing)]

    assert len(dots) == len(whiskers) == 2
    assert all(low < dot < high for dot, (low, high) in zip(dots, whiskers, strict=True))
    assert dots[0] > dots[1]


def test_a_span_without_bounds_is_a_dot() -> None:
    drawing = span_chart("Rates", [Span("one", 0.52, None, None, "one"), Span("two", 0.49, 0.48, 0.5, "two")], 0.5)

    assert (drawing.count('class="dot"'), drawing.count("whisker")) == (2, 1)


def test_a_curve_that_falls_falls() -> None:
    drawing = cost_chart("Sharpe", [0.0, 1.0, 10.0], [Curve("one", "a", (1.0, 0.5, -2.0))])
    (path,) = re.findall(r'line a" d="M([^"]+)"', drawing)
    heights = [float(point.split()[1]) for point in path.split("L")]

    assert heights == sorted(heights)
