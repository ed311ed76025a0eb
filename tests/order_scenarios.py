"""
One scenario of orders that go wrong: a bot trades for some minutes, a fault strikes its orders, then all is quiet.

A scenario counts only where its fault struck while an order was on its way or a position open; the invariants are held
when the bot has been asked to end.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.exchange.faults import AnyFault
from bot.exchange.market import MarketModel
from bot.exchange.occasions import Where
from bot.exchange.wire_log import Struck
from tests.command_line import say
from tests.live_invariants import Checked, check_all, venue_orders
from tests.live_world import FROM_MS, MINUTE, WARM_UP, Bot, Exchange, running_exchange
from tests.market_time import run

OPEN_ENDPOINTS = frozenset({"order", "orderList/oco", "order/cancelReplace"})


class Lines(logging.Handler):
    """Keeps every line that is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


def on_order(method: str = "POST", *, skip: int = 0, times: int | None = 1, **selector: Any) -> Where:
    """The request that places an order (or cancels, or asks for one), so many of them let pass before."""
    return Where(method=method, endpoint="order", skip=skip, times=times, **selector)


def between(begin: float, end: float, **selector: Any) -> Where:
    """Every fitting occasion between two minutes of the session."""
    return Where(from_ms=FROM_MS + int(begin * MINUTE), until_ms=FROM_MS + int(end * MINUTE), **selector)


def struck_in_play(struck: Sequence[Struck], exchange: Exchange) -> int:
    """How many faults struck a request about an order, or at a time at which something of ours was open."""
    orders = venue_orders(exchange)
    return sum(
        one.endpoint in OPEN_ENDPOINTS
        or any(o.time_ms <= one.at_ms and (o.is_open or one.at_ms <= o.update_ms) for o in orders)
        for one in struck
    )


def play(
    folder: Path,
    *faults: AnyFault,
    minutes: int = 8,
    quiet_minutes: int = 3,
    at_first: Callable[[Exchange], None] | None = None,
    meanwhile: Callable[[Exchange, Bot], Awaitable[None]] | None = None,
    overrides: Mapping[str, str] | None = None,
    outside: Mapping[str, Decimal] | None = None,
    balances: Mapping[str, Decimal] | None = None,
    model: MarketModel | None = None,
    guard_ms: int = 10_000,
    in_play: int = 1,
    on: int = 2,
    off: int = 2,
    bundle: Path | None = None,
) -> tuple[Checked, Bot, Exchange]:
    """
    Play a scenario and hold the invariants.

    Args:
        folder: A new one.
        faults: What goes wrong.
        minutes: How long the bot trades.
        quiet_minutes: How long after that, with no faults any more, before it is asked to end.
        at_first: Done to the exchange before the bot comes.
        meanwhile: Done while it trades; it ends the faults' time where it returns later.
        overrides: Settings of the bot.
        outside: Money that came or went from outside, by asset.
        balances: What the account holds at first.
        model: How the markets move.
        guard_ms: How long a position may be bare.
        in_play: How often at least the faults have to strike an order on its way or an open position.
        on: Candles that the bot holds; `off` those that it does not.
        off: See there.
        bundle: The model that the bot asks, if any.
    """
    lines = Lines()

    async def story() -> tuple[Checked, Bot, Exchange]:
        before = WARM_UP if bundle else 500
        async with running_exchange(folder, *faults, balances=balances, model=model, before=before) as exchange:
            if at_first is not None:
                at_first(exchange)
            bot = Bot(folder / "bot", exchange, overrides=overrides, on=on, off=off, bundle=bundle)
            bot.start()
            await bot.for_candles(2 * minutes)
            if meanwhile is not None:
                await meanwhile(exchange, bot)
            exchange.server.plan.clear()
            await bot.for_candles(2 * quiet_minutes)
            await bot.stop()
            struck = exchange.server.plan.log.struck
            assert {rule.name or rule.__struct_config__.tag for rule in faults} <= {one.name for one in struck}
            assert struck_in_play(list(struck), exchange) >= in_play
            checked = check_all(bot, exchange, before=balances, outside=outside, logged=lines.text, guard_ms=guard_ms)
            say(str(checked))
            return checked, bot, exchange

    root = logging.getLogger()
    root.addHandler(lines)
    try:
        return run(story())
    finally:
        root.removeHandler(lines)
