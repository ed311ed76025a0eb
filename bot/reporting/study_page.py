"""
The report of a study as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

Sets words and charts that it is given; knows nothing of trials or networks.
"""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from bot.reporting.page_rows import Tile


class Compared(Struct, frozen=True):
    """One measure of the choice beside the default, in words."""

    measure: str
    chosen: str
    default: str
    gain: str
    bounds: str
    finding: str


class Part(Struct, frozen=True):
    """One stretch of time that was used, and for what."""

    use: str
    train: str
    validation: str
    test: str


class TrialLine(Struct, frozen=True):
    """One trial in words; `note` says what there is to say beside its figures."""

    number: str
    state: str
    loss: str
    folds: str
    seconds: str
    values: str
    note: str


class StudyPage(Struct, frozen=True):
    """Everything that the page shows, chosen and worded. Charts are SVG text, empty where there is nothing."""

    title: str
    facts: tuple[tuple[str, str], ...]
    badges: tuple[tuple[str, str], ...]
    verdict: tuple[str, ...]
    tiles: tuple[Tile, ...]
    compared: tuple[Compared, ...]
    losses: str
    importances: str
    choice: tuple[tuple[str, str, str], ...]
    parts: tuple[Part, ...]
    trials: tuple[TrialLine, ...]
    identity: tuple[tuple[str, str], ...]


def render_study(page: StudyPage) -> str:
    """The page as HTML text: the same study gives the same bytes."""
    room = files("bot.reporting")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # The style sheet is ours and the charts escape every text themselves: both go in as they are.
    environment.filters["drawn"] = Markup
    template = environment.from_string(room.joinpath("study.html.j2").read_text(encoding="utf-8"))
    style = Markup(room.joinpath("report.css").read_text(encoding="utf-8"))  # noqa: S704  (a file of this package)
    return template.render(page=page, style=style)
