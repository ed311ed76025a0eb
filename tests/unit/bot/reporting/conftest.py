"""Runs written by hand: what a journal would hold, one record after the other."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.core.commands import Decided, Deed, Marked, Observation, SubmitOrder, Verdict
from bot.core.events import AnyEvent, CandleClosed, ForecastReady, OrderFilled, RunStarted
from bot.core.forecast import Forecast
from bot.core.market import Candle, Costs, Instrument
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side

HOUR = 3_600_000
T0 = 1_704_067_200_000


class FakeRun:
    """A run in memory. Times are counted in hours from `T0`; every candle is an hour long."""

    def __init__(self, header: RunStarted) -> None:
        self.header = header
        self.events_sha256 = "c0ffee" * 10 + "beef"
        self.finished = True
        self.entries: list[AnyEvent | Deed | Observation] = [header]

    def records(self) -> Iterator[AnyEvent | Deed | Observation]:
        return iter(self.entries)

    def add(self, *entries: AnyEvent | Deed | Observation) -> None:
        self.entries += entries

    def label(self, **labels: str) -> None:
        self.header = replace(self.header, labels=self.header.labels | labels)
        self.entries[0] = self.header

    def candle(self, hour: int, close: float, *, symbol: str = "BTC/USDT", filled: bool = False) -> None:
        """Close a candle that opened at `hour`, flat but for its close."""
        low, high = min(close, 100.0), max(close, 100.0)
        opened = T0 + hour * HOUR
        bar = Candle(opened, 100.0, high, low, close, 1.0, filled)
        self.add(CandleClosed(opened + HOUR, symbol, bar))

    def forecast(self, hour: int, p_up: float, expected: float, *, symbol: str = "BTC/USDT") -> None:
        """Foresee, at the close of the candle that opened at `hour`."""
        closed = T0 + (hour + 1) * HOUR
        answer = Forecast(symbol, p_up, expected, expected - 0.01, expected + 0.01, 24.0)
        self.add(ForecastReady(closed, closed, (answer,)))

    def mark(self, hour: int, equity: float, cash: float = 0.0, exposure: float = 0.0) -> None:
        self.add(Marked(T0 + (hour + 1) * HOUR, equity, cash, exposure))

    def decide(
        self,
        hour: int,
        verdict: Verdict,
        reason: str,
        *,
        signal: float | None = 0.0,
        moves: tuple[float, float] | None = None,
    ) -> None:
        best, needed = moves or (None, None)
        closed = T0 + (hour + 1) * HOUR
        self.add(Decided(closed, "BTC/USDT", signal, signal, 0.0, verdict, reason, best, needed))

    def trade(
        self,
        hour: int,
        side: Side,
        quantity: str,
        price: str,
        *,
        fee: str = "0",
        purpose: Purpose = Purpose.ENTRY,
        fee_asset: str = "USDT",
        symbol: str = "BTC/USDT",
        costs: tuple[str, str] = ("0", "0"),
    ) -> None:
        """Submit at `hour` an order that is filled at once."""
        order_id = f"o{len(self.entries)}"
        amount = Decimal(quantity)
        at_ms = T0 + hour * HOUR
        intent = Intent(order_id, symbol, side, OrderType.MARKET, amount, purpose, at_ms)
        spread, slippage = Decimal(costs[0]), Decimal(costs[1])
        worse = (spread + slippage) / amount * (1 if side is Side.BUY else -1)
        fill = Fill(
            order_id, f"t{order_id}", symbol, side, amount, Decimal(price), Decimal(fee), fee_asset,
            Decimal(price) - worse, spread, slippage,
        )  # fmt: skip
        self.add(SubmitOrder(Approved(intent)), OrderFilled(at_ms, fill))


def instrument(symbol: str) -> Instrument:
    step = Decimal("0.001")
    return Instrument(symbol, Decimal("0.01"), step, step, Decimal(5), Costs(), "invented", "paper")


@pytest.fixture
def new_run() -> Callable[..., FakeRun]:
    """Begin a run with a budget of 1,000 USDT in these markets."""

    def begin(*symbols: str) -> FakeRun:
        return FakeRun(
            RunStarted(
                at_ms=T0,
                run_id="r4nd0m",
                code_version="0.1.0",
                fingerprints={"settings": "aa", "candles": "bb"},
                settings={"risk.max_position": "0.5"},
                instruments=tuple(instrument(symbol) for symbol in symbols or ("BTC/USDT",)),
                timeframe="1h",
                budget=Decimal(1000),
                labels={"market": "recorded candles of a file", "profile": "default"},
            )
        )

    return begin
