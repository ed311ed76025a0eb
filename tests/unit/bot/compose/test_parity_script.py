"""A journal's records, sorted into what came from outside and what met the market together."""

from decimal import Decimal

from bot.compose.parity_script import JournalSession, ScriptReader, Step, stream_key
from bot.core.commands import CancelOrder, Deed, Observation
from bot.core.events import (
    AccountReconciled,
    AnyEvent,
    CandleClosed,
    ForecastReady,
    Halt,
    MarketSuspended,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    SessionStarted,
    TimerFired,
)
from bot.core.market import Candle
from bot.core.orders import Fill, Side
from tests.unit.bot.adapters.journal_samples import HEADER

BTC, ETH = "BTC/USDT", "ETH/USDT"
HOUR_MS = 3_600_000
STARTED = SessionStarted(0)


def closed(symbol: str, hour: int) -> CandleClosed:
    return CandleClosed((hour + 1) * HOUR_MS, symbol, Candle(hour * HOUR_MS, 1.0, 1.0, 1.0, 1.0, 0.0))


def filled(symbol: str) -> OrderFilled:
    return OrderFilled(
        HOUR_MS, Fill("a1", "t1", symbol, Side.BUY, Decimal(1), Decimal(1), Decimal(0), "USDT", Decimal(1))
    )


def sessions(*records: AnyEvent | Deed | Observation) -> list[JournalSession]:
    reader = ScriptReader((BTC, ETH))
    for record in records:
        reader.take(record)
    reader.close()
    return reader.sessions


def steps(*records: AnyEvent | Deed | Observation) -> list[Step]:
    (session,) = sessions(STARTED, *records)
    return session.steps[1:]


def test_candles_of_one_close_that_follow_each_other_met_the_market_together():
    accepted = OrderAccepted(HOUR_MS, "a1", "v1")
    found = steps(closed(BTC, 1), accepted, closed(ETH, 1), closed(BTC, 2), closed(ETH, 2))
    assert found == [(closed(BTC, 1), closed(ETH, 1)), (closed(BTC, 2), closed(ETH, 2))]


def test_a_timer_between_them_parts_them():
    timer = TimerFired(2 * HOUR_MS, "instant")
    assert steps(closed(BTC, 1), timer, closed(ETH, 1)) == [(closed(BTC, 1),), timer, (closed(ETH, 1),)]


def test_a_fill_between_them_parts_them():
    assert steps(closed(BTC, 1), filled(ETH), closed(ETH, 1)) == [(closed(BTC, 1),), (closed(ETH, 1),)]


def test_an_order_that_expired_between_them_parts_them_and_one_that_was_cancelled_does_not():
    gone = OrderCancelled(HOUR_MS, "a1", "gone")
    assert len(steps(closed(BTC, 1), gone, closed(ETH, 1))) == 2
    assert len(steps(closed(BTC, 1), CancelOrder("a1", BTC), gone, closed(ETH, 1))) == 1


def test_candles_in_another_order_than_the_markets_are_two_instants():
    assert steps(closed(ETH, 1), closed(BTC, 1)) == [(closed(ETH, 1),), (closed(BTC, 1),)]


def test_what_a_decision_causes_is_no_step():
    assert steps(AccountReconciled(0), OrderAccepted(1, "a1", "v1"), Halt(2, "lunch")) == [Halt(2, "lunch")]


def test_the_latencies_of_forecasts_are_kept_in_their_order():
    (session,) = sessions(STARTED, ForecastReady(1, 1, (), 0.5), ForecastReady(1, 1, (), 0.75))
    assert list(session.latencies[1]) == [0.5, 0.75]


def test_sessions_begin_where_the_journal_stood():
    first, second = sessions(HEADER, STARTED, closed(BTC, 1), CancelOrder("a1", BTC), STARTED, closed(BTC, 2))
    assert (first.journal_events, second.journal_events) == (1, 3)
    assert second.steps == [STARTED, (closed(BTC, 2),)]


def test_what_a_session_took_of_the_stream_is_known():
    suspended = MarketSuspended(5, ETH, "silent")
    (session,) = sessions(STARTED, closed(BTC, 1), suspended)
    assert session.streamed() == {stream_key(closed(BTC, 1)), stream_key(suspended)}
