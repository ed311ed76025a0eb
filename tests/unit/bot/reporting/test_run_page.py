import re
from html.parser import HTMLParser

import pytest

from bot.core.commands import BreakerTripped, Verdict
from bot.core.errors import StorageError
from bot.core.orders import Purpose, Side
from bot.reporting.page import page_contents, render_page, write_page
from bot.reporting.review import review, summary_json

T0 = 1_704_067_200_000
HOUR = 3_600_000
VOID = {"meta", "link"}


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in order, and collects what would be loaded."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.loads = []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        assert tag != "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(html):
    page = Balanced()
    page.feed(html)
    assert page.open == []
    return page


@pytest.fixture
def traded(new_run):
    run = new_run("BTC/USDT", "ETH/USDT")
    for hour in range(300):
        close = 100.0 + hour % 7
        run.candle(hour, close)
        run.candle(hour, 50.0, symbol="ETH/USDT")
        run.forecast(hour, 0.4 + 0.05 * (hour % 5), 0.001 * (hour % 5 - 2))
        run.mark(hour, 1000.0 + hour % 11)
        if hour % 10 == 3:
            run.decide(hour, Verdict.SUBMITTED, "go", signal=1.0)
            run.trade(hour + 1, Side.BUY, "1", "100", fee="0.1", costs=("0.01", "0.01"))
        if hour % 10 == 6:
            purpose = Purpose.STOP if hour % 20 == 6 else Purpose.EXIT
            run.trade(hour + 1, Side.SELL, "1", "101", fee="0.1", purpose=purpose, costs=("0.01", "0.01"))
    run.decide(299, Verdict.DENIED, "over <the> limit & more")
    run.add(BreakerTripped(T0 + 100 * HOUR, "drawdown", "fell 5 %"))
    return run


def test_it_is_well_formed_loads_nothing_and_runs_nothing(traded):
    html = render_page(review(traded))
    page = parsed(html)
    assert page.loads == ["data:,"]
    assert "default-src 'none'" in html
    assert not re.search(r"https?://|@import|url\(|onload", html)


def test_words_from_outside_cannot_become_markup(traded):
    traded.label(market="<script>alert(1)</script>", profile="<img src=x>")
    html = render_page(review(traded))
    parsed(html)
    assert "over &lt;the&gt; limit &amp; more" in html


def test_the_same_run_gives_the_same_bytes(traded):
    assert render_page(review(traded)) == render_page(review(traded))


def test_a_run_of_nothing_still_has_a_page_that_says_so(new_run):
    html = render_page(review(new_run()))
    parsed(html)
    assert "there is no line to draw" in html
    assert "Nothing was traded" in html
    assert "No forecast has an outcome" in html
    assert "No decision was recorded" in html


def test_one_candle_is_drawn(new_run):
    run = new_run()
    run.candle(0, 101.0)
    run.mark(0, 1000.0)
    parsed(render_page(review(run)))


def test_every_breaker_refusal_and_fingerprint_is_on_the_page(traded):
    contents = page_contents(review(traded))
    assert [(row.what, row.why) for row in contents.happenings] == [
        ("breaker: drawdown", "fell 5 %"),
        ("denied", "over <the> limit & more"),
    ]
    assert contents.fingerprints == (("candles", "bb"), ("settings", "aa"))
    assert ("journal sha256", traded.events_sha256) in contents.identity


def test_a_condensed_chart_says_what_its_bars_stand_for(traded):
    whole, detail, *_ = page_contents(review(traded)).markets
    assert "Each bar stands for 2 candles" in whole.caption
    assert "60 fills in all" in whole.caption
    assert "each at its price and time" in detail.caption
    assert "stop exit" in detail.svg


def test_the_markets_with_the_most_fills_are_drawn_first(traded):
    assert page_contents(review(traded)).markets[0].title.startswith("BTC/USDT")


def test_a_leak_is_asked_for_only_where_the_market_is_real(traded):
    assert review(traded).leak is not None
    traded.label(market="invented market, seed 1")
    assert review(traded).leak is None


def test_the_file_is_written_whole_or_not_at_all(traded, tmp_path):
    page = tmp_path / "deep" / "report.html"
    write_page(review(traded), page)
    assert page.read_text(encoding="utf-8").endswith("</html>")
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="name another --out"):
        write_page(review(traded), tmp_path / "taken")


def test_programs_get_the_figures_the_verdict_and_the_leak_flag(traded, tmp_path):
    text = summary_json(review(traded), tmp_path / "report.html")
    assert '"fills":60' in text
    assert '"leak_suspected":false' in text
    assert '"verdict":[' in text
    assert '"seconds":null' in text
