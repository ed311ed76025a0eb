"""When a venue that does not know an order is believed."""

from bot.adapters.order_absence import Absence
from bot.adapters.order_patience import OrderPatience

PATIENCE = OrderPatience(absent_ms=60_000, misses=3, miss_gap_ms=1_000)


def test_an_absence_takes_denials_with_time_between_them_a_late_one_and_a_late_look():
    absence = Absence(PATIENCE)
    absence.begin(0)
    for asked_ms in (1_000, 1_500, 1_999, 2_000):
        absence.missed(asked_ms)
    assert absence.look_due_ms is None
    absence.missed(4_000)
    dues = [absence.look_due_ms]
    absence.looked(59_999)
    dues.append(absence.look_due_ms)
    absence.looked(60_000)
    dues.append(absence.look_due_ms)
    assert dues == [60_000, 60_000, None]
    assert not absence.is_proven


def test_what_is_found_is_not_absent_whatever_was_said_before():
    absence = Absence(PATIENCE)
    absence.begin(0)
    for asked_ms in (1_000, 2_000, 60_000):
        absence.missed(asked_ms)
    absence.looked(60_000)
    assert absence.is_proven
    absence.end()
    assert not absence.is_suspected


def test_a_late_denial_without_a_late_look_proves_nothing():
    absence = Absence(PATIENCE)
    absence.begin(0)
    for asked_ms in (1_000, 2_000, 60_000):
        absence.missed(asked_ms)
    assert not absence.is_proven


def test_what_was_asked_before_the_doubt_says_nothing():
    absence = Absence(PATIENCE)
    absence.missed(5)
    absence.begin(10)
    absence.missed(9)
    assert not absence.is_suspected
