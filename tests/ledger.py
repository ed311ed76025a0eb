"""
An account kept from outside: the fills that a run wrote down, held against the candles it was given.

Nothing of the bot is imported here, and nothing is computed in binary floating point: the rules of filling and of
money are written down a second time, in `Decimal`, from what they say in words.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import NamedTuple

BPS = Decimal(10_000)
FEE_STEP = Decimal("1e-8")
CLOSE_ENOUGH = Decimal("1e-9")
"""Relative: the bot adds up equity in float64."""


class Bar(NamedTuple):
    """One candle, exact."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class Bars:
    """A market's candles by opening time."""

    def __init__(self, bars: Mapping[int, Bar], timeframe_ms: int) -> None:
        self._bars = bars
        self._timeframe_ms = timeframe_ms
        self._opens = sorted(bars)

    def opening(self, at_ms: int) -> Bar | None:
        """The bar that opens then."""
        return self._bars.get(at_ms)

    def closing(self, at_ms: int) -> Bar | None:
        """The bar that closes then."""
        return self._bars.get(at_ms - self._timeframe_ms)

    def mark(self, at_ms: int) -> Decimal:
        """The last close up to then."""
        return self._bars[self._opens[bisect_right(self._opens, at_ms - self._timeframe_ms) - 1]].close


class Fill(NamedTuple):
    """One row of `fills.csv`."""

    time_ms: int
    decision_time_ms: int
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    reference_price: Decimal
    spread_cost: Decimal
    slippage_cost: Decimal
    fee: Decimal
    fee_asset: str
    reason: str


class Account(NamedTuple):
    """One row of `equity.csv`."""

    time_ms: int
    equity: Decimal
    cash: Decimal
    exposure_frac: Decimal


class Audit(NamedTuple):
    """What was compared, so that nobody takes an empty comparison for a proof."""

    fills: int
    stops: int
    inside_bars: int
    marks: int
    held_at_once: int


def read_bars_csv(path: Path, timeframe_ms: int) -> Bars:
    """Candles of a CSV whose columns are opening time in ms, open, high, low, close, volume."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return Bars({int(row[0]): Bar(*map(Decimal, row[1:5])) for row in rows}, timeframe_ms)


def read_fills(path: Path) -> list[Fill]:
    """Every fill, in the order in which it happened."""
    with path.open(newline="") as file:
        return [
            Fill(
                int(row["time_ms"]),
                int(row["decision_time_ms"]),
                row["symbol"],
                row["side"],
                Decimal(row["quantity"]),
                Decimal(row["price"]),
                Decimal(row["reference_price"]),
                Decimal(row["spread_cost"]),
                Decimal(row["slippage_cost"]),
                Decimal(row["fee"]),
                row["fee_asset"],
                row["reason"],
            )
            for row in csv.DictReader(file)
        ]


def read_equity(path: Path) -> list[Account]:
    """Every mark of the account, in order."""
    with path.open(newline="") as file:
        return [
            Account(int(row["time_ms"]), Decimal(row["equity"]), Decimal(row["cash"]), Decimal(row["exposure_frac"]))
            for row in csv.DictReader(file)
        ]


def audit(
    fills: Sequence[Fill],
    accounts: Iterable[Account],
    markets: Mapping[str, Bars],
    *,
    budget: Decimal,
    taker_fee_bps: Decimal,
) -> Audit:
    """
    Check every fill and every mark of a run that trades at the market and by stops.

    Raises:
        AssertionError: A fill could not have happened, or a mark is not what the fills before it say.
    """
    cash, held = budget, dict[str, Decimal]()
    booked = inside = marks = held_at_once = 0
    for account in accounts:
        while booked < len(fills) and _is_before_mark(fills[booked], account.time_ms, markets):
            fill = fills[booked]
            inside += is_inside(fill, markets[fill.symbol])
            cash = book(fill, cash, held, markets[fill.symbol], taker_fee_bps)
            held_at_once = max(held_at_once, len(held))
            booked += 1
        value = sum((held[symbol] * markets[symbol].mark(account.time_ms) for symbol in held), Decimal(0))
        equity = cash + value
        _same("equity", account.time_ms, account.equity, equity)
        _same("cash", account.time_ms, account.cash, cash)
        _same("exposure", account.time_ms, account.exposure_frac + 1, value / equity + 1)
        marks += 1
    assert booked == len(fills), f"{len(fills) - booked} fills happened after the last mark"
    stops = sum(fill.reason == "stop" for fill in fills)
    return Audit(booked, stops, inside, marks, held_at_once)


def is_inside(fill: Fill, bars: Bars) -> bool:
    """
    Whether a fill happened inside the bar that closes at its time, and not at the open of the next one.

    Both have the same time. What was decided at that very time came after the close. An older order trades at an
    open only where that open is beyond what the bar before it had reached: it would have traded there otherwise.
    """
    bar = bars.closing(fill.time_ms)
    return fill.decision_time_ms < fill.time_ms and bar is not None and bar.low <= fill.reference_price <= bar.high


def book(fill: Fill, cash: Decimal, held: dict[str, Decimal], bars: Bars, taker_fee_bps: Decimal) -> Decimal:
    """Check a fill against its bar, its costs and the account; change `held`, and return the cash that is left."""
    assert fill.decision_time_ms <= fill.time_ms, f"filled before it was decided: {fill}"
    if not is_inside(fill, bars):
        bar = bars.opening(fill.time_ms)
        assert bar is not None, f"filled without a bar: {fill}"
        assert fill.reference_price == bar.open, f"filled at an open that was {bar.open}: {fill}"
    amount = fill.price * fill.quantity
    direction = 1 if fill.side == "buy" else -1
    against = direction * (amount - fill.reference_price * fill.quantity)
    assert fill.quantity > 0
    assert fill.spread_cost >= 0, f"the spread paid us: {fill}"
    assert fill.slippage_cost >= 0, f"the slippage paid us: {fill}"
    assert against == fill.spread_cost + fill.slippage_cost, f"the price differs by {against}: {fill}"
    assert fill.fee == (amount * taker_fee_bps / BPS).quantize(FEE_STEP, ROUND_UP), f"another fee than stated: {fill}"
    assert fill.symbol.endswith(f"/{fill.fee_asset}"), f"a fee in something else: {fill}"
    before = held.get(fill.symbol, Decimal(0))
    after = before + direction * fill.quantity
    cash -= direction * amount + fill.fee
    assert after >= 0, f"more was sold than was held: {fill}"
    assert cash >= 0, f"more was spent than was there: {fill}"
    held[fill.symbol] = after
    if not after:
        del held[fill.symbol]
    return cash


def _is_before_mark(fill: Fill, mark_ms: int, markets: Mapping[str, Bars]) -> bool:
    return fill.time_ms < mark_ms or (fill.time_ms == mark_ms and is_inside(fill, markets[fill.symbol]))


def _same(what: str, at_ms: int, told: Decimal, counted: Decimal) -> None:
    assert abs(told - counted) <= CLOSE_ENOUGH * abs(counted), f"{what} at {at_ms}: told {told}, counted {counted}"
