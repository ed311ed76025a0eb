"""Fault rules without sockets: selectors, counts, chance, JSON, and what they make of events and rows."""

import asyncio
import json

import msgspec
import pytest

from bot.core.errors import ConfigError
from bot.core.market import Candle, Timeframe
from bot.exchange.candle_file import RecordedMarket
from bot.exchange.edits import edited
from bot.exchange.fault_plan import FaultPlan
from bot.exchange.fault_schedule import random_faults
from bot.exchange.faults import (
    Edit,
    HangUp,
    Lag,
    NoTrades,
    RefuseHandshake,
    Rewrite,
    Silence,
    SpoilRows,
    WrongTime,
    decode_rules,
)
from bot.exchange.faulty_market import FaultyMarket
from bot.exchange.faulty_rows import hidden_since, misread_time, spoiled
from bot.exchange.house_rules import HouseRules, MessageMeter
from bot.exchange.occasions import Occasion, Where
from bot.exchange.wire_log import WireLog

HOUR = Timeframe.H1.ms
EVENT = '{"e":"kline","E":5,"s":"BTCUSDT","k":{"t":0,"o":"1.50000000","x":true,"n":3}}'


def strikes(rule: Silence, *occasions: Occasion, seed: int = 0) -> list[bool]:
    plan = FaultPlan([rule], seed)
    return [plan.first(Silence, occasion) is not None for occasion in occasions]


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        (Where(), True),
        (Where(connection=2), True),
        (Where(connection=1), False),
        (Where(symbol="BTCUSDT"), True),
        (Where(symbol="ETHUSDT"), False),
        (Where(endpoint=""), True),
        (Where(endpoint="klines"), False),
        (Where(closing=True), True),
        (Where(closing=False), False),
        (Where(from_ms=10), True),
        (Where(from_ms=11), False),
        (Where(until_ms=11), True),
        (Where(until_ms=10), False),
    ],
)
def test_everything_that_a_selector_names_must_hold(where: Where, fits: bool) -> None:
    assert where.fits(Occasion(10, connection=2, symbol="BTCUSDT", closing=True)) is fits


def test_a_rule_lets_some_occasions_pass_and_then_strikes_as_often_as_it_may() -> None:
    rule = Silence(where=Where(symbol="A", skip=1, times=2))
    seen = [Occasion(n, symbol=symbol) for n, symbol in enumerate("ABAAAA")]
    assert strikes(rule, *seen) == [False, False, True, True, False, False]


def test_chance_is_the_seed_s_alone() -> None:
    rule = Silence(where=Where(chance=0.3))
    seen = [Occasion(n) for n in range(1_000)]
    first = strikes(rule, *seen)
    assert first == strikes(rule, *seen)
    assert first != strikes(rule, *seen, seed=1)
    assert 250 < sum(first) < 350


def test_what_struck_is_logged_by_kind_and_name() -> None:
    plan = FaultPlan([HangUp(1001, where=Where(times=1)), HangUp(None, name="storm")])
    assert [rule.code for rule in plan.every(HangUp, Occasion(7, connection=3))] == [1001, None]
    assert [rule.code for rule in plan.every(HangUp, Occasion(8, connection=3))] == [None]
    assert (plan.log.strikes("hang up"), plan.log.strikes("storm"), plan.log.strikes("silence")) == (3, 2, 0)
    assert [(struck.at_ms, struck.connection, struck.name) for struck in plan.log.struck] == [
        (7, 3, "hang up"),
        (7, 3, "storm"),
        (8, 3, "storm"),
    ]


def test_only_the_first_rule_that_fits_is_asked() -> None:
    plan = FaultPlan([RefuseHandshake(429, where=Where(times=1)), RefuseHandshake(503)])
    answers = [plan.first(RefuseHandshake, Occasion(n)) for n in range(3)]
    assert [answer and answer.status for answer in answers] == [429, 503, 503]


def test_a_plan_without_rules_is_idle_until_somebody_watches() -> None:
    plan = FaultPlan()
    assert plan.is_idle
    plan.add([Silence()])
    armed = plan.is_idle
    plan.clear()
    cleared = plan.is_idle
    plan.is_watched = True
    assert (armed, cleared, plan.is_idle) == (False, True, False)


def test_rules_travel_as_json() -> None:
    rules = [HangUp(1001, where=Where(connection=2, from_ms=5)), Rewrite(Edit(set={"k.o": "-1"}), name="minus")]
    assert decode_rules(msgspec.json.encode(rules)) == rules


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b'[{"fault":"earthquake"}]', b'[{"fault":"silence","wher":{}}]', b'[{"fault":"move"}]', b"\xff"],
)
def test_rules_that_cannot_be_meant_are_refused_in_a_sentence(text: bytes) -> None:
    with pytest.raises(ConfigError, match="no fault rules"):
        decode_rules(text)


def test_an_event_is_edited_field_by_field() -> None:
    edit = Edit(
        set={"k.x": False, "new": 1}, remove=("s", "k.none"), scale={"k.o": 100.0, "q": 2.0}, add={"E": 3, "k.n": 1}
    )
    assert json.loads(edited(EVENT, edit)) == {
        "e": "kline",
        "E": 8,
        "k": {"t": 0, "o": "150.00000000", "x": False, "n": 4},
        "new": 1,
    }
    assert edited(EVENT, Edit()) == EVENT


