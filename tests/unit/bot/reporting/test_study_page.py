"""The page of a study: what it must show, and that nothing in it is loaded or executed."""

import re

import pytest
from msgspec.structs import replace

from bot.reporting.page_rows import Tile
from bot.reporting.study_charts import TrialPoint, importance_chart, loss_chart
from bot.reporting.study_page import Compared, Part, StudyPage, TrialLine, render_study

POINTS = [TrialPoint(0, 1.0, True, "trial 0"), TrialPoint(1, 9.0, False, "trial <1>"), TrialPoint(3, 0.9, True, "3")]


@pytest.fixture
def page() -> StudyPage:
    return StudyPage(
        title="A study of CNN-LSTM",
        facts=(("markets", "BTC/USDT · 1h"),),
        badges=(("warn", "no better than the default"),),
        verdict=("The choice is not shown to be better.", "Second <sentence>."),
        tiles=(Tile("gain", "+0.0010", "95 % between"),),
        compared=(Compared("Brier score", "0.2480", "0.2490", "+0.0010", "−0.0010 … +0.0030", "not told apart"),),
        losses=loss_chart(POINTS, 1.0),
        importances=importance_chart([("learning rate", 0.7), ("window", 0.3)]),
        choice=(("window", "40", "60"),),
        parts=(Part("trials, part 1", "2021-01-01 to 2021-02-01", "a", "–"),),
        trials=(TrialLine("0", "failed", "–", "–", "1.0", "window 40", "the loss was never <finite>"),),
        identity=(("candles sha256", "ab"),),
    )


def test_the_verdict_comes_first_and_everything_is_shown(page: StudyPage) -> None:
    html = render_study(page)

    assert html.index("The choice is not shown") < html.index("+0.0010") < html.index("Every trial")
    for words in ("not told apart", "learning rate", "trials, part 1", "BTC/USDT · 1h", "no better than the default"):
        assert words in html


def test_words_cannot_become_markup_and_nothing_is_loaded(page: StudyPage) -> None:
    html = render_study(page)

    assert "Second &lt;sentence&gt;." in html
    assert "trial &lt;1&gt;" in html
    assert "never &lt;finite&gt;" in html
    assert "<script" not in html
    assert not re.search(r"(src|href)=\"(?!data:,)", html)


def test_a_study_without_importances_says_so(page: StudyPage) -> None:
    assert "Too few trials are finished" in render_study(replace(page, importances=""))


def test_a_loss_far_above_the_others_is_drawn_at_the_edge_and_the_default_is_a_line() -> None:
    usual = [TrialPoint(number, 0.9 + 0.01 * number, True, "usual") for number in range(4, 20)]
    chart = loss_chart([*POINTS, *usual], 1.0)

    assert "the default: 1.0000" in chart
    heights = [float(value) for value in re.findall(r'cy="([\d.]+)"', chart)]
    assert min(heights) == 30.0
    assert max(heights) < 276.0


def test_one_pruned_trial_alone_can_be_drawn() -> None:
    assert "<svg" in loss_chart([TrialPoint(0, 1.0, False, "pruned")], None)


def test_importances_are_drawn_in_the_order_given() -> None:
    chart = importance_chart([("learning rate", 0.7), ("window", 0.3), ("noise", 0.0)])

    assert chart.index("learning rate") < chart.index("window") < chart.index("noise")
    assert "70 %" in chart
