from decimal import Decimal

import pytest

from bot.core.commands import Notify
from bot.core.errors import ConfigError
from bot.core.events import (
    EpochBegan,
    Flatten,
    ModelReady,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    SettingsChanged,
)
from bot.core.market import Costs
from bot.core.orders import BUY, OrderStatus, OrderType, Purpose
from bot.reporting.decision_context import decision_story
from bot.reporting.order_search import find_order
from bot.reporting.why import OrderStory, order_story
from bot.reporting.why_text import decision_lines, order_lines, print_lines
from tests.engine_world import World, started
from tests.hourly_bars import BTC, ETH, T0, bar, closed, closes
from tests.made_orders import fill, instrument, limits
from tests.scripted_strategies import FollowsForecast, Scripted, always, two_features
from tests.unit.bot.reporting.lived_runs import LivedRun, page, shown

COSTS = Costs(Decimal(10), Decimal(10), Decimal(1), Decimal(1))
ENTRY, STOP, EXIT = "run000001", "run000002", "run000003"


def traded() -> World:
    """Bought at the second bar, protected, and sold again by a decision."""
    world = started(Scripted({BTC: [1.0, 1.0, 0.0]}), markets=[instrument(costs=COSTS)])
    return world.play(*(bar(number, price) for number, price in enumerate((100.0, 100.0, 102.0, 103.0))))


def told(world: World, name: str) -> OrderStory:
    return order_story(LivedRun(world), name)


def lines(world: World, name: str) -> dict[str, str]:
    return dict(order_lines(told(world, name)))


def test_an_entry_is_told_from_its_decision_to_its_costs() -> None:
    console, paper = page()
    print_lines(order_lines(told(traded(), ENTRY)), console)
    assert shown(paper) == [
        "order             run000001: buy 49.94 BTC/USDT, market",
        "stands            filled, 49.94 of 49.94 filled",
        "because           more of it was wanted than was held",
        "decided           on the candle that closed at 2023-12-09 01:00 UTC",
        "exposure          signal +1.00, 50.00 % of equity wanted, 0.00 % held",
        "account           equity 10,000.00, cash 10,000.00, exposure 0.00 %, at 2023-12-09 01:00 UTC",
        "its stop          order run000002",
        "2023-12-09 01:00  approved by risk and handed over: buy 49.94 at the market",
        "2023-12-09 01:00  accepted: venue order paper-run000001",
        "2023-12-09 01:00  filled: 49.94 at 100.02",
        "traded            4,995.00 in 1 fill, 100.02 on average",
        "costs             fees 4.9949988 USDT, spread 0.4994, slippage 0.4994",
    ]


def test_a_stop_tells_where_its_price_came_from_and_why_it_went() -> None:
    console, paper = page()
    print_lines(order_lines(told(traded(), STOP)), console)
    assert shown(paper) == [
        "order             run000002: sell 49.94 BTC/USDT at 90.01, stop",
        "stands            cancelled, 0 of 49.94 filled",
        "because           it protects what is held",
        "account           equity 10,000.00, cash 10,000.00, exposure 0.00 %, at 2023-12-09 01:00 UTC",
        "its price         10.01 % below the 100.02 that was paid on average",
        "its rule          stop.atr_multiple 3.0, stop.distance_frac 0.1, stop.kind fixed",
        "protects          what order run000001 bought last",
        "2023-12-09 01:00  approved by risk and handed over: sell 49.94 at 90.01",
        "2023-12-09 01:00  accepted: venue order paper-run000002",
        "2023-12-09 03:00  asked back",
        "2023-12-09 03:00  cancelled: cancelled",
    ]


def test_an_exit_is_told_with_the_decision_that_gave_up_the_holding() -> None:
    story = told(traded(), EXIT)
    assert (story.order.purpose, story.order.status) == (Purpose.EXIT, OrderStatus.FILLED)
    assert story.decision is not None
    assert (story.decision.close_time_ms, story.decision.wanted) == (closes(2), 0.0)
    assert story.traded == sum((one.price * one.quantity for one in story.fills), Decimal(0))
    assert lines(traded(), EXIT)["because"] == "less of it was wanted than was held"


def test_a_stop_that_was_hit_tells_its_fill() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0, 100.0, 80.0, 85.0))
    story = told(world, STOP)
    assert (story.order.status, story.fills[0].price) == (OrderStatus.FILLED, Decimal("90.00"))
    assert [step.what for step in story.steps] == ["approved by risk and handed over", "accepted", "filled"]


