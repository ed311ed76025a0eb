"""Rows X20, X25 and X27 of the fault table, and W12: what is said of orders, in time and in words."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.core.orders import BUY, SELL
from bot.exchange.edits import Edit
from bot.exchange.faults import (
    AnyFault,
    BreakAnswer,
    Delay,
    EndStream,
    GoDark,
    HangUp,
    Inject,
    Latency,
    RefuseHandshake,
    RefuseRequest,
    Repeat,
    ReplayOld,
    Rewrite,
    RewriteAnswer,
    Silence,
)
from bot.exchange.occasions import Where
from bot.exchange.orders import Kind
from tests.exchange_hand import MARKETS, PIECES, Hand
from tests.live_invariants import notices
from tests.live_world import Bot, Exchange
from tests.order_scenarios import between, on_order, play

proof = pytest.mark.proof


def report(begin: float = 0, end: float = 8, **selector: Any) -> Where:
    """Reports of the private stream."""
    return between(begin, end, endpoint="executionReport", **selector)


def stream(begin: float = 2, end: float = 6, **selector: Any) -> Where:
    """Connections to the private stream."""
    return between(begin, end, endpoint="ws-api", **selector)


MUTE = Silence(where=report(0, 30))
"""No report comes at all: what is not in an answer has to be asked for."""


def in_pieces(exchange: Exchange) -> None:
    """Have orders be filled in pieces."""
    for market in MARKETS:
        Hand(exchange).quote(market, PIECES)


@pytest.mark.parametrize(
    "faults",
    [
        [Latency(ms=3_000, phase="after", where=on_order(times=4))],
        [MUTE],
        [Repeat(count=2, after_ms=1_500, where=report())],
        [Delay(by_ms=4_000, where=report(chance=0.5))],
        [Delay(by_ms=45_000, where=report(chance=0.5))],
        [ReplayOld(count=20, where=report())],
        [Silence(where=report(chance=0.5)), Repeat(count=1, after_ms=30_000, where=report(chance=0.5))],
    ],
    ids=["before the answer", "missing", "twice", "out of order", "late", "old ones", "some missing and some again"],
)
def test_reports_of_orders_may_come_in_any_order_any_number_of_times(tmp_path: Path, faults: list[AnyFault]) -> None:
    """X20."""
    checked, *_ = play(tmp_path, *faults, at_first=in_pieces)
    assert checked.fills >= 20


def test_orders_of_others_are_none_of_ours(tmp_path: Path) -> None:
    """X20: placed by hand beside ours, in the same markets."""

    async def trade(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        for _ in range(3):
            await hand.a_stop("BTCUSDT")
            bought = hand.buy_some("BTCUSDT", 500).order
            resting = hand.place("BTCUSDT", BUY, Kind.LIMIT, bought.quantity, price=hand.last("BTCUSDT") // 2)
            await hand.minutes(0.5)
            hand.place("BTCUSDT", SELL, Kind.MARKET, bought.quantity - Decimal("0.001"))
            hand.cancel(resting.order)
            await hand.minutes(1)

    _, bot, _ = play(tmp_path, minutes=2, meanwhile=trade, in_play=0)
    assert not notices(bot)["account_drifted"]
    assert not notices(bot)["foreign_fill"]


@pytest.mark.parametrize(
    "faults",
    [
        [HangUp(where=stream()), RefuseHandshake(status=503, where=stream())],
        [EndStream(where=stream(times=3))],
        [GoDark(where=stream(times=1))],
        pytest.param([HangUp(code=1008, where=stream(times=6))], marks=proof),
        pytest.param(
            [HangUp(where=stream()), RefuseHandshake(status=429, retry_after_s=60, where=stream(times=1))], marks=proof
        ),
    ],
    ids=["minutes away", "terminated", "black hole", "again and again", "too many"],
)
def test_without_a_private_stream_orders_are_asked_for(tmp_path: Path, faults: list[AnyFault]) -> None:
    """X20 and W12, with stops that are filled meanwhile."""

    async def gap(exchange: Exchange, bot: Bot) -> None:
        hand = Hand(exchange)
        stop = await hand.a_stop()
        hand.gap(stop.symbol, 0.9)
        await hand.minutes(2)

    checked, *_ = play(tmp_path, *faults, minutes=3, meanwhile=gap, at_first=in_pieces)
    assert checked.fills >= 8


SUBSCRIBING = "userDataStream.subscribe.signature"


@pytest.mark.parametrize(
    ("status", "code", "retry_after_s"),
    [
        (400, -1021, None),
        (401, -2015, None),
        (429, -1003, 60),
        (500, -1000, None),
        pytest.param(418, -1003, 60, marks=proof),
        pytest.param(503, -1008, None, marks=proof),
    ],
)
def test_a_refused_subscription_is_tried_again_in_its_time(
    tmp_path: Path, status: int, code: int, retry_after_s: int | None
) -> None:
    """W12."""
    refusal = RefuseRequest(
        status=status, code=code, retry_after_s=retry_after_s, where=between(2, 6, endpoint=SUBSCRIBING, times=2)
    )
    checked, *_ = play(tmp_path, EndStream(where=stream(times=1)), refusal)
    assert checked.fills >= 6


WORDS: list[dict[str, Any]] = [
    {"status": "QUEUED"},
    {"status": "PENDING_CANCEL", "expiryReason": "SOMETHING_NEW", "news": {"deep": [1]}},
    {"type": "ICEBERG_OF_TOMORROW", "timeInForce": "GTX", "selfTradePreventionMode": "NEVER"},
]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_words_of_tomorrow_in_an_answer_prove_nothing(tmp_path: Path, words: dict[str, Any], method: str) -> None:
    """X25."""
    faults: list[AnyFault] = [RewriteAnswer(edit=Edit(set=words), where=on_order(method, times=3))]
    if method == "GET":
        faults += [BreakAnswer(how="close", where=on_order(times=2)), MUTE]
    play(tmp_path, *faults)


@pytest.mark.parametrize(
    "words",
    [
        {"event.X": "QUEUED"},
        {"event.x": "QUEUED", "event.o": "ICEBERG_OF_TOMORROW", "event.news": {"deep": [1]}},
        {"event.e": "executionReportTwo"},
        {"event.S": "BORROW"},
    ],
)
def test_words_of_tomorrow_in_a_report_prove_nothing(tmp_path: Path, words: dict[str, Any]) -> None:
    """X25."""
    play(
        tmp_path,
        Rewrite(edit=Edit(set=words), where=report()),
        Inject(text='{"event":{"e":"newEvent"}}', where=report(times=2)),
    )


NUMBERS = ["NaN", "-1", "", "1E+3", "9" * 25, "0.00000000000000000001", None, 7, "Infinity"]
FEES = [number for number in NUMBERS if number != "0.00000000000000000001"]
"""A fee can be as small as that."""


def lies(**of: list[Any]) -> list[Any]:
    """Fields and what is wrongly said in them; the first of each are tried whenever tests run, the others as proofs."""
    return [
        pytest.param(name.replace("_", "."), number, marks=[] if place in (0, 3) else proof)
        for name, numbers in of.items()
        for place, number in enumerate(numbers)
    ]


@pytest.mark.parametrize(
    ("field", "number"),
    lies(executedQty=NUMBERS, origQty=NUMBERS, fills_0_qty=NUMBERS, fills_0_price=NUMBERS, fills_0_commission=FEES),
)
def test_numbers_that_cannot_be_true_in_an_answer_are_not_booked(tmp_path: Path, field: str, number: Any) -> None:
    """X27."""
    play(tmp_path, RewriteAnswer(edit=Edit(set={field: number}), where=on_order(times=1)), minutes=6)


@pytest.mark.parametrize(
    ("field", "number"),
    lies(
        event_z=NUMBERS,
        event_l=NUMBERS,
        event_L=NUMBERS,
        event_n=FEES,
        event_t=[number for number in NUMBERS if number != 7],
        event_i=NUMBERS,
    ),
)
def test_numbers_that_cannot_be_true_in_a_report_are_not_booked(tmp_path: Path, field: str, number: Any) -> None:
    """X27."""
    play(tmp_path, Rewrite(edit=Edit(set={field: number}), where=report(0, 4)), minutes=6, at_first=in_pieces)


@pytest.mark.parametrize(
    ("endpoint", "field", "number"),
    [
        pytest.param(*place, number, marks=[] if number == NUMBERS[3] else proof)
        for place in (
            ("myTrades", "qty"),
            ("myTrades", "price"),
            ("order", "executedQty"),
            ("account", "balances.0.free"),
        )
        for number in NUMBERS
    ],
)
def test_numbers_that_cannot_be_true_in_what_is_looked_up_are_not_booked(
    tmp_path: Path, endpoint: str, field: str, number: Any
) -> None:
    """X27."""
    # What is looked at before a run begins is another matter: see that a run cannot begin on it.
    skip = 1 if endpoint == "account" else 0
    lie = RewriteAnswer(
        edit=Edit(set={field: number}), where=Where(method="GET", endpoint=endpoint, skip=skip, times=3)
    )
    play(tmp_path, lie, MUTE, BreakAnswer(how="close", where=on_order(times=2)), minutes=6)
