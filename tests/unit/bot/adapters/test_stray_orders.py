"""An order of this run that nobody remembers is taken back, until the venue says that it is over."""

from bot.adapters.order_messages import NotSent, TakeBack, Unresolved, VenueStatus
from bot.adapters.order_outputs import Foreign
from bot.core.events import AnyEvent
from tests.hourly_bars import BTC
from tests.order_script import NOT_FOUND, PREFIX, OrderScript, entry, names, of, report, stop

STRAY = stop(f"{PREFIX}z")
BACK = TakeBack(BTC, STRAY.client_order_id)


def test_an_order_with_our_name_that_turns_up_is_taken_back_however_it_is_heard_of():
    assert BACK in OrderScript().heard(report(STRAY))
    assert BACK in OrderScript().account(report(STRAY))


def test_an_order_of_somebody_else_is_left_alone():
    script = OrderScript()
    assert names(script.heard(report(entry("web_1")))) == ["Foreign"]
    assert not script.later(600_000)


def test_it_is_asked_back_once_as_long_as_the_answer_is_waited_for():
    script = OrderScript()
    script.heard(report(STRAY))
    assert not script.heard(report(STRAY))
    assert not of(TakeBack, script.later(10_000))


def test_it_is_asked_back_after_pauses_that_grow_until_the_venue_says_that_it_is_over():
    script = OrderScript()
    script.heard(report(STRAY))
    for answer, pause in ((Unresolved("no answer"), 500), (NotSent("the wire is down"), 1_000)):
        assert not of(TakeBack, script.taken_back(STRAY, answer))
        assert not of(TakeBack, script.later(pause - 1))
        assert of(TakeBack, script.later(1)) == [BACK]
    script.taken_back(STRAY, report(STRAY, VenueStatus.CANCELLED))
    assert not script.later(600_000)


def test_one_that_the_venue_does_not_know_is_asked_back_again_when_it_is_shown_again():
    script = OrderScript()
    script.heard(report(STRAY))
    script.taken_back(STRAY, NOT_FOUND)
    assert not of(TakeBack, script.later(60_000))
    assert of(TakeBack, script.account(report(STRAY))) == [BACK]


def test_one_that_is_over_already_is_told_and_left():
    script = OrderScript()
    (told,) = script.heard(report(STRAY, VenueStatus.CANCELLED))
    assert isinstance(told, Foreign)
    script.heard(report(STRAY))
    script.heard(report(STRAY, VenueStatus.FILLED, "1"))
    assert not script.later(600_000)


def test_nothing_of_it_reaches_the_engine():
    script = OrderScript()
    said = [*script.heard(report(STRAY)), *script.taken_back(STRAY, report(STRAY, VenueStatus.CANCELLED))]
    assert not [each for each in said if isinstance(each, AnyEvent)]
