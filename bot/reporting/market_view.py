"""
One market of a run as a reader sees it: its candles with what was traded in them, and its row in the table.

Chooses what is shown of a long run and says so in words; it draws through `charts`.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from bot.core.market import Instrument
from bot.core.orders import Side
from bot.reporting.axes import Key
from bot.reporting.charts import BUY, SELL, STOP, Mark, Stack, candle_chart
from bot.reporting.columns import Market
from bot.reporting.own_fills import FilledOrder
from bot.reporting.sampling import Bars, between, merge
from bot.reporting.trips import round_trips, traded_amounts
from bot.reporting.wording import NONE, moment, number, percent, plural

BARS: Final = 180
DETAIL_CANDLES: Final = 150
_SHAPES: Final = {"buy": BUY, "sell": SELL, "stop": STOP}
_NAMES: Final = {"buy": "buy", "sell": "sell", "stop": "stop exit"}


class MarketRow(Struct, frozen=True):
    """A market's figures, ready to be shown."""

    symbol: str
    candles: str
    fills: str
    traded: str
    costs: str
    round_trips: str
    won: str
    profit: str


class MarketFigure(Struct, frozen=True):
    """A chart and what it shows."""

    title: str
    svg: str
    caption: str


def market_row(market: Market, fills: Sequence[FilledOrder], instrument: Instrument) -> MarketRow:
    """Sum up what was done in one market. `fills` are this market's."""
    amounts = traded_amounts(fills, {market.symbol: instrument})
    trips = round_trips(fills, {market.symbol: instrument})
    profit = sum(float(trip.profit) for trip in trips)
    won = sum(trip.profit > 0 for trip in trips)
    return MarketRow(
        symbol=market.symbol,
        candles=f"{len(market.candles):,}",
        fills=f"{len(fills):,}",
        traded=number(float(amounts.traded)),
        costs=number(float(amounts.costs)),
        round_trips=f"{len(trips):,}",
        won=percent(won / len(trips), 0) if trips else NONE,
        profit=number(profit, signed=True) if trips else NONE,
    )


def market_figures(market: Market, fills: Sequence[FilledOrder], timeframe_ms: int) -> list[MarketFigure]:
    """The whole run and, where that had to be condensed, its last trades candle by candle. None without candles."""
    candles = market.candles
    if not len(candles):
        return []
    whole = merge(candles, timeframe_ms, BARS)
    figures = [_figure(f"{market.symbol}: the whole run", whole, fills)]
    if whole.candles_each > 1:
        end_ms = int(candles.open_ms[-1]) + timeframe_ms
        if fills:
            # A few candles more than the last fill, so that one sees what came of it.
            end_ms = min(end_ms, fills[-1].at_ms + 12 * timeframe_ms)
        start_ms = end_ms - DETAIL_CANDLES * timeframe_ms
        detail = between(candles, start_ms, end_ms)
        if len(detail):
            shown = [filled for filled in fills if start_ms <= filled.at_ms <= end_ms]
            title = f"{market.symbol}: the last trades" if fills else f"{market.symbol}: the last candles"
            figures.append(_figure(title, merge(detail, timeframe_ms, DETAIL_CANDLES), shown))
    return figures


def _figure(title: str, bars: Bars, fills: Sequence[FilledOrder]) -> MarketFigure:
    caption = f"{moment(int(bars.start_ms[0]))} to {moment(bars.end_ms)} UTC. "
    kinds = [kind for kind in _NAMES if any(_kind(filled) == kind for filled in fills)]
    if bars.candles_each > 1:
        caption += (
            f"Each bar stands for {bars.candles_each:,} candles: the first open, the highest high, the lowest low, the "
            f"last close."
        )
        if fills:
            caption += f" The strip below counts the fills of each bar: {plural(len(fills), 'fill')} in all."
        keys = [Key(kind, _NAMES[kind]) for kind in kinds]
        return MarketFigure(title, candle_chart(title, bars, keys, stacks=_stacks(bars, fills)), caption)
    caption += f"{plural(len(fills), 'fill')}, each at its price and time." if fills else "Nothing was traded."
    keys = [Key(kind, _NAMES[kind], _SHAPES[kind]) for kind in kinds]
    return MarketFigure(title, candle_chart(title, bars, keys, marks=[_mark(filled) for filled in fills]), caption)


def _kind(filled: FilledOrder) -> str:
    if filled.is_stop:
        return "stop"
    return "buy" if filled.fill.side is Side.BUY else "sell"


def _mark(filled: FilledOrder) -> Mark:
    kind, fill = _kind(filled), filled.fill
    title = f"{kind} {fill.quantity} at {fill.price} ({filled.intent.purpose.value})\n{moment(filled.at_ms)}"
    return Mark(filled.at_ms, float(fill.price), _SHAPES[kind], kind, title)


def _stacks(bars: Bars, fills: Sequence[FilledOrder]) -> list[Stack]:
    begin = int(bars.start_ms[0])
    counts: dict[int, dict[str, int]] = {}
    for filled in fills:
        # A fill at the very end of the run, whose time is exclusive, belongs to the last bar.
        bar = min((filled.at_ms - begin) // bars.span_ms, (int(bars.start_ms[-1]) - begin) // bars.span_ms)
        counts.setdefault(bar, dict.fromkeys(_NAMES, 0))[_kind(filled)] += 1
    stacks: list[Stack] = []
    for bar, by_kind in sorted(counts.items()):
        start_ms = begin + bar * bars.span_ms
        held = tuple((kind, count) for kind, count in by_kind.items() if count)
        words = ", ".join(plural(count, _NAMES[kind]) for kind, count in held)
        middle_ms = (start_ms + bars.until_ms(start_ms)) / 2
        stacks.append(Stack(middle_ms, held, f"{words}\nfrom {moment(start_ms)}"))
    return stacks
