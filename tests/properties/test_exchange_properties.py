"""Whatever is asked of the exchange, its books add up, its queue is fair and its answers are always the same."""

from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.orders import BUY, SELL, Side
from bot.exchange.account_events import BalancesEvent, ListEvent, OrderEvent
from bot.exchange.accounts import BNB, Balance, FeeSchedule
from bot.exchange.book import Book, Resting
from bot.exchange.depth import Depth
from bot.exchange.order_lists import NewOco
from bot.exchange.orders import Kind, NewOrder, SelfTrade, TimeInForce, VenueOrder
from bot.exchange.requests import CancelOrder, CancelReplace, HistoryQuery, OrderRef, ReplaceMode
from bot.exchange.traded_market import MarketStatus
from bot.exchange.wire import Refusal
from tests.unit.bot.exchange.trading_desk import ALICE, BOB, COIN, Desk, d

NOBODY = Depth(levels=0)
FUNDS = {"COIN": d(30), "USDT": d(3_000), BNB: d("0.01")}
TIMED = (Kind.LIMIT, Kind.STOP_LOSS_LIMIT, Kind.TAKE_PROFIT_LIMIT)
EVERYTHING = HistoryQuery(COIN, limit=1_000_000)

prices = st.integers(9_500, 10_500).map(lambda cents: Decimal(cents) / 100)
quantities = st.integers(100, 30_000).map(lambda grams: Decimal(grams) / 1_000)
sides = st.sampled_from([BUY, SELL])
accounts = st.sampled_from([ALICE, BOB])
client_ids = st.sampled_from(["", "", "a", "b"])


@st.composite
def orders(draw: st.DrawFn) -> NewOrder:
    kind = draw(st.sampled_from(Kind))
    for_amount = kind is Kind.MARKET and draw(st.booleans())
    return NewOrder(
        COIN,
        draw(sides),
        kind,
        quantity=d(0) if for_amount else draw(quantities),
        price=draw(prices) if kind.has_limit else d(0),
        stop_price=draw(prices) if kind.is_algo else d(0),
        quote_quantity=draw(quantities) * 100 if for_amount else d(0),
        time_in_force=draw(st.sampled_from(TimeInForce)) if kind in TIMED else TimeInForce.GTC,
        client_order_id=draw(client_ids),
        self_trade=draw(st.sampled_from([None, *SelfTrade])),
    )


@st.composite
def pairs(draw: st.DrawFn) -> NewOco:
    side, quantity = draw(sides), draw(quantities)
    up, down = sorted((draw(prices), draw(prices)))
    gain = NewOrder(COIN, side, Kind.LIMIT_MAKER, quantity, price=down if side is SELL else up)
    kind = draw(st.sampled_from([Kind.STOP_LOSS, Kind.STOP_LOSS_LIMIT]))
    limit = draw(prices) if kind.has_limit else d(0)
    stop = NewOrder(COIN, side, kind, quantity, price=limit, stop_price=up if side is SELL else down)
    gain = msgspec.structs.replace(gain, price=max(up, down) if side is SELL else min(up, down))
    stop = msgspec.structs.replace(stop, stop_price=min(up, down) if side is SELL else max(up, down))
    return NewOco(gain, stop) if side is SELL else NewOco(stop, gain)


Command = tuple[str, object]
numbers = st.integers(1, 12)
commands: st.SearchStrategy[list[Command]] = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.tuples(accounts, orders())),
        st.tuples(st.just("place"), st.tuples(accounts, orders())),
        st.tuples(st.just("pair"), st.tuples(accounts, pairs())),
        st.tuples(st.just("price"), st.tuples(prices, st.booleans())),
        st.tuples(st.just("price"), st.tuples(prices, st.booleans())),
        st.tuples(st.just("cancel"), st.tuples(accounts, numbers)),
        st.tuples(st.just("expire"), st.tuples(accounts, numbers)),
        st.tuples(st.just("cancel all"), accounts),
        st.tuples(st.just("replace"), st.tuples(accounts, numbers, orders(), st.sampled_from(ReplaceMode))),
        st.tuples(st.just("deposit"), st.tuples(accounts, st.integers(-50, 50))),
        st.tuples(st.just("depth"), st.integers(0, 4)),
        st.tuples(st.just("status"), st.sampled_from([MarketStatus.HALT, *[MarketStatus.TRADING] * 4])),
    ),
    min_size=8,
    max_size=40,
)


