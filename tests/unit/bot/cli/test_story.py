import io
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from bot.adapters.narrator import Filled
from bot.cli import story as story_module
from bot.cli.story import Story, market_words, told_live
from bot.compose.paper_run import PaperRequest
from bot.core.commands import BreakerTripped, Decided, Marked, Notify, Verdict
from bot.core.events import SessionStarted
from bot.core.orders import Fill, Purpose, Side

HOUR_MS = 3_600_000
START_MS = 1_711_267_200_000


def fill(side: Side) -> Fill:
    return Fill("a1", "a1-0", "BTC/USDT", side, Decimal("0.5"), Decimal("100.25"), Decimal(0), "USDT", Decimal(100))


def a_console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def text_of(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def screen(story: Story) -> str:
    console = a_console()
    console.print(story)
    return text_of(console)


def test_fills_stops_refusals_and_breakers_are_counted_and_told() -> None:
    story = Story(a_console(), "headline", "opening", 100 * HOUR_MS)
    story.tell(Filled(fill(Side.BUY), Purpose.ENTRY))
    story.tell(Filled(fill(Side.SELL), Purpose.EXIT))
    story.tell(Filled(fill(Side.SELL), Purpose.STOP))
    story.tell(Decided(START_MS, "ETH/USDT", 1.0, 0.5, 0.0, Verdict.DENIED, "cooling down"))
    story.tell(BreakerTripped(START_MS, "daily_loss", "a bad day"))
    story.tell(Notify(START_MS, "series_split", "ETH/USDT: warms up again"))
    story.tell(Marked(START_MS, 9_876.5, 5_000.0, 0.49))
    story.progress(2, START_MS)

    shown = screen(story)
    assert "2024-03-24 08:00" in shown
    assert "2 candles  equity 9,876.50  exposure 49%  3 fills, 1 stops, 1 refusals, 1 breakers" in shown
    for line in (
        "bought 0.5 BTC/USDT at 100.25",
        "sold 0.5 BTC/USDT at 100.25",
        "stopped out of 0.5 BTC/USDT at 100.25",
        "ETH/USDT denied: cooling down",
        "breaker: a bad day",
        "ETH/USDT: warms up again",
    ):
        assert line in shown
    assert "headline" in shown


def test_until_a_session_has_begun_its_screen_says_that_it_opens() -> None:
    story = Story(a_console(), "headline", "opening", None)
    assert "opening what it needs" in screen(story)
    story.tell(SessionStarted(START_MS))
    assert "waiting for the first candles" in screen(story)


def test_only_the_last_lines_stay_on_the_screen() -> None:
    story = Story(a_console(), "headline", "opening", None)
    for number in range(30):
        story.tell(Notify(START_MS, "code", f"number {number}."))
    shown = screen(story)
    assert "number 29." in shown
    assert "number 5." not in shown


def test_without_a_terminal_each_tenth_of_the_way_is_one_line() -> None:
    console = a_console()
    story = Story(console, "headline", "opening", 100 * HOUR_MS)
    for hour in range(101):
        story.progress(1, START_MS + hour * HOUR_MS)
    lines = text_of(console).splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("2024-03-24 18:00  11 candles")


def test_a_line_is_never_broken_for_who_reads_a_log() -> None:
    console = Console(file=io.StringIO(), width=20)
    story = Story(console, "headline", "opening", HOUR_MS)
    story.progress(1, START_MS)
    story.progress(1, START_MS + HOUR_MS)
    assert len(text_of(console).splitlines()) == 1


def test_a_session_without_an_end_has_no_tenths() -> None:
    console = a_console()
    story = Story(console, "headline", "opening", None)
    for hour in range(200):
        story.progress(1, START_MS + hour * HOUR_MS)
    assert text_of(console) == ""


def test_on_a_terminal_the_screen_tells_it() -> None:
    console = a_console(terminal=True)
    story = Story(console, "headline", "opening", HOUR_MS)
    story.progress(1, START_MS)
    story.progress(1, START_MS + HOUR_MS)
    assert text_of(console) == ""


@pytest.mark.parametrize(
    ("exchange", "where"), [("embedded", "invented market on the embedded exchange"), ("binance", "binance")]
)
def test_a_session_begins_by_saying_what_it_trades_and_how_to_stop_it(
    capsys: pytest.CaptureFixture[str], exchange: str, where: str
) -> None:
    with told_live(PaperRequest(out=Path("runs/[1]")), "on paper", market_words(exchange)) as story:
        assert capsys.readouterr().err == "", "nothing has been found to be possible yet"
        story.tell(SessionStarted(START_MS))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"trading on paper into runs/[1]: {where}; Ctrl-C stops it, the same command with --out runs/[1] goes on\n"
    )


def test_on_a_terminal_the_story_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    @contextmanager
    def live(renderable: object, **_: object) -> Iterator[None]:
        shown.append(renderable)
        yield

    monkeypatch.setattr("rich.live.Live", live)
    monkeypatch.setattr("rich.console.Console", lambda **_: a_console(terminal=True))
    with story_module.told_live(PaperRequest(out=Path("run")), "on paper", "here") as story:
        assert shown == [story]
