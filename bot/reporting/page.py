"""
The report of a run as one HTML file that needs nothing else: no script, no font, no picture from anywhere.

Chooses what a reader sees and in which order; the charts draw themselves, the template sets the words.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from bot.core.errors import StorageError
from bot.reporting.axes import PERCENT, PLAIN
from bot.reporting.benchmark import buy_and_hold
from bot.reporting.charts import Instant, Line, area_chart, line_chart
from bot.reporting.columns import RunColumns
from bot.reporting.figures import FigureGroup, figure_groups
from bot.reporting.forecast_charts import (
    Amount,
    calibration_chart,
    equal_bins,
    move_chart,
    size_chart,
    waterfall_chart,
)
from bot.reporting.market_view import MarketFigure, MarketRow, market_figures, market_row
from bot.reporting.metrics import drawdowns
from bot.reporting.own_fills import FilledOrder
from bot.reporting.page_rows import (
    MAX_ROWS,
    Comparison,
    Row,
    Tile,
    badges,
    comparisons,
    decision_rows,
    facts,
    happening_rows,
    tiles,
)
from bot.reporting.reckoning import Reckoning
from bot.reporting.review import Review
from bot.reporting.scoring import BPS, Scored, score
from bot.reporting.wording import number, percent, plural

MARKETS_DRAWN: Final = 3


class Contents(Struct, frozen=True):
    """Everything that the template shows, chosen and worded. Charts are SVG text, empty where there is nothing."""

    title: str
    facts: tuple[tuple[str, str], ...]
    badges: tuple[tuple[str, str], ...]
    alarming: bool
    verdict: tuple[str, ...]
    tiles: tuple[Tile, ...]
    equity: str
    drawdown: str
    markets: tuple[MarketFigure, ...]
    markets_drawn: int
    markets_left_out: int
    market_rows: tuple[MarketRow, ...]
    scored: int
    comparisons: tuple[Comparison, ...]
    coverage: str
    calibration: str
    moves: str
    sizes: str
    waterfall: str
    on_waterfall: str
    decisions: tuple[Row, ...]
    happenings: tuple[Row, ...]
    happenings_left_out: int
    groups: tuple[FigureGroup, ...]
    identity: tuple[tuple[str, str], ...]
    fingerprints: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]


def render_page(review: Review) -> str:
    """The report as HTML text: the same run gives the same bytes."""
    room = files("bot.reporting")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    # The style sheet is ours and the charts escape every text themselves: both go in as they are.
    environment.filters["drawn"] = Markup
    template = environment.from_string(room.joinpath("report.html.j2").read_text(encoding="utf-8"))
    style = Markup(room.joinpath("report.css").read_text(encoding="utf-8"))  # noqa: S704  (a file of this package)
    return template.render(page=page_contents(review), style=style)


def write_page(review: Review, path: Path) -> None:
    """
    Write the report to a file, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(render_page(review), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise StorageError(f"the report cannot be written to {path}: {error.strerror}; name another --out") from error


def page_contents(review: Review) -> Contents:
    """Choose and word everything that the page shows."""
    columns, summary = review.columns, review.summary
    header = columns.header
    scores = score(review.scored)
    fills = _by_market(columns)
    drawn = sorted(columns.markets, key=lambda market: -len(fills[market.symbol]))[:MARKETS_DRAWN]
    return Contents(
        title=f"Run {header.run_id}",
        facts=facts(columns, summary),
        badges=badges(review),
        alarming=review.leak_suspected,
        verdict=review.verdict,
        tiles=tiles(columns, summary),
        equity=_equity(columns),
        drawdown=_drawdown(columns),
        markets=tuple(
            figure for market in drawn for figure in market_figures(market, fills[market.symbol], columns.timeframe.ms)
        ),
        markets_drawn=len(drawn),
        markets_left_out=len(columns.markets) - len(drawn),
        market_rows=tuple(
            market_row(market, fills[market.symbol], instrument)
            for market, instrument in zip(columns.markets, header.instruments, strict=True)
        ),
        scored=len(review.scored),
        comparisons=comparisons(summary, scores),
        coverage=percent(scores.coverage, 1),
        calibration=_calibration(review.scored),
        moves=_moves(review.scored),
        sizes=_sizes(columns, review.scored),
        waterfall=_waterfall(summary.reckoning),
        on_waterfall=_on_waterfall(summary.reckoning),
        decisions=decision_rows(columns),
        happenings=happening_rows(columns),
        happenings_left_out=max(0, len(columns.happenings) - MAX_ROWS),
        groups=figure_groups(summary),
        identity=(
            ("run", header.run_id),
            ("code", header.code_version),
            ("bundle", summary.bundle or "none"),
            ("journal sha256", summary.journal_sha256),
            ("sessions", str(columns.sessions)),
        ),
        fingerprints=tuple(sorted(header.fingerprints.items())),
        settings=tuple(sorted(header.settings.items())),
    )


def _by_market(columns: RunColumns) -> dict[str, list[FilledOrder]]:
    fills: dict[str, list[FilledOrder]] = {market.symbol: [] for market in columns.markets}
    for filled in columns.fills:
        fills[filled.fill.symbol].append(filled)
    return fills


def _equity(columns: RunColumns) -> str:
    account = columns.account
    if len(account.time_ms) < 2:
        return ""
    lines = [Line("equity", "a", account.time_ms, account.equity)]
    held = buy_and_hold(columns, account.time_ms)
    if held is not None:
        lines.append(Line("buy and hold", "b", account.time_ms, held * float(columns.header.budget)))
    instants = [Instant(each.first_ms, f"{each.kind}\n{each.text}") for each in columns.happenings if each.is_breaker]
    return line_chart("Equity against buying and holding", lines, PLAIN, instants=instants)


def _drawdown(columns: RunColumns) -> str:
    account = columns.account
    if len(account.time_ms) < 2:
        return ""
    falls = -drawdowns(np.concatenate([[float(columns.header.budget)], account.equity]))[1:]
    return area_chart("Drawdown", Line("drawdown", "loss", account.time_ms, falls), PERCENT)


def _calibration(scored: Scored) -> str:
    moved = scored.where(scored.realised != 0.0)
    bins = equal_bins(moved.p_up, (moved.realised > 0.0).astype(np.float64))
    return calibration_chart(bins) if bins else ""


def _moves(scored: Scored) -> str:
    bins = equal_bins(scored.expected * BPS, scored.realised * BPS)
    return move_chart(bins) if bins else ""


def _sizes(columns: RunColumns, scored: Scored) -> str:
    if not len(scored):
        return ""
    cost_bps = min(instrument.costs.round_trip_bps for instrument in columns.header.instruments)
    return size_chart(scored.expected * BPS, scored.realised * BPS, cost_bps)


def _waterfall(told: Reckoning | None) -> str:
    if told is None:
        return ""
    slippage = "slippage" if told.spread else "spread and slippage"
    costs = [
        Amount("fees", -told.fees),
        Amount("half spread", -told.spread),
        Amount("better by chance" if told.luck else slippage, -told.slippage),
    ]
    return waterfall_chart(
        [
            Amount("result before costs", told.before_costs, is_total=True),
            *(cost for cost in costs if cost.value),
            Amount("result", told.result, is_total=True),
        ]
    )


def _on_waterfall(told: Reckoning | None) -> str:
    """What a reader must know of the amounts beside their names."""
    if told is None:
        return ""
    words = (
        "What the trading made in a market without costs, and what each cost took from it, in quote currency, up to "
        "the last mark. Spread and slippage are what each fill was worse than its reference price by; at a venue that "
        "is the market's price when the order was sent, and what the market did until the fill is in them."
    )
    if told.luck:
        words += " Here fills were better than that, by chance of latency: nothing that can be counted on."
    if told.later_fills:
        words += (
            f" {plural(told.later_fills, 'fill')} came after the last mark, with fees of {number(told.later_fees)}: "
            "in no figure of the result."
        )
    return words