def obey(desk: Desk, name: str, given_: object) -> None:  # noqa: C901 - one line a command
    venue, at_ms = desk.venue, desk.tick()
    match name, given_:
        case "place", (str(account), NewOrder() as order):
            venue.place(account, order, at_ms)
        case "pair", (str(account), NewOco() as pair):
            venue.place_pair(account, pair, at_ms)
        case "price", (Decimal() as price, bool(gap)):
            desk.price(str(price), gap=gap)
        case "cancel", (str(account), int(number)):
            venue.cancel(account, CancelOrder(OrderRef(COIN, number)), at_ms)
        case "expire", (str(account), int(number)):
            venue.expire(account, OrderRef(COIN, number), at_ms)
        case "cancel all", str(account):
            venue.cancel_all(account, COIN, at_ms)
        case "replace", (str(account), int(number), NewOrder() as order, ReplaceMode() as mode):
            request = CancelReplace(CancelOrder(OrderRef(COIN, number)), order, mode)
            venue.cancel_replace(account, request, at_ms)
        case "deposit", (str(account), int(amount)):
            venue.deposit(account, "USDT", d(amount), at_ms)
        case "depth", int(levels):
            venue.market(COIN).floor.depth = Depth(d(10), d(10), levels, d(1_000))
        case "status", MarketStatus() as status:
            venue.set_status(COIN, status)
        case _:
            raise AssertionError(name)


def play(given_: Iterable[Command], check: Callable[[Desk], None] | None = None) -> tuple[Desk, list[object]]:
    """A desk after the commands, and what it answered to those that it refused."""
    desk = Desk(funds=FUNDS, fees=FeeSchedule(maker=d("0.0005"), bnb_price=d(300)))
    refusals: list[object] = []
    for name, value in given_:
        try:
            obey(desk, name, value)
        except Refusal as refusal:
            refusals.append(refusal.body)
        if check:
            check(desk)
    return desk, refusals


def orders_of(desk: Desk, account: str) -> list[VenueOrder]:
    return desk.venue.inquiries.all_orders(account, EVERYTHING, desk.now_ms)


def books_add_up(desk: Desk) -> None:
    brought = dict.fromkeys(FUNDS, d(0))
    for asset, amount in FUNDS.items():
        brought[asset] += 2 * amount
    for event in desk.venue.events:
        if not isinstance(event, OrderEvent | ListEvent | BalancesEvent):
            brought[event.asset] += event.amount
    assert desk.venue.ledger.totals() == brought
    for account in (ALICE, BOB):
        balances = desk.venue.ledger.accounts[account].balances
        assert all(balance.free >= 0 and balance.locked >= 0 for balance in balances.values())
        assert {asset: balances[asset].locked for asset in ("COIN", "USDT")} == set_aside(desk, account)


def set_aside(desk: Desk, account: str) -> dict[str, Decimal]:
    """What the open orders of an account need, a pair once."""
    single = {"COIN": d(0), "USDT": d(0)}
    shared: dict[int, tuple[str, Decimal]] = {}
    for order in desk.venue.inquiries.open_orders(account, COIN, desk.now_ms):
        asset = "USDT" if order.side is BUY else "COIN"
        if order.list_id < 0:
            single[asset] += order.reserved
        else:
            shared[order.list_id] = (asset, max(order.reserved, shared.get(order.list_id, (asset, d(0)))[1]))
    for asset, amount in shared.values():
        single[asset] += amount
    return single


@given(commands)
@settings(max_examples=150, deadline=None)
def test_money_is_neither_made_nor_lost_and_what_is_set_aside_is_what_orders_need(given_: list[Command]) -> None:
    play(given_, books_add_up)


def orders_add_up(desk: Desk) -> None:
    for account in (ALICE, BOB):
        trades = desk.venue.inquiries.my_trades(account, EVERYTHING, desk.now_ms)
        for order in orders_of(desk, account):
            own = [trade for trade in trades if trade.order_id == order.order_id]
            assert order.executed == sum(trade.quantity for trade in own)
            assert order.amount == sum(trade.amount for trade in own)
            assert 0 <= order.executed <= order.quantity
            assert (order.remaining == 0) <= (not order.is_open)
            assert all(order.accepts(trade.price) for trade in own)


@given(commands)
@settings(max_examples=100, deadline=None)
def test_an_order_has_executed_what_its_trades_say_at_prices_that_it_accepts(given_: list[Command]) -> None:
    play(given_, orders_add_up)


