"""
The story of an order, or of a decision, as lines that a person reads from top to bottom.

Words only; what is told was gathered elsewhere.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.core.orders import Purpose
from bot.core.status import DecisionView
from bot.reporting.decision_context import DecisionStory, ForecastView
from bot.reporting.last_known import LastMark
from bot.reporting.status_text import exact_moment, move, moves
from bot.reporting.why import OrderStory, StopOrigin
from bot.reporting.wording import NONE, exact, exact_price, number, percent, plural, price

if TYPE_CHECKING:
    from rich.console import Console

Line = tuple[str, str]


def order_lines(story: OrderStory) -> list[Line]:
    """The story of an order, from its reason to its costs."""
    order = story.order
    at = f" at {exact_price(order.price)}" if order.price is not None else ""
    status = order.status.value.replace("_", " ")
    lines = [
        ("order", f"{order.client_order_id}: {order.side} {exact(order.quantity)} {order.symbol}{at}, {order.type}"),
        ("stands", f"{status}, {exact(order.filled)} of {exact(order.quantity)} filled"),
        ("because", _because(story)),
    ]
    if story.decision is not None:
        lines += _decision_lines(story.decision, story.forecast)
    lines += _account_lines(story.account)
    if story.stop is not None:
        lines += _stop_lines(story.stop)
    if story.its_stop:
        lines.append(("its stop", f"order {story.its_stop}"))
    lines += [(exact_moment(step.at_ms), f"{step.what}: {step.detail}".removesuffix(": ")) for step in story.steps]
    return lines + _cost_lines(story)


def decision_lines(story: DecisionStory) -> list[Line]:
    """The story of one decision."""
    lines = [("market", story.symbol), *_decision_lines(story.decision, story.forecast)]
    verdict = story.decision.verdict.replace("_", " ")
    lines.append(("verdict", f"{verdict}: {story.decision.reason}"))
    lines += _account_lines(story.account)
    if story.order:
        lines.append(("order", f"{story.order}: `candlewick why RUN {story.order}` tells the rest"))
    return lines


def print_lines(lines: list[Line], console: "Console | None" = None) -> None:
    """Print lines with their names; to the terminal's standard output where no console is given."""
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, words in lines:
        grid.add_row(Text(name), Text(words))
    (console or RichConsole(highlight=False)).print(grid)


def _because(story: OrderStory) -> str:
    match story.order.purpose:
        case Purpose.ENTRY:
            return "more of it was wanted than was held"
        case Purpose.EXIT:
            return "less of it was wanted than was held"
        case Purpose.STOP if story.stop is not None:
            return "it protects what is held"
        case Purpose.STOP:
            return story.cause or "what was held had no stop that could rest: the market was at its price already"
        case Purpose.BREAKER:
            return f"a breaker tripped: {story.cause}"
        case Purpose.OPERATOR:
            return f"an operator said flatten: {story.cause}"


def _decision_lines(row: DecisionView, forecast: ForecastView | None) -> list[Line]:
    lines = [("decided", f"on the candle that closed at {exact_moment(row.close_time_ms)} UTC")]
    if forecast is not None:
        model = f" by {forecast.model}" if forecast.model else ""
        between = f"{move(forecast.lower_bps)} to {move(forecast.upper_bps)}"
        expected = f"{move(forecast.expected_bps)} expected"
        lines.append(("forecast", f"up with {percent(forecast.p_up)}, {expected}, {between}{model}"))
    if moves(row) != NONE:
        lines.append(("moves", moves(row)))
    if row.wanted is not None:
        signal = "" if row.signal is None else f"signal {number(row.signal, signed=True)}, "
        lines.append(("exposure", f"{signal}{percent(row.wanted)} of equity wanted, {percent(row.held)} held"))
    return lines


def _account_lines(account: LastMark | None) -> list[Line]:
    if account is None:
        return []
    figures = f"equity {number(account.equity)}, cash {number(account.cash)}, exposure {percent(account.exposure_frac)}"
    return [("account", f"{figures}, at {exact_moment(account.time_ms)} UTC")]


def _stop_lines(stop: StopOrigin) -> list[Line]:
    average = price(float(stop.average_price))
    lines = [("its price", f"{percent(stop.distance_frac)} below the {average} that was paid on average")]
    if stop.rule:
        lines.append(("its rule", ", ".join(f"{key} {value}" for key, value in stop.rule.items())))
    if stop.bought_by:
        lines.append(("protects", f"what order {stop.bought_by} bought last"))
    if stop.replaces:
        lines.append(("replaces", f"order {stop.replaces}"))
    return lines


def _cost_lines(story: OrderStory) -> list[Line]:
    if not story.fills:
        return []
    quantity = sum((fill.quantity for fill in story.fills), Decimal(0))
    average = float(story.traded / quantity)
    fees = ", ".join(f"{exact(amount)} {asset}" for asset, amount in sorted(story.fees.items()))
    count = len(story.fills)
    return [
        ("traded", f"{number(float(story.traded))} in {plural(count, 'fill')}, {price(average)} on average"),
        ("costs", f"fees {fees}, spread {exact(story.spread_cost)}, slippage {exact(story.slippage_cost)}"),
    ]
