"""The trading half of an exchange without sockets: prices that come up to date, and what is told when."""

from decimal import Decimal
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market import Timeframe
from bot.core.orders import BUY, SELL
from bot.exchange.account_api import Answer, Request
from bot.exchange.account_events import AccountEvent, BalancesEvent, OrderEvent
from bot.exchange.courses import Courses
from bot.exchange.market import SeededMarket
from bot.exchange.price_path import PricePath
from bot.exchange.signing import sign
from bot.exchange.trade_desk import Terms, Trading
from bot.exchange.trading import TradingVenue
from tests.unit.bot.exchange.trading_exchange import CUSTOMER, FROM_MS, KEY, MAIN, MINUTE, SECRET, HeldTime

MARKETS = {f"{name}USDT": SeededMarket(7, f"{name}/USDT", Timeframe.M1) for name in ("BTC", "ETH")}
LISTINGS = [market.listing for market in MARKETS.values()]


def trading() -> tuple[Trading, HeldTime, list[AccountEvent]]:
    pace = HeldTime(FROM_MS)
    made = Trading(MARKETS, pace, Terms((CUSTOMER,)))
    told: list[AccountEvent] = []
    made.on_events(told.extend)
    return made, pace, told


def ask(made: Trading, method: str, endpoint: str, **sent: str) -> Answer:
    signed = urlencode({"timestamp": "1", **sent})
    query = f"{signed}&signature={sign(SECRET, signed)}"
    now_ms = made.pace.now_ms()
    return made.answer(Request(method, endpoint, query, "", KEY, now_ms, now_ms))


LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1"}


@given(st.lists(st.integers(1, 40 * MINUTE), min_size=1, max_size=4))
def test_a_market_that_nobody_watched_looks_as_if_somebody_had(steps: list[int]) -> None:
    lazy = TradingVenue(LISTINGS, [], FROM_MS)
    courses = Courses(MARKETS, FROM_MS)
    watched, path = TradingVenue(LISTINGS, [], FROM_MS), PricePath({"BTCUSDT": MARKETS["BTCUSDT"]}, FROM_MS)
    now_ms = FROM_MS
    for step in steps:
        now_ms += step
        courses.bring(lazy, now_ms, ["BTCUSDT"])
        for symbol, tick in path.until(now_ms):
            watched.move(symbol, tick)
        ours, theirs = lazy.market("BTCUSDT").floor, watched.market("BTCUSDT").floor
        assert ours.prints.last == theirs.prints.last
        for side in (BUY, SELL):
            assert list(ours.book.depth(side, 50)) == list(theirs.book.depth(side, 50))
        average, wanted = ours.prints.average(now_ms), theirs.prints.average(now_ms)
        assert average is not None
        assert wanted is not None
        assert abs(average / wanted - 1) < Decimal("0.01")
    assert lazy.market("ETHUSDT").floor.prints.last is None


def test_events_are_told_before_the_answer_and_those_of_the_market_as_it_moves() -> None:
    made, pace, told = trading()
    market = MARKETS["BTCUSDT"]
    candles = [market.at(FROM_MS + number * MINUTE) for number in range(60)]
    low = min(candle.low for candle in candles if candle)
    answer = ask(made, "POST", "order", **LIMIT, price=f"{low * 1.0002:.2f}")
    assert answer.status == 200
    assert [type(event) for event in told] == [OrderEvent, BalancesEvent]
    pace.set(FROM_MS + 60 * MINUTE)
    made.move()
    filled = [event for event in told if isinstance(event, OrderEvent) and event.trade]
    assert sum(event.trade.quantity for event in filled if event.trade) == Decimal("0.1")
    assert all(FROM_MS < event.at_ms < pace.now_ms() for event in filled)


def test_a_reset_says_nothing_and_the_listeners_stay() -> None:
    made, _, told = trading()
    ask(made, "POST", "order", **LIMIT, price="20000.00")
    told.clear()
    before = made.venue
    made.reset()
    assert made.venue is not before
    assert told == []
    assert ask(made, "GET", "openOrders").body == []
    assert ask(made, "POST", "order", **LIMIT, price="20000.00").status == 200
    assert [type(event) for event in told] == [OrderEvent, BalancesEvent]


@pytest.mark.parametrize(("method", "endpoint", "is_known"), [("POST", "order", True), ("GET", "klines", False)])
def test_it_knows_the_requests_of_accounts(method: str, endpoint: str, is_known) -> None:
    made, _, _ = trading()
    assert made.knows(method, endpoint) is is_known
    assert made.venue.ledger.accounts[MAIN].may_trade
