from collections.abc import Callable
from decimal import Decimal

from bot.core.commands import Verdict
from bot.core.events import (
    AccountDrifted,
    AccountReconciled,
    EpochBegan,
    Flatten,
    Halt,
    MarketBarred,
    MarketRestored,
    MarketSuspended,
    Resume,
    SessionStarted,
)
from bot.core.market import DAY_MS
from bot.core.orders import OrderStatus, Purpose, Side
from bot.reporting.last_known import LastHolding, LastKnown, LastMark, last_known
from bot.reporting.status_text import print_last_known
from tests.engine_world import World, started
from tests.hourly_bars import BTC, ETH, T0, bar, closes
from tests.made_orders import instrument, limits
from tests.scripted_strategies import Scripted, always
from tests.unit.bot.reporting.conftest import HOUR, FakeRun
from tests.unit.bot.reporting.lived_runs import LivedRun, page, shown

MARKETS = [instrument(BTC), instrument(ETH)]


def held() -> World:
    """A world that has bought one of its two markets."""
    world = started(Scripted({BTC: [1.0], ETH: [0.0]}), markets=MARKETS)
    return world.play(*({BTC: bar(number, 100.0 + number), ETH: bar(number, 10.0)} for number in range(3)))


def known(world: World, **given: bool) -> LastKnown:
    return last_known(LivedRun(world, **given))


def test_the_account_is_that_of_the_last_mark() -> None:
    world = held()
    assert known(world).account == LastMark(closes(2), 10_050.0, 4_950.0, 5_100 / 10_050)
    assert known(world).time_ms == closes(2)


def test_a_market_tells_what_is_held_what_works_and_what_was_decided() -> None:
    market, other = known(held()).markets
    assert market.holding == LastHolding(Decimal(50), Decimal(101), is_dust=False)
    assert [(order.purpose, order.status) for order in market.orders] == [(Purpose.STOP, OrderStatus.ACCEPTED)]
    assert market.decision is not None
    assert (market.decision.verdict, market.decision.close_time_ms) == (Verdict.HOLD, closes(2))
    assert (other.symbol, other.holding, other.orders) == (ETH, None, ())


def test_the_books_agree_with_the_engines() -> None:
    world = held()
    state = world.engine.state
    orders = {order.client_order_id for market in known(world).markets for order in market.orders}
    assert orders == set(state.orders)
    holdings = {one.symbol: one.holding.quantity for one in known(world).markets if one.holding}
    assert holdings == {symbol: position.quantity for symbol, position in state.portfolio.positions.items()}


def test_a_halt_lasts_until_it_is_lifted() -> None:
    world = held().feed(Halt(closes(2), "lunch"))
    assert known(world).halt == "lunch"
    world.feed(Flatten(closes(2), "enough"))
    assert known(world).halt == "enough"
    world.feed(Resume(closes(2), "back"))
    assert known(world).halt == ""


def test_drift_lasts_until_the_books_agree() -> None:
    world = held().feed(AccountDrifted(closes(2), "a fill is missing"))
    assert known(world).drift == "a fill is missing"
    world.feed(AccountReconciled(closes(2)))
    assert known(world).drift == ""


def test_suspended_and_barred_markets_are_named_until_they_are_not() -> None:
    world = held().feed(MarketSuspended(closes(2), BTC, "silent"), MarketBarred(closes(2), ETH, "closed"))
    assert [(one.suspended, one.barred) for one in known(world).markets] == [("silent", ""), ("", "closed")]
    world.feed(MarketRestored(closes(2), BTC), MarketBarred(closes(2), ETH, ""))
    assert [(one.suspended, one.barred) for one in known(world).markets] == [("", ""), ("", "")]


def test_a_session_hears_anew_what_is_barred() -> None:
    world = held().feed(MarketBarred(closes(2), ETH, "closed"), SessionStarted(closes(2)))
    assert [one.barred for one in known(world).markets] == ["", ""]
    assert [market.barred for market in world.engine.state.markets.values()] == ["", ""]


def tripped(**risk: float) -> World:
    world = started(always(1.0), risk=limits(fraction=1.0, stop_distance_frac=0.5, **risk))
    return world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 80.0))


def test_a_drawdown_stands_until_a_person_lifts_it() -> None:
    world = tripped(drawdown_frac=0.1)
    (trip,) = known(world).trips
    assert (trip.breaker, trip.at_ms) == ("drawdown", closes(2))
    world.feed(Resume(closes(2) + 1, "back"))
    assert known(world).trips == ()


def test_a_daily_loss_stands_until_the_next_day() -> None:
    world = tripped(daily_loss_frac=0.1)
    assert [trip.breaker for trip in known(world).trips] == ["daily_loss"]
    world.feed(SessionStarted(T0 + DAY_MS))
    assert known(world).trips == ()


def test_after_a_new_epoch_nothing_is_held_or_works() -> None:
    market = known(held().feed(EpochBegan(closes(2), "monthly reset"))).markets[0]
    assert (market.holding, market.orders) == (None, ())


def test_a_run_without_a_candle_is_told_as_well() -> None:
    told = known(started(always(0.0)))
    assert (told.account, told.sessions, told.halt) == (None, 1, "")
    assert [market.decision for market in told.markets] == [None]


def test_it_is_told_on_a_screen() -> None:
    world = held().feed(MarketSuspended(closes(2), ETH, "silent"), Halt(closes(2), "lunch"))
    console, paper = page()
    print_last_known(known(world), console)
    assert shown(paper) == [
        "run run00000cafe is not finished and does not run; its journal ends at 2023-12-09 03:00 UTC",
        "account   equity 10,050.00, cash 4,950.00, exposure 50.75 %, at 2023-12-09 03:00",
        "sessions  1 since 2023-12-09 00:00, by version 0.1.0",
        "halted    lunch",
        "BTC/USDT  50 held, bought at 101.00",
        "          last decision, of 2023-12-09 03:00: hold: scripted",
        "          order left working, run000002: stop, sell 50 at 90.9, accepted, 0 filled",
        "ETH/USDT  nothing held",
        "          last decision, of 2023-12-09 03:00: hold: scripted",
        "          its data could not be proven: silent",
    ]


def test_what_was_sold_after_the_last_mark_is_told_beside_its_exposure(new_run: Callable[..., FakeRun]) -> None:
    run = new_run()
    run.trade(0, Side.BUY, "1.001", "100")
    run.candle(0, 100.0)
    run.mark(0, 1000.0, cash=899.9, exposure=0.1001)
    assert last_known(run).fills_since == 0
    run.trade(1, Side.SELL, "1", "101", purpose=Purpose.EXIT)

    told = last_known(run)

    assert told.account == LastMark(run.header.at_ms + HOUR, 1000.0, 899.9, 0.1001)
    assert (told.fills_since, told.cash) == (1, Decimal("1000.900"))
    assert told.markets[0].holding == LastHolding(Decimal("0.001"), Decimal(100), is_dust=True)
    console, paper = page()
    print_last_known(told, console)
    assert "since then  1 fill after that; cash 1,000.90 at the end, and what is held below" in shown(paper)
    assert "BTC/USDT  0.001 held, bought at 100.00: dust, less than the venue takes" in shown(paper)


def test_a_finished_run_says_that_it_is() -> None:
    console, paper = page()
    print_last_known(known(held(), finished=True), console)
    assert shown(paper)[0].startswith("run run00000cafe is finished;")
