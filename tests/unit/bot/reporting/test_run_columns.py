from bot.core.commands import BreakerTripped, Notify, Verdict
from bot.core.events import Backfilled, ForecastFailed, Halt, MarketSuspended, OrderRejected, Resume, SessionStarted
from bot.core.market import Candle
from bot.core.orders import Side
from bot.reporting.reading import read_columns

HOUR = 3_600_000
T0 = 1_704_067_200_000


def candle(hour):
    return Candle(T0 + hour * HOUR, 1.0, 1.0, 1.0, 1.0, 1.0)


def test_history_before_the_first_candle_of_the_run_is_warm_up(new_run):
    run = new_run()
    run.add(Backfilled(T0, "BTC/USDT", T0 - 2 * HOUR, T0, (candle(-2), candle(-1))))
    run.candle(0, 101.0)
    assert len(read_columns(run).markets[0].candles) == 1


def test_history_that_fills_a_hole_in_the_run_is_part_of_it(new_run):
    run = new_run()
    run.candle(0, 101.0)
    run.candle(2, 103.0)
    run.add(Backfilled(T0, "BTC/USDT", T0 + HOUR, T0 + 3 * HOUR, (candle(1), candle(2))))
    candles = read_columns(run).markets[0].candles
    assert list(candles.open_ms) == [T0, T0 + HOUR, T0 + 2 * HOUR]
    assert list(candles.close) == [101.0, 1.0, 103.0]


def test_the_last_mark_of_an_instant_counts(new_run):
    run = new_run()
    run.mark(0, 1000.0)
    run.mark(0, 990.0)
    run.mark(1, 995.0)
    assert list(read_columns(run).account.equity) == [990.0, 995.0]


def test_a_fill_at_the_open_after_the_last_close_is_not_inside_the_last_mark(new_run):
    run = new_run()
    run.trade(0, Side.BUY, "1", "100")
    run.candle(0, 100.0)
    run.trade(1, Side.SELL, "1", "100")
    run.mark(0, 1000.0)
    columns = read_columns(run)
    assert len(columns.fills) == 2
    assert columns.fills_marked == 1


def test_without_a_mark_no_fill_is_inside_one(new_run):
    run = new_run()
    run.trade(0, Side.BUY, "1", "100")
    run.candle(0, 100.0)
    assert read_columns(run).fills_marked == 0


def test_refusals_that_differ_only_in_their_figures_are_told_as_one(new_run):
    run = new_run()
    run.decide(0, Verdict.DENIED, "worth 4,005.10, the limit is 4,000")
    run.decide(3, Verdict.DENIED, "worth 4,900.00, the limit is 4,000")
    (happening,) = read_columns(run).happenings
    assert happening.kind == "denied"
    assert happening.text == "worth 4,005.10, the limit is 4,000"
    assert happening.count == 2
    assert happening.last_ms - happening.first_ms == 3 * HOUR
    assert happening.symbols == ("BTC/USDT",)


def test_every_breaker_is_told_by_itself(new_run):
    run = new_run()
    run.add(BreakerTripped(T0, "daily_loss", "lost 2.1 %"), BreakerTripped(T0 + HOUR, "daily_loss", "lost 2.1 %"))
    assert [(each.is_breaker, each.count) for each in read_columns(run).happenings] == [(True, 1), (True, 1)]


def test_what_a_person_should_know_is_kept_and_what_an_event_says_already_is_not(new_run):
    run = new_run()
    run.trade(0, Side.BUY, "1", "100")
    order_id = run.entries[-1].fill.client_order_id
    run.add(
        SessionStarted(T0),
        OrderRejected(T0, order_id, "too small"),
        Notify(T0, "order_rejected", "the order was rejected"),
        Notify(T0, "series_split", "a gap of 9 bars"),
        ForecastFailed(T0, T0, "not finite"),
        MarketSuspended(T0, "BTC/USDT", "stale"),
        Halt(T0, "asked for"),
        Resume(T0, "asked for"),
    )
    columns = read_columns(run)
    assert columns.sessions == 1
    assert [each.kind for each in columns.happenings] == [
        "order rejected",
        "notice: series_split",
        "forecast failed",
        "market suspended",
        "halt",
        "resume",
    ]
    assert columns.happenings[0].symbols == ("BTC/USDT",)


def test_the_best_expected_move_stands_beside_what_that_decision_needed(new_run):
    run = new_run()
    run.decide(0, Verdict.HOLD, "too small", moves=(7.1, 36.0))
    run.decide(1, Verdict.HOLD, "too small", moves=(5.0, 30.0))
    decisions = read_columns(run).decisions
    assert (decisions.best_expected_move_bps, decisions.needed_move_bps) == (7.1, 36.0)


def test_a_signal_of_zero_is_a_signal_and_no_signal_is_none(new_run):
    run = new_run()
    run.decide(0, Verdict.HOLD, "flat", signal=0.0)
    run.decide(1, Verdict.NOT_TRADABLE, "warming up", signal=None)
    decisions = read_columns(run).decisions
    assert decisions.signals == 1
    assert decisions.of(Verdict.NOT_TRADABLE) == 1