def test_the_forecast_behind_an_entry_is_told_against_the_move_needed() -> None:
    world = started(FollowsForecast(), features=two_features(0), window=1, p_up=lambda symbol, at: 1.0)
    world.play(*(bar(number, 100.0) for number in range(3)))
    said = lines(world, ENTRY)
    assert said["forecast"] == "up with 100.00 %, +100.0 bp expected, \u2212100.0 bp to +300.0 bp by scripted"
    assert said["moves"] == "expected +100.0 bp, needed 0.0 bp"


def test_a_breakers_sale_tells_the_breakers_sentence() -> None:
    risk = limits(fraction=1.0, stop_distance_frac=0.5, drawdown_frac=0.1)
    world = started(always(1.0), risk=risk).play(bar(0, 100.0), bar(1, 100.0), bar(2, 85.0), bar(3, 85.0))
    story = told(world, "last")
    assert story.order.purpose is Purpose.BREAKER
    assert lines(world, "last")["because"].startswith("a breaker tripped: equity 8500.00 is 10.00% or more below")


def test_an_operators_sale_tells_the_operators_reason() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    world.feed(Flatten(closes(1), "enough"))
    assert told(world, "last").order.purpose is Purpose.OPERATOR
    assert lines(world, "last")["because"] == "an operator said flatten: enough"


class SilentVenue:
    """A broker that says nothing by itself."""

    moves_money = False

    def submit(self, command: object, at_ms: int) -> list[object]:
        return []

    def cancel(self, command: object, at_ms: int) -> list[object]:
        return []

    def reconcile(self, command: object, at_ms: int) -> list[object]:
        return []


def quiet() -> World:
    """A bought market whose venue is played by the test."""
    world = started(always(1.0))
    world.pump._broker = SilentVenue()  # type: ignore[assignment]
    return world.feed(closed(bar(0, 100.0)))


def test_everything_that_a_venue_said_is_told_in_order() -> None:
    world = quiet()
    at_ms = closes(0)
    world.feed(
        OrderUnknown(at_ms + 1, ENTRY, "timed out"),
        OrderAccepted(at_ms + 2_000, ENTRY, "v1"),
        OrderFilled(at_ms + 3_000, fill(BUY, "10", "100", fee="0.01", fee_asset="BTC", order_id=ENTRY)),
        OrderFilled(at_ms + 3_000, fill(BUY, "10", "100", fee="0.01", fee_asset="BTC", order_id=ENTRY)),
        OrderCancelled(at_ms + 61_250, ENTRY, "expired"),
    )
    story = told(world, ENTRY)
    assert [(step.at_ms - at_ms, step.what, step.detail) for step in story.steps] == [
        (0, "approved by risk and handed over", "buy 50 at the market"),
        (1, "unknown", "timed out"),
        (2_000, "accepted", "venue order v1"),
        (3_000, "filled", "10 at 100"),
        (61_250, "cancelled", "expired"),
    ]
    assert (story.fees, story.venue_order_id) == ({"BTC": Decimal("0.01")}, "v1")
    said = order_lines(story)
    assert ("2023-12-09 01:00:03", "filled: 10 at 100") in said
    assert ("2023-12-09 01:01:01.250", "cancelled: expired") in said


def test_a_refused_stop_explains_the_sale_that_took_its_place() -> None:
    world = quiet()
    world.feed(OrderFilled(closes(0), fill(BUY, "50", "100", order_id=ENTRY)))
    world.feed(OrderRejected(closes(0), STOP, "stops are not taken"))
    story = told(world, EXIT)
    assert (story.order.purpose, story.order.type, story.stop) == (Purpose.STOP, OrderType.MARKET, None)
    assert lines(world, EXIT)["because"] == f"{BTC}: stop order {STOP} was rejected: stops are not taken"
    assert [step.what for step in told(world, STOP).steps] == ["approved by risk and handed over", "rejected"]


def test_a_sale_in_place_of_a_stop_that_nothing_explains_says_what_is_left() -> None:
    world = quiet()
    world.feed(OrderFilled(closes(0), fill(BUY, "50", "120", order_id=ENTRY)))
    assert world.codes() == []
    assert lines(world, "last")["because"].startswith("what was held had no stop that could rest")


def test_a_stop_names_the_one_that_it_replaces() -> None:
    world = quiet()
    world.feed(OrderFilled(closes(0), fill(BUY, "20", "100", order_id=ENTRY, trade_id="t1")))
    world.feed(OrderFilled(closes(0), fill(BUY, "30", "101", order_id=ENTRY, trade_id="t2")))
    world.feed(OrderCancelled(closes(0), STOP, "cancelled"))
    story = told(world, EXIT)
    assert story.stop is not None
    assert (story.stop.bought_by, story.stop.replaces) == (ENTRY, STOP)
    assert story.stop.average_price == Decimal("100.6")
    assert lines(world, EXIT)["replaces"] == f"order {STOP}"


