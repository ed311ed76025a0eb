"""Venues that put no time on their frames: the order of arrival is all that tells a newer price from an older one."""

import json

from bot.adapters.candle_feed import CandleFeed
from bot.adapters.feed_inputs import Connected, FrameReceived
from bot.adapters.venues.okx import OkxCandles
from bot.core.events import CandleClosed, PriceUpdated
from bot.core.market import MINUTE_MS, Timeframe

OPEN_MS = 1_719_792_000_000
SYMBOL = "BTC/USDT"


def okx(open_ms: int, close: str, *, confirmed: bool = False) -> bytes:
    row = [str(open_ms), "100", "120", "90", close, "5", "500", "500", "1" if confirmed else "0"]
    return json.dumps({"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": [row]}).encode()


def heard(*frames: bytes) -> list[CandleClosed | PriceUpdated]:
    stream = OkxCandles({"BTC-USDT": SYMBOL}, Timeframe.M1)
    feed = CandleFeed([stream], begin_ms={SYMBOL: OPEN_MS})
    feed.take(Connected(OPEN_MS, 1, stream.symbols))
    said = []
    for number, frame in enumerate(frames, start=1):
        outputs = feed.take(FrameReceived(OPEN_MS + 1_000 * number, 1, frame))
        said += [one for one in outputs if isinstance(one, CandleClosed | PriceUpdated)]
    return said


def test_every_price_of_a_bar_is_heard_in_the_order_in_which_it_came() -> None:
    said = heard(okx(OPEN_MS, "101"), okx(OPEN_MS, "102"), okx(OPEN_MS, "101.5"))
    assert [one.last for one in said if isinstance(one, PriceUpdated)] == [101.0, 102.0, 101.5]
    assert all(one.at_ms >= OPEN_MS for one in said)


def test_a_bar_of_the_past_moves_no_price_any_more() -> None:
    said = heard(okx(OPEN_MS, "101", confirmed=True), okx(OPEN_MS + MINUTE_MS, "103"), okx(OPEN_MS, "90"))
    assert [type(one) for one in said] == [CandleClosed, PriceUpdated]
    assert isinstance(said[1], PriceUpdated)
    assert said[1].last == 103.0
