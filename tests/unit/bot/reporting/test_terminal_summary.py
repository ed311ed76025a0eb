from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bot.reporting.review import review
from bot.reporting.terminal import print_summary
from bot.reporting.wording import basis_points, moment, number, percent, plural, price


def printed(run, width=100):
    page = StringIO()
    screen = Console(file=page, width=width, highlight=False)
    reviewed = review(run, seconds=2.0)
    print_summary(reviewed.summary, reviewed.verdict, Path("runs/one/report.html"), screen)
    return page.getvalue()


def test_the_verdict_comes_before_the_figures_and_the_report_last(new_run):
    run = new_run()
    run.label(market="invented market, seed 1")
    run.candle(0, 100.0)
    run.mark(0, 1000.0)
    text = printed(run)
    assert text.index("Not a real market") < text.index("Buy and hold") < text.index("runs/one/report.html")


def test_what_is_not_defined_is_left_out(new_run):
    text = printed(new_run())
    assert "Sharpe" not in text
    assert "Fills" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(new_run, width):
    run = new_run()
    run.candle(0, 100.0)
    run.mark(0, 1000.0)
    assert max(map(len, printed(run, width).splitlines())) <= width


def test_markup_in_a_label_is_shown_as_it_is(new_run):
    run = new_run()
    run.label(market="invented market [bold]x[/bold]")
    assert "[bold]x[/bold]" in printed(run)


def test_numbers_are_worded_for_people():
    assert number(-1234.5) == "\u22121,234.50"
    assert number(-0.001) == "0.00"
    assert percent(0.0123, signed=True) == "+1.23 %"
    assert basis_points(None) == "\u2013"
    assert moment(1_704_067_200_000) == "2024-01-01 00:00"
    assert (plural(1, "fill"), plural(2, "fill")) == ("1 fill", "2 fills")
    assert (price(42000.0), price(0.00012345)) == ("42,000.00", "0.000123450")