def nobody_waits_in_vain(desk: Desk) -> None:
    floor = desk.venue.market(COIN).floor
    bid, ask = floor.book.best(BUY), floor.book.best(SELL)
    assert bid is None or ask is None or bid.price < ask.price
    last = floor.prints.last
    assert last is not None
    for account in (ALICE, BOB):
        for order in floor.open_orders(account):
            assert order.is_working == (order.order_id in floor.book)
            assert order.is_working or not order.triggers_at(last)


@given(commands)
@settings(max_examples=100, deadline=None)
def test_the_book_never_crosses_and_no_stop_is_overlooked(given_: list[Command]) -> None:
    play(given_, nobody_waits_in_vain)


def everything(desk: Desk, refusals: list[object]) -> bytes:
    return msgspec.json.encode([desk.venue.events, refusals, desk.venue.ledger.totals()])


@given(commands)
@settings(max_examples=50, deadline=None)
def test_the_same_commands_give_the_same_bytes(given_: list[Command]) -> None:
    assert everything(*play(given_)) == everything(*play(given_))


@given(commands)
@settings(max_examples=50, deadline=None)
def test_a_refusal_changes_nothing(given_: list[Command]) -> None:
    desk = Desk(funds=FUNDS)
    for name, value in given_:
        before = everything(desk, [])
        try:
            obey(desk, name, value)
        except Refusal:
            # A cancel of all that finds nothing, or an order that is turned down, is as if it had not been.
            assert everything(desk, []) == before


@given(commands)
@settings(max_examples=50, deadline=None)
def test_what_is_told_adds_up_to_what_is(given_: list[Command]) -> None:
    desk, _ = play(given_)
    told: dict[tuple[str, int], VenueOrder] = {}
    balances: dict[tuple[str, str], Balance] = {}
    for event in desk.venue.drain():
        if isinstance(event, OrderEvent):
            told[event.account, event.order.order_id] = event.order
        elif isinstance(event, BalancesEvent):
            balances |= {(event.account, asset): balance for asset, balance in event.balances.items()}
    assert told == {(account, one.order_id): one for account in (ALICE, BOB) for one in orders_of(desk, account)}
    for (account, asset), balance in balances.items():
        assert desk.venue.ledger.accounts[account].balance(asset) == balance


@given(st.lists(st.tuples(prices, quantities), min_size=1, max_size=12), quantities, sides)
@settings(deadline=None)
def test_the_better_price_is_served_first_and_then_the_earlier_order(
    resting: list[tuple[Decimal, Decimal]], wanted: Decimal, side: Side
) -> None:
    rich = {"COIN": d(10**6), "USDT": d(10**9)}
    desk = Desk(NOBODY, funds=rich)
    other = SELL if side is BUY else BUY
    placed = [
        desk.place(NewOrder(COIN, other, Kind.LIMIT, quantity, price=price), BOB).order for price, quantity in resting
    ]
    taken = desk.place(NewOrder(COIN, side, Kind.MARKET, wanted)).order
    queue = sorted(placed, key=lambda one: (one.price if side is BUY else -one.price, one.order_id))
    made = desk.venue.inquiries.my_trades(BOB, EVERYTHING, desk.now_ms)
    assert [trade.order_id for trade in made] == [one.order_id for one in queue[: len(made)]]
    assert all(trade.quantity == one.quantity for trade, one in zip(made[:-1], queue, strict=False))
    assert taken.executed == min(taken.quantity, sum(one.quantity for one in placed))


steps = st.lists(st.tuples(st.sampled_from(["add", "take", "remove"]), sides, prices, quantities), max_size=40)


@given(steps)
@settings(deadline=None)
def test_the_book_is_a_list_that_is_sorted_by_price_and_then_by_age(given_: list) -> None:
    book = Book()
    plain: dict[Side, list[Resting]] = {BUY: [], SELL: []}
    for number, (step, side, price, quantity) in enumerate(given_):
        queue = plain[side]
        if step == "add":
            queue.append(Resting(number, "", price, quantity))
            book.add(side, queue[-1])
            queue.sort(key=lambda one: one.price if side is SELL else -one.price)
        elif queue and step == "take":
            part = min(quantity, queue[0].quantity)
            book.take(queue[0].order_id, part)
            left = queue[0].quantity - part
            queue[:1] = [msgspec.structs.replace(queue[0], quantity=left)] if left else []
        elif queue:
            book.remove(queue.pop().order_id)
        assert list(book.queue(BUY)) == plain[BUY]
        assert list(book.queue(SELL)) == plain[SELL]
