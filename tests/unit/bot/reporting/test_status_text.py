from decimal import Decimal

import pytest
from msgspec.structs import replace

from bot.core.commands import Decided, Verdict
from bot.core.events import AccountDrifted, AccountReconciled, Halt, MarketSuspended, OrderUnknown
from bot.core.status import EngineStatus, HoldingView, Protection
from bot.reporting.status_text import exact_moment, headline, print_status
from bot.reporting.wording import exact, exact_price
from tests.engine_driver import Driver, submits
from tests.engine_world import engine, started
from tests.hourly_bars import BTC, ETH, T0, bar, closes
from tests.made_orders import instrument
from tests.scripted_strategies import FollowsForecast, Scripted, always, two_features
from tests.status_view import status_of
from tests.unit.bot.reporting.lived_runs import page, shown

MARKETS = [instrument(BTC), instrument(ETH)]


def printed(status: EngineStatus, age_ms: int = 0, busy_ms: int = 0, width: int = 130) -> list[str]:
    console, paper = page(width)
    print_status(status, age_ms, busy_ms, console)
    return shown(paper)


def held() -> EngineStatus:
    world = started(Scripted({BTC: [1.0], ETH: [0.0]}), markets=MARKETS)
    world.play(*({BTC: bar(number, 100.0 + number), ETH: bar(number, 10.0)} for number in range(3)))
    return status_of(world)


def test_a_bot_that_trades_is_told_on_one_screen() -> None:
    assert printed(held()) == [
        "active, 2023-12-09 03:00 UTC",
        "account  equity 10,050.00, cash 4,950.00, exposure 50.75 %, 1 of 10,000 entries today",
        "order    BTC/USDT run000002: stop, sell 50 at 90.9, accepted, 0 filled",
        "breaker     state  now                     limit     trips at",
        "daily loss  armed  0.00 % below 10,000.00  100.00 %  0.00",
        "drawdown    armed  0.00 % below 10,050.00  100.00 %  0.00",
        "BTC/USDT  held: scripted",
        "          50 held, bought at 101.00, worth 5,100.00; stop at 90.9 rests",
        "          last close 102.00 at 2023-12-09 03:00, next at 2023-12-09 04:00",
        "ETH/USDT  not bought: scripted",
        "          last close 10.0000 at 2023-12-09 03:00, next at 2023-12-09 04:00",
    ]


def test_a_halted_bot_that_is_busy_says_both_first() -> None:
    world = started(always(1.0)).play(bar(0, 100.0), bar(1, 100.0)).feed(Halt(closes(1), "lunch"))
    lines = printed(status_of(world), age_ms=65_400, busy_ms=61_000)
    assert lines[0] == "halted: lunch (65.4 s ago; the bot has been busy for 61.0 s), 2023-12-09 02:00 UTC"
    assert "BTC/USDT  not traded: halted: lunch; its stop stays" in lines


def test_a_picture_of_just_now_has_no_age() -> None:
    assert headline(held(), 1_999, 0) == "active, 2023-12-09 03:00 UTC"
    assert headline(held(), 2_000, 0) == "active (2.0 s ago), 2023-12-09 03:00 UTC"


def test_what_needs_a_person_stands_before_the_tables() -> None:
    driver = Driver(engine(always(1.0)))
    driver.feed(AccountReconciled(T0, {"BNB": Decimal("1.500"), "BTC": Decimal(1)}))
    (wish,) = submits(driver.close(bar(0, 100.0)))
    driver.feed(OrderUnknown(closes(0), wish.client_order_id, "timed out"), Halt(closes(0), "lunch"))
    driver.engine.state.forecasts_dropped = 2
    assert printed(driver.engine.status({}))[1:7] == [
        "account     equity 10,000.00, cash 10,000.00, exposure 0.00 %, 1 of 10,000 entries today",
        "order       BTC/USDT run000001: entry market, buy 50, unknown, 0 filled, asked back",
        "unknown     the venue is being asked about run000001",
        "unanswered  submit run000001, cancel run000001",
        "forecasts   2 forecasts came too late or were no answer",
        "not ours    1.5 BNB, 1 BTC lie in the account beside ours, and are left alone",
    ]


def test_expected_against_needed_stands_in_a_markets_sentence() -> None:
    driver = Driver(engine(FollowsForecast(), features=two_features(0), window=1), bundle="model")
    driver.close(bar(0, 100.0))
    driver.engine.state.awaiting = ()
    row = Decided(closes(0), BTC, 0.0, 0.0, 0.0, Verdict.HOLD, "the expected move does not clear its cost", 2.125, 36.0)
    said = printed(driver.engine.status({BTC: row}))
    assert "BTC/USDT  not bought: the expected move does not clear its cost (expected +2.1 bp, needed +36.0 bp)" in said


@pytest.mark.parametrize(
    ("changes", "alarm"),
    [
        (
            {"protection": Protection.NONE, "bare_since_ms": closes(1) + 1_500},
            "alarm    BTC/USDT is held without a working stop since 2023-12-09 02:00:01.500 UTC",
        ),
        (
            {"protection": Protection.NONE, "unprotected": "held_by_orders"},
            "alarm    BTC/USDT is held without a stop: held_by_orders",
        ),
    ],
)
def test_a_holding_without_a_stop_is_an_alarm(changes: dict[str, object], alarm: str) -> None:
    status = held()
    market = status.markets[0]
    assert isinstance(market.holding, HoldingView)
    bare = replace(market, holding=replace(market.holding, **changes))
    lines = printed(replace(status, markets=(bare, *status.markets[1:])))
    assert alarm in lines
    assert "          50 held, bought at 101.00, worth 5,100.00; stop at 90.9 does not work" in lines


def test_dust_has_no_stop_to_speak_of() -> None:
    status = held()
    market = status.markets[0]
    assert isinstance(market.holding, HoldingView)
    dust = replace(market.holding, is_dust=True, protection=Protection.NONE)
    lines = printed(replace(status, markets=(replace(market, holding=dust),)))
    assert lines[-2].endswith("worth 5,100.00: dust, less than the venue takes")


def test_nothing_is_known_of_a_market_before_its_first_candle() -> None:
    world = started(always(0.0)).feed(AccountDrifted(T0, "drift"), MarketSuspended(T0, BTC, "silent"))
    lines = printed(status_of(world))
    assert lines[0] == "reducing: the venue's books and ours differ: drift, 2023-12-09 00:00 UTC"
    assert lines[-1] == "BTC/USDT  no entries, its data cannot be proven: silent"
    assert "daily loss  armed  \u2013    100.00 %  \u2013" in lines


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_table_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, printed(held(), width=width)[1:])) <= width


def test_markup_in_a_reason_is_shown_as_it_is() -> None:
    world = started(always(1.0)).play(bar(0, 100.0)).feed(Halt(closes(0), "[bold]x[/bold]"))
    assert "[bold]x[/bold]" in printed(status_of(world))[0]


def test_prices_have_one_form_wherever_they_stand() -> None:
    prices = [exact_price(Decimal(text)) for text in ("149932.930", "90.9", "0.00012", "1E+3")]
    assert prices == ["149,932.93", "90.9", "0.00012", "1,000"]


def test_amounts_and_times_have_no_more_digits_than_they_need() -> None:
    assert [exact(Decimal(text)) for text in ("1.500", "100", "1E+3", "0E-8")] == ["1.5", "100", "1000", "0"]
    moments = [exact_moment(T0), exact_moment(T0 + 1_000), exact_moment(T0 + 1)]
    assert moments == ["2023-12-09 00:00", "2023-12-09 00:00:01", "2023-12-09 00:00:00.001"]
