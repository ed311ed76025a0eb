"""Rows X8 to X11 of the fault table: a venue that refuses a key, a timestamp, an order."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.exchange.faults import RefuseRequest
from bot.exchange.occasions import Where
from bot.exchange.order_rules import AnyFilter, LotSize, MarketLotSize, MaxNumOrders, MaxPosition, Notional, PriceFilter
from bot.exchange.pace import Paced
from bot.exchange.rest_faults import Phase
from bot.exchange.signing import Credentials
from tests.exchange_hand import MARKETS, Hand
from tests.live_invariants import notices
from tests.live_world import API_KEY, FROM_MS, MAIN, SECRET, Bot, Exchange
from tests.order_scenarios import between, on_order, play
from tests.order_wire import each_once, placed, requests, watch

proof = pytest.mark.proof

CANDLES = 2 * (8 + 3)


def wrong_time(text: str, skip: int = 0, times: int = 1) -> RefuseRequest:
    """The venue does not like the timestamp of an order."""
    return RefuseRequest(
        status=400,
        code=-1021,
        text=f"Timestamp for this request {text}",
        where=on_order(skip=skip, times=times),
        name=text,
    )


def thrice(text: str, code: int) -> list[RefuseRequest]:
    """An entry is refused; then the stop of the next one; then the exit that takes its place."""
    wheres = (on_order(), on_order(skip=1), on_order(skip=1))
    return [
        RefuseRequest(status=400, code=code, text=text, where=where, name=f"no. {number}")
        for number, where in enumerate(wheres)
    ]


@pytest.mark.parametrize(("status", "code"), [(401, -2014), (401, -2015), (400, -1022)])
@pytest.mark.parametrize("where", [on_order(skip=3), between(2.5, 8, method="GET", endpoint="account", times=1)])
def test_a_refused_key_halts_trading_is_told_once_and_candles_go_on(
    tmp_path: Path, status: int, code: int, where: Where
) -> None:
    """X8, by an order or by a question."""
    fault = RefuseRequest(status=status, code=code, where=where)
    checked, bot, exchange = play(tmp_path, fault, at_first=watch)
    struck_ms = exchange.server.plan.log.struck[0].at_ms
    assert notices(bot)["halted"] == 1
    assert not [one for one in placed(exchange, struck_ms + 1) if one.params["side"] == "BUY"]
    assert requests(exchange, from_ms=struck_ms + 1, until_ms=struck_ms + 290_000, endpoint="order") == []
    assert checked.candles == CANDLES


def test_a_key_that_may_not_trade_buys_nothing(tmp_path: Path) -> None:
    """X8."""

    def restrict(exchange: Exchange) -> None:
        watch(exchange)
        exchange.server.trading.put_key(Credentials(API_KEY, SECRET, MAIN, may_trade=False))

    checked, bot, exchange = play(tmp_path, at_first=restrict, in_play=0)
    assert (checked.orders, checked.candles, len(placed(exchange))) == (0, CANDLES, 1)
    assert notices(bot)["halted"] == 1


def test_a_key_that_is_taken_away_leaves_the_stop_and_finds_it_again(tmp_path: Path) -> None:
    """X8: what was filled meanwhile is booked when the key is good again."""

    async def revoke(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        stop = await hand.a_stop()
        exchange.server.trading.revoke(API_KEY)
        await hand.minutes(1)
        hand.gap(stop.symbol, 0.9)
        assert hand.open_stops(stop.symbol) == []
        await hand.minutes(3)
        exchange.server.trading.put_key(Credentials(API_KEY, SECRET, MAIN))
        await bot.for_candles(10)

    checked, bot, _ = play(tmp_path, minutes=2, meanwhile=revoke, in_play=0)
    assert notices(bot)["halted"] == 1
    assert checked.fills >= 2


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("skip", [0, 1])
def test_a_wrong_timestamp_is_mended_once_and_the_same_order_sent_again(tmp_path: Path, late: bool, skip: int) -> None:
    """X9, both texts."""
    how = "is outside of the recvWindow." if late else "was 1000ms ahead of the server's time."
    checked, _, exchange = play(tmp_path, wrong_time(how, skip=skip), at_first=watch)
    (struck,) = exchange.server.plan.log.struck
    refused, again = placed(exchange, struck.at_ms, struck.at_ms + 1_000)[-2:] if skip else placed(exchange)[:2]
    changing = {"timestamp", "signature"}
    assert {k: v for k, v in refused.params.items() if k not in changing} == {
        k: v for k, v in again.params.items() if k not in changing
    }
    assert len(requests(exchange, endpoint="time", from_ms=struck.at_ms, until_ms=struck.at_ms + 1_000)) == 5
    assert checked.fills >= 8


def test_a_timestamp_that_stays_wrong_is_not_asked_about_in_a_circle(tmp_path: Path) -> None:
    """X9: the entry is refused, once, and the next one gets through."""
    fault = wrong_time("is outside of the recvWindow.", times=2)
    checked, bot, exchange = play(tmp_path, fault, at_first=watch)
    assert len(placed(exchange, until_ms=FROM_MS + 90_000)) == 2
    assert notices(bot)["order_rejected"] == 1
    assert checked.fills >= 4


@pytest.mark.parametrize("by_s", [20, -3, 200])
def test_a_server_clock_that_jumps_is_followed_and_no_entry_is_late_by_it(tmp_path: Path, by_s: int) -> None:
    """X9: the whole market jumps. An entry that turns out to be minutes old by the right clock is not sent again."""

    async def jump(exchange: Exchange, bot: Bot) -> None:
        pace = exchange.server.pace
        assert isinstance(pace, Paced)
        assert pace._began is not None
        pace._began -= by_s
        await bot.for_candles(8)

    checked, _, exchange = play(tmp_path, minutes=3, at_first=watch, meanwhile=jump, in_play=0)
    refused = [one for one in exchange.server.plan.log.told("answer") if '"code": -1021' in one.text]
    assert 1 <= len(refused) <= 3
    # Until the clock is measured anew, frames of a time that has not come are not believed: it can cost a decision.
    assert checked.fills >= 6


FILTERS = [
    "PRICE_FILTER",
    "LOT_SIZE",
    "MARKET_LOT_SIZE",
    "MIN_NOTIONAL",
    "NOTIONAL",
    "PERCENT_PRICE_BY_SIDE",
    "MAX_POSITION",
    "MAX_NUM_ORDERS",
    "a filter that nobody knows",
]


@pytest.mark.parametrize("name", [*FILTERS[:2], *(pytest.param(name, marks=proof) for name in FILTERS[2:])])
def test_a_filter_that_surprises_has_the_rules_renewed_and_nothing_repeated(tmp_path: Path, name: str) -> None:
    """X10: an entry, a stop and an exit are refused in one session."""
    checked, bot, exchange = play(tmp_path, *thrice(f"Filter failure: {name}", -1013), at_first=watch)
    each_once(exchange)
    assert notices(bot)["order_rejected"] == 3
    for struck in exchange.server.plan.log.struck:
        assert requests(exchange, endpoint="exchangeInfo", from_ms=struck.at_ms, until_ms=struck.at_ms + 2_000)
    assert checked.fills >= 4


def amend(exchange: Exchange, *filters: AnyFilter) -> None:
    """The venue changes its rules."""
    for symbol in MARKETS:
        market = exchange.server.trading.venue.market(symbol)
        others = (rule for rule in market.rules.filters if type(rule) not in {type(new) for new in filters})
        market.rules = replace(market.rules, filters=(*others, *filters))


TICKS = PriceFilter(min_price=Decimal(1), max_price=Decimal(10**6), tick_size=Decimal(1))
LOTS = LotSize(min_qty=Decimal("0.001"), max_qty=Decimal(9_000), step_size=Decimal("0.001"))
LARGE = Notional(min_notional=Decimal(3_000), max_notional=Decimal(10**6))
SMALL = MaxPosition(max_position=Decimal("0.01"))
NONE = MaxNumOrders(max_num_orders=0)


@pytest.mark.parametrize("rule", [TICKS, LARGE, *(pytest.param(one, marks=proof) for one in (LOTS, SMALL, NONE))])
def test_rules_that_change_at_the_venue_surprise_once_and_are_kept_from_then_on(
    tmp_path: Path, rule: AnyFilter
) -> None:
    """X10: what breaks them is not sent any more, and what could not be protected is not bought."""
    begun: list[int] = []

    async def change(exchange: Exchange, bot: Bot) -> None:
        amend(exchange, rule)
        begun.append(exchange.now_ms)
        await bot.for_candles(16)

    checked, bot, exchange = play(tmp_path, minutes=3, quiet_minutes=1, at_first=watch, meanwhile=change, in_play=0)
    each_once(exchange)
    refused = [one for one in exchange.server.plan.log.told("answer") if "Filter failure" in one.text]
    assert 1 <= len(refused) <= 3
    assert len([one for one in placed(exchange, begun[0]) if one.params["side"] == "BUY"]) <= 3
    assert checked.candles == 2 * 12
    if rule in (TICKS, LOTS):
        assert notices(bot)["market_barred"] == 2


COARSE = LotSize(min_qty=Decimal("0.01"), max_qty=Decimal(9_000), step_size=Decimal("0.01"))
NARROW = MarketLotSize(min_qty=Decimal(0), max_qty=Decimal("0.02"), step_size=Decimal(0))


@pytest.mark.parametrize("rule", [COARSE, NARROW], ids=["a coarser lot", "a smaller most"])
def test_what_is_held_when_the_rules_change_is_sold_as_far_as_they_let_it_and_no_further_order_is_tried(
    tmp_path: Path, rule: AnyFilter
) -> None:
    """X10: cut to the new lots, or in parts."""
    last: list[int] = []

    async def change(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        await hand.a_stop("BTCUSDT")
        assert hand.held("BTC") > Decimal("0.05")
        amend(exchange, rule)
        await hand.until(lambda: hand.held("BTC") < Decimal("0.01"), within_minutes=12)
        await bot.for_candles(2)
        last.append(exchange.now_ms)
        await bot.for_candles(8)

    _, bot, exchange = play(tmp_path, minutes=2, at_first=watch, meanwhile=change, in_play=0, on=4, off=4)
    each_once(exchange)
    refused = [one for one in exchange.server.plan.log.told("answer") if "Filter failure" in one.text]
    assert 1 <= len(refused) <= notices(bot)["order_rejected"] <= 6
    assert notices(bot)["bounds_changed"] == 2
    if rule is COARSE:
        assert 0 < Hand(exchange).held("BTC") < Decimal("0.01")
        assert notices(bot)["market_barred"] == 2
        assert [one for one in placed(exchange, last[0]) if one.params["symbol"] == "BTCUSDT"] == []


NO_FUNDS = "Account has insufficient balance for requested action."
NO = {
    "trigger": "Order would trigger immediately.",
    "match": "Order would immediately match and take.",
    "symbol": "This symbol is not permitted for this account.",
    "other": "Some words that nobody has ever heard.",
}


@pytest.mark.parametrize(
    "words", [pytest.param(text, id=name, marks=[proof] * (name in ("match", "other"))) for name, text in NO.items()]
)
def test_a_refusal_of_the_engine_is_believed_and_not_repeated(tmp_path: Path, words: str) -> None:
    """X11: an entry, a stop and an exit are refused; the position is sold or protected all the same."""
    checked, bot, exchange = play(tmp_path, *thrice(words, -2010), at_first=watch)
    each_once(exchange)
    assert notices(bot)["order_rejected"] == 3
    assert checked.fills >= 4
    assert len(placed(exchange)) <= checked.orders + 3


def test_a_want_of_coins_that_is_none_is_looked_into_and_what_protects_goes_out_after_all(tmp_path: Path) -> None:
    """X11: an entry is refused and given up; a stop is, twice, and the account has the coins."""
    checked, bot, exchange = play(tmp_path, *thrice(NO_FUNDS, -2010), at_first=watch)
    sent = Counter(one.client_order_id for one in placed(exchange))
    assert [times for times in sent.values() if times > 1] == [3]
    assert notices(bot)["order_rejected"] == 1
    assert notices(bot)["holding_short"] == 0
    assert checked.fills >= 4
    for struck in list(exchange.server.plan.log.struck)[1:]:
        assert requests(exchange, "GET", "account", struck.at_ms, struck.at_ms + 2_000)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_duplicate_is_looked_up_before_anything_is_believed(tmp_path: Path, phase: Phase) -> None:
    """X11: whether the venue has an order of that name is what the order itself tells."""
    fault = RefuseRequest(status=400, code=-2010, text="Duplicate order sent.", phase=phase, where=on_order(times=2))
    checked, _, exchange = play(tmp_path, fault, at_first=watch)
    each_once(exchange)
    for struck in exchange.server.plan.log.struck:
        assert requests(exchange, "GET", "order", struck.at_ms, struck.at_ms + 1_000)
    assert checked.fills >= 4


def test_an_account_that_may_not_trade_any_more_halts(tmp_path: Path) -> None:
    """X11."""

    async def disable(exchange: Exchange, bot: Bot) -> None:
        exchange.server.trading.venue.ledger.accounts[MAIN].may_trade = False
        await bot.for_candles(10)
        exchange.server.trading.venue.ledger.accounts[MAIN].may_trade = True
        await bot.for_candles(6)

    checked, bot, exchange = play(tmp_path, minutes=3, at_first=watch, meanwhile=disable, in_play=0)
    assert notices(bot)["halted"] == 1
    assert checked.candles == 2 * 14
    each_once(exchange)