def test_the_rule_of_a_stop_is_the_one_of_its_time() -> None:
    world = quiet()
    world.feed(SettingsChanged(closes(0), {}, {"stop.kind": "atr", "other": "1"}))
    world.feed(OrderFilled(closes(0), fill(BUY, "50", "100", order_id=ENTRY)))
    world.feed(SettingsChanged(closes(0), {}, {"stop.kind": "fixed"}))
    story = told(world, STOP)
    assert story.stop is not None
    assert story.stop.rule == {"stop.kind": "atr"}


def test_an_order_that_the_venue_has_forgotten_is_gone() -> None:
    world = quiet()
    world.feed(EpochBegan(closes(0), "monthly reset"))
    assert told(world, ENTRY).order.status is OrderStatus.CANCELLED


@pytest.mark.parametrize("name", ["last", STOP, "run000002"])
def test_an_order_is_found_by_its_id_or_as_the_newest(name: str) -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0))
    assert find_order(LivedRun(world), name).client_order_id == STOP


def test_an_order_is_found_by_the_beginning_of_its_id() -> None:
    world = started(always(1.0)).play(bar(0, 100.0))
    assert find_order(LivedRun(world), "run").client_order_id == ENTRY


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("run", "3 orders begin with run: write more of one, such as run000001, run000002, run000003"),
        ("run00009", "no order of the run is 'run00009': it has 3, near are run00000"),
        ("zzz", "no order of the run is 'zzz': it has 3, near are run000001, run000002, run000003; or write last"),
        ("", "no order of the run is ''"),
    ],
)
def test_an_order_that_is_not_found_gets_near_ones(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        order_story(LivedRun(traded()), name)
    assert str(refused.value).startswith(sentence)


def test_a_run_without_orders_says_so() -> None:
    with pytest.raises(ConfigError, match="the run has no orders yet"):
        order_story(LivedRun(started(always(0.0)).play(bar(0, 100.0))), "last")


def test_a_denied_decision_is_told_with_risks_reason() -> None:
    risk = limits(cooldown_candles=5)
    world = started(always(1.0), risk=risk)
    world.play(bar(0, 100.0), bar(1, 100.0), bar(2, 100.0, 100.0, 80.0, 85.0), bar(3, 85.0))
    story = decision_story(LivedRun(world), BTC, None)
    console, paper = page()
    print_lines(decision_lines(story), console)
    assert shown(paper) == [
        "market    BTC/USDT",
        "decided   on the candle that closed at 2023-12-09 04:00 UTC",
        "exposure  signal +1.00, 50.00 % of equity wanted, 0.00 % held",
        "verdict   denied: 1 candles since BTC/USDT was stopped out, 5 must pass",
        "account   equity 9,500.00, cash 9,500.00, exposure 0.00 %, at 2023-12-09 04:00 UTC",
    ]


def test_a_decision_names_the_order_that_it_led_to() -> None:
    run = LivedRun(traded())
    assert decision_story(run, BTC, closes(0)).order == ENTRY
    assert decision_story(run, BTC, closes(2) + 1_799_999).order == EXIT
    assert decision_story(run, BTC, closes(1)).order == ""


def test_a_decision_that_was_not_made_is_not_told() -> None:
    run = LivedRun(traded())
    with pytest.raises(ConfigError, match="the run does not trade ETH/USDT: its markets are BTC/USDT"):
        decision_story(run, ETH, None)
    with pytest.raises(ConfigError, match="had decided nothing about BTC/USDT by then"):
        decision_story(run, BTC, T0)


def test_what_happens_to_other_markets_is_not_told() -> None:
    markets = [instrument(BTC), instrument(ETH)]
    world = started(always(1.0, BTC, ETH), markets=markets, risk=limits(fraction=0.3))
    world.play(*({BTC: bar(number, 100.0), ETH: bar(number, 10.0)} for number in range(3)))
    first, second = (one.client_order_id for one in (world.submitted(BTC)[0], world.submitted(ETH)[0]))
    assert told(world, first).its_stop == world.submitted(BTC)[1].client_order_id
    assert told(world, second).its_stop == world.submitted(ETH)[1].client_order_id
    assert {one.trade_id for one in told(world, first).fills} == {one.trade_id for one in world.fills(BTC)}


def test_the_model_of_the_time_is_named() -> None:
    world = started(FollowsForecast(), features=two_features(0), window=1, p_up=lambda symbol, at: 1.0)
    world.play(bar(0, 100.0))
    world.feed(ModelReady(closes(0), "newer"))
    world.play(bar(1, 100.0))
    forecast = told(world, ENTRY).forecast
    assert forecast is not None
    assert forecast.model == "scripted"
    assert world.journal.of(Notify) == []
