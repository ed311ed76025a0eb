"""
How a bot stands, on a terminal: what it may trade first, then the account, then each market with its reason.

Words and tables only; what is shown was found out elsewhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bot.core.status import BreakerStatus, DecisionView, EngineStatus, HoldingView, MarketStatus, OrderView, Protection
from bot.reporting.last_known import LastKnown, LastMarket
from bot.reporting.wording import NONE, exact, exact_price, moment, number, percent, plural, price

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_FRESH_MS: Final = 2_000
"""A picture younger than this is of now, for a person."""

_PROTECTION: Final = {
    Protection.NONE: "does not work",
    Protection.SENT: "is sent, not accepted yet",
    Protection.RESTS: "rests",
    Protection.UNKNOWN: "is unknown to the venue so far",
    Protection.LEAVING: "is asked back",
}
_STYLES: Final = {"active": "bold green", "reducing": "bold yellow", "halted": "bold red"}


def print_status(status: EngineStatus, age_ms: int, busy_ms: int, console: "Console | None" = None) -> None:
    """
    Print how a running bot stands.

    Args:
        status: Its picture.
        age_ms: How old that is.
        busy_ms: For how long the bot has been busy; 0 while it answers.
        console: Where to print; the terminal's standard output where None.
    """
    from rich.text import Text

    screen = console or _screen()
    style = _STYLES.get(status.state, "bold")
    screen.print(Text(headline(status, age_ms, busy_ms), style=style), soft_wrap=True)
    screen.print(_pairs([("account", account_line(status)), *_attention(status)]))
    screen.print(_table(("breaker", "state", "now", "limit", "trips at"), map(_breaker_row, status.breakers)))
    screen.print(_pairs([(market.symbol, "\n".join(_market_lines(market))) for market in status.markets]))


def print_last_known(known: LastKnown, console: "Console | None" = None) -> None:
    """Print how a run stood that nobody runs now."""
    from rich.text import Text

    screen = console or _screen()
    end = "is finished" if known.finished else "is not finished and does not run"
    text = f"run {known.run_id} {end}; its journal ends at {exact_moment(known.time_ms)} UTC"
    screen.print(Text(text, style="bold"), soft_wrap=True)
    screen.print(_pairs(_last_account(known)))
    screen.print(_pairs([(one.symbol, "\n".join(_last_lines(one))) for one in known.markets]))


def headline(status: EngineStatus, age_ms: int, busy_ms: int) -> str:
    """What may be traded, and how old that news is."""
    words = status.reason if status.reason.startswith(status.state) else f"{status.state}: {status.reason}"
    words = words.removesuffix(": ")
    if age_ms >= _FRESH_MS:
        words += f" ({seconds(age_ms)} ago"
        words += f"; the bot has been busy for {seconds(busy_ms)})" if busy_ms else ")"
    return f"{words}, {exact_moment(status.time_ms)} UTC"


def account_line(status: EngineStatus) -> str:
    """The account in one line."""
    return (
        f"equity {number(status.equity)}, cash {number(float(status.cash))}, "
        f"exposure {percent(status.exposure_frac)}, {status.orders_today} of {status.orders_allowed:,} entries today"
    )


def moves(decision: DecisionView) -> str:
    """Expected against needed; a dash where the strategy does not reason in moves."""
    if decision.expected_move_bps is None or decision.needed_move_bps is None:
        return NONE
    return f"expected {move(decision.expected_move_bps)}, needed {move(decision.needed_move_bps)}"


def move(bps: float) -> str:
    """A move that somebody expects, in basis points: a forecast knows no hundredths of them."""
    return f"{number(bps, 1, signed=True)} bp"


def order_line(order: OrderView) -> str:
    """An order in one line."""
    at = f" at {exact_price(order.price)}" if order.price is not None else ""
    back = ", asked back" if order.asked_back else ""
    kind = order.type if order.purpose.value == order.type.value else f"{order.purpose} {order.type}"
    return (
        f"{order.client_order_id}: {kind}, {order.side} {exact(order.quantity)}{at}, "
        f"{order.status.value.replace('_', ' ')}, {exact(order.filled)} filled{back}"
    )


def exact_moment(time_ms: int) -> str:
    """A time to the millisecond, UTC, with no more digits than it has."""
    instant = datetime.fromtimestamp(time_ms / 1_000, UTC)
    if time_ms % 1_000:
        return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{time_ms % 1_000:03d}"
    return instant.strftime("%Y-%m-%d %H:%M:%S" if time_ms % 60_000 else "%Y-%m-%d %H:%M")


def seconds(duration_ms: int) -> str:
    """A duration in seconds."""
    return f"{number(duration_ms / 1_000, 1)} s"


def _attention(status: EngineStatus) -> list[tuple[str, str]]:
    """Lines that are there only when there is something to say."""
    lines = []
    for market in status.markets:
        lines += [("order", f"{market.symbol} {order_line(order)}") for order in market.orders]
        if market.holding is not None and market.holding.bare_since_ms is not None:
            since = exact_moment(market.holding.bare_since_ms)
            lines.append(("alarm", f"{market.symbol} is held without a working stop since {since} UTC"))
        elif market.holding is not None and market.holding.unprotected:
            lines.append(("alarm", f"{market.symbol} is held without a stop: {market.holding.unprotected}"))
    if status.unknown:
        lines.append(("unknown", f"the venue is being asked about {', '.join(status.unknown)}"))
    if status.unanswered:
        lines.append(("unanswered", ", ".join(status.unanswered)))
    if status.forecasts_dropped:
        lines.append(("forecasts", f"{plural(status.forecasts_dropped, 'forecast')} came too late or were no answer"))
    if status.foreign:
        others = ", ".join(f"{exact(amount)} {asset}" for asset, amount in sorted(status.foreign.items()))
        lines.append(("not ours", f"{others} lie in the account beside ours, and are left alone"))
    return lines


def _breaker_row(breaker: BreakerStatus) -> tuple[str, ...]:
    if not breaker.reference:
        return (breaker.name, "armed", NONE, percent(breaker.limit_frac), NONE)
    state = "TRIPPED" if breaker.tripped else "armed"
    fall = f"{percent(breaker.fall_frac)} below {number(breaker.reference)}"
    return (breaker.name, state, fall, percent(breaker.limit_frac), number(breaker.trips_at))


def _market_lines(market: MarketStatus) -> Iterator[str]:
    yield market.why
    if market.holding is not None:
        yield _held(market.holding)
    if market.last_close is not None:
        last = f"last close {price(market.last_close)} at {moment(market.last_close_ms)}"
        yield last if market.next_close_ms is None else f"{last}, next at {moment(market.next_close_ms)}"


def _held(holding: HoldingView) -> str:
    bought = f"bought at {price(float(holding.average_price))}"
    words = f"{exact(holding.quantity)} held, {bought}, worth {number(holding.value)}"
    if holding.is_dust:
        words += ": dust, less than the venue takes"
        if holding.protection is Protection.NONE:
            return words  # what the venue would not take cannot be protected either
    at = "" if holding.stop_price is None else f" at {exact_price(holding.stop_price)}"
    return f"{words}; stop{at} {_PROTECTION[holding.protection]}"


def _last_account(known: LastKnown) -> list[tuple[str, str]]:
    account = known.account
    lines = []
    if account is not None:
        figures = f"equity {number(account.equity)}, cash {number(account.cash)}"
        when = f"exposure {percent(account.exposure_frac)}, at {moment(account.time_ms)}"
        lines.append(("account", f"{figures}, {when}"))
    if known.fills_since:
        fills = f"{plural(known.fills_since, 'fill')} after that"
        lines.append(("since then", f"{fills}; cash {number(float(known.cash))} at the end, and what is held below"))
    lines.append(("sessions", f"{known.sessions} since {moment(known.started_ms)}, by version {known.code_version}"))
    if known.halt:
        lines.append(("halted", known.halt))
    if known.drift:
        lines.append(("books", f"the venue's and ours differed: {known.drift}"))
    lines += [("breaker", f"{trip.reason} ({moment(trip.at_ms)})") for trip in known.trips]
    return lines


def _last_lines(market: LastMarket) -> list[str]:
    words, held = [], market.holding
    if held is None:
        words.append("nothing held")
    else:
        dust = ": dust, less than the venue takes" if held.is_dust else ""
        words.append(f"{exact(held.quantity)} held, bought at {price(float(held.average_price))}{dust}")
    if market.decision is not None:
        figures, when = moves(market.decision), moment(market.decision.close_time_ms)
        against = "" if figures == NONE else f" ({figures})"
        verdict = market.decision.verdict.replace("_", " ")
        words.append(f"last decision, of {when}: {verdict}: {market.decision.reason}{against}")
    if market.suspended:
        words.append(f"its data could not be proven: {market.suspended}")
    if market.barred:
        words.append(f"no entries at its place of execution: {market.barred}")
    return words + [f"order left working, {order_line(order)}" for order in market.orders]


def _screen() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _pairs(lines: Sequence[tuple[str, str]]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, words in lines:
        grid.add_row(Text(name), Text(words, style="bold red" if name == "alarm" else ""))
    return grid


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold blue")
    for name in heading:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