def test_every_row_of_a_list_is_edited_and_a_number_is_a_place_in_a_list() -> None:
    rows = '[{"a":[{"b":"1"},{"b":"2"}]},{"a":[{"b":"3"},{"b":"4"}]}]'
    assert edited(rows, Edit(scale={"a.1.b": 10}, remove=("a.0.b",))) == (
        '[{"a":[{},{"b":"20.00000000"}]},{"a":[{},{"b":"40.00000000"}]}]'
    )
    with pytest.raises(LookupError):
        edited(rows, Edit(set={"a.2.b": 1}))


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        (Where(method="POST"), True),
        (Where(method="GET"), False),
        (Where(client_id="cw"), True),
        (Where(client_id="cw9"), False),
        (Where(method="POST", endpoint="order", client_id="cw1"), True),
    ],
)
def test_a_request_is_selected_by_its_method_and_the_beginning_of_its_client_id(where: Where, fits) -> None:
    assert where.fits(Occasion(0, endpoint="order", method="POST", client_id="cw1x")) is fits
    assert not Where(client_id="").fits(Occasion(0))


def test_rows_are_spoiled_where_they_are_meant() -> None:
    rows: list[list[int | str]] = [[number, "4", "8", "2", "4", "10"] for number in range(3)]

    def words(how: str, bars: tuple[int, ...] | None = (1,)) -> list:
        rule = decode_rules(msgspec.json.encode([{"fault": "spoil rows", "how": how, "bars": bars}]))[0]
        assert isinstance(rule, SpoilRows)
        return [(row[0], *(row[1:3]), row[5]) for row in spoiled(rows, rule)]

    kept = [(number, "4", "8", "10") for number in range(3)]
    assert words("missing") == [kept[0], kept[2]]
    assert words("duplicate") == [kept[0], kept[1], kept[1], kept[2]]
    assert words("reverse") == kept[::-1]
    assert words("revised") == [kept[0], (1, "4", "8", "15.00000000"), kept[2]]
    assert words("text") == [kept[0], (1, "a lot", "8", "10"), kept[2]]
    assert words("impossible") == [kept[0], (1, "4", "1.00000000", "10"), kept[2]]
    assert words("too many") == kept
    assert words("missing", None) == []


def test_klines_that_lag_hide_the_open_bar_and_what_closed_lately() -> None:
    assert hidden_since(10 * HOUR, Lag(1), HOUR, None) == 9 * HOUR - 1
    assert hidden_since(10 * HOUR, Lag(1), HOUR, 2 * HOUR) == 2 * HOUR


def test_a_clock_is_wrong_by_a_constant_by_a_drift_or_by_its_unit() -> None:
    assert misread_time(WrongTime(offset_ms=-500), 10_000) == 9_500
    assert misread_time(WrongTime(drift_frac=0.1, where=Where(from_ms=4_000)), 10_000) == 10_600
    assert misread_time(WrongTime(microseconds=True), 10_000) == 10_000_000


@pytest.mark.parametrize(("shown", "volumes"), [(True, [5.0, 0.0, 0.0, 5.0]), (False, [5.0, None, None, 5.0])])
def test_a_market_without_trades_is_flat_or_silent_and_that_is_the_truth(shown: bool, volumes: list) -> None:
    candles = {n * HOUR: Candle(n * HOUR, 10.0, 12.0, 9.0, 10.0 + 0.5 * n, 5.0) for n in range(4)}
    plan = FaultPlan([NoTrades(shown, where=Where(from_ms=HOUR, until_ms=3 * HOUR))])
    market = FaultyMarket(RecordedMarket("BTC/USDT", Timeframe.H1, candles), plan)
    for _ in range(2):
        bars = [market.at(n * HOUR) for n in range(4)]
        assert [bar and bar.volume for bar in bars] == volumes
        assert not bars[2] or bars[2].close == candles[0].close
    assert plan.log.strikes("no trades") == 2


def test_the_sixth_message_in_a_second_is_one_too_many() -> None:
    meter = MessageMeter(HouseRules())
    assert [meter.is_too_much(at_s) for at_s in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.19)] == [False] * 6 + [True]
    faster = MessageMeter(HouseRules().faster(10.0))
    assert not any(faster.is_too_much(n * 0.021) for n in range(20))


def test_a_schedule_is_a_function_of_its_seed_and_in_order() -> None:
    one, other = (random_faults(seed, ["BTCUSDT", "ETHUSDT"], 1_000, 10**8, 10**5) for seed in (1, 2))
    assert one == random_faults(1, ["BTCUSDT", "ETHUSDT"], 1_000, 10**8, 10**5)
    assert one != other
    assert 800 < len(one) < 1_200
    starts = [rule.where.from_ms for rule in one]
    assert starts == sorted(starts)
    assert len({type(rule) for rule in one}) > 15
    assert all(rule.where.times or rule.where.until_ms for rule in one)
    assert decode_rules(msgspec.json.encode(one)) == list(one)


@pytest.mark.asyncio
async def test_who_waits_for_something_in_the_log_is_woken_by_it() -> None:
    log = WireLog(kept=2)
    waiting = asyncio.create_task(log.until(lambda: len(log.told("b")) > 0))
    log.tell(1, "a")
    await asyncio.sleep(0)
    assert not waiting.done()
    log.tell(2, "b", "x" * 5_000)
    async with asyncio.timeout(10):
        await waiting
    log.tell(3, "c")
    assert [(event.number, event.what) for event in log.events] == [(2, "b"), (3, "c")]
    assert len(log.told("b")[0].text) == 1_000
