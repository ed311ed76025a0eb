"""What stops that are watched here hear of a market, and what the engine hears."""

from decimal import Decimal

from msgspec.structs import replace

from bot.adapters.feed_outputs import EngineEvent
from bot.adapters.order_messages import Asked, MarketPrice, PlaceOrder
from bot.adapters.order_tracker import OrderTracker
from bot.compose.venue_prices import VenuePrices
from bot.core.commands import Reconcile, SubmitOrder
from bot.core.events import MarketSuspended, PriceUpdated
from bot.core.market import Instrument
from bot.core.orders import SELL, STOP, Approved, Intent, Purpose
from bot.price_steps import PriceSteps
from tests.heard_clock import HeardClock
from tests.hourly_bars import BTC, bar, closed, closes
from tests.made_orders import BUDGET, instrument

NOW_MS = closes(3)


class Ear:
    """A feed's events, and what was heard of them."""

    def __init__(self, market: Instrument | None = None, step_bps: float = 0.0) -> None:
        self.prices: list[MarketPrice] = []
        clock = HeardClock()
        clock.hear(NOW_MS)
        self._prices = VenuePrices([market or instrument(BTC)], self.prices.append, clock, PriceSteps(step_bps))

    def hear(self, *events: EngineEvent) -> list[EngineEvent]:
        return [event for event in map(self._prices.choose, events) if event is not None]

    @property
    def heard(self) -> list[Decimal]:
        return [price.last for price in self.prices]


def price(at_ms: int, last: float) -> PriceUpdated:
    return PriceUpdated(at_ms, BTC, last, last, last)


def test_every_price_is_heard_and_the_engine_gets_what_is_news() -> None:
    ear = Ear(step_bps=100.0)
    first, nearly_the_same = price(closes(0), 100.0), price(closes(0) + 1, 100.5)
    assert ear.hear(first, nearly_the_same) == [first]
    assert ear.heard == [Decimal("100.0"), Decimal("100.5")]
    assert {one.at_ms for one in ear.prices} == {NOW_MS}


def test_a_close_is_a_price_where_the_stream_is_silent() -> None:
    ear = Ear()
    candle = closed(bar(1, 80.0))
    assert ear.hear(MarketSuspended(closes(0), BTC, "no data"), candle)[-1] == candle
    assert ear.heard == [Decimal("80.0")]


def test_a_close_that_is_told_late_is_no_price_any_more() -> None:
    ear = Ear()
    ear.hear(price(closes(1) + 5_000, 100.0), closed(bar(1, 80.0)))
    assert ear.heard == [Decimal("100.0")]
    ear.hear(closed(bar(3, 90.0)), closed(bar(2, 70.0)))
    assert ear.heard == [Decimal("100.0"), Decimal("90.0")]


def test_a_close_of_another_venue_is_no_price_of_the_place_of_execution() -> None:
    ear = Ear(replace(instrument(BTC), signal_venue="elsewhere"))
    assert len(ear.hear(closed(bar(1, 80.0)))) == 1
    assert ear.heard == []


def test_a_watched_stop_is_set_off_by_a_close_below_it() -> None:
    """Candles by way of history are all that there is when the stream of prices has died."""
    market = instrument(BTC)
    tracker = OrderTracker([market], "run00000", BUDGET, watched=[BTC])
    stop = Intent("run000002", BTC, SELL, STOP, Decimal(50), Purpose.STOP, closes(0), stop_price=Decimal(90))
    tracker.take(Asked(closes(0), Reconcile((), BUDGET, {}, ())))
    tracker.take(Asked(closes(0), SubmitOrder(Approved(stop))))
    sent: list[PlaceOrder] = []

    def tell(heard: MarketPrice) -> None:
        sent.extend(one for one in tracker.take(heard) if isinstance(one, PlaceOrder))

    clock = HeardClock()
    clock.hear(NOW_MS)
    VenuePrices([market], tell, clock, PriceSteps(0.0)).choose(closed(bar(1, 80.0)))
    assert [one.intent.client_order_id for one in sent] == ["run000002"]
