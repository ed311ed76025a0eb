"""Questions are asked at a pace, and never while an answer is waited for."""

from bot.adapters.order_patience import OrderPatience
from bot.adapters.order_questions import PacedQuestion


def test_every_duration_is_scaled_and_no_number_is():
    patience = OrderPatience().scaled(1e-3)
    assert (patience.entry_ms, patience.absent_ms, patience.misses) == (5, 60, 4)
    assert OrderPatience().scaled(1e-9).first_ask_ms == 1


def test_the_pauses_double_up_to_the_longest():
    question = PacedQuestion(100, 350, 1_000)
    question.want(0)
    pauses = []
    for now in (0, 1_000, 2_000, 3_000):
        question.asked(now)
        question.answered(now)
        question.again(now)
        assert question.due_ms is not None
        pauses.append(question.due_ms - now)
    assert pauses == [100, 200, 350, 350]


def test_nothing_is_asked_while_an_answer_is_waited_for_unless_it_is_lost():
    question = PacedQuestion(100, 350, 1_000)
    question.want(0)
    question.asked(0)
    question.want(5)
    assert question.due_ms == 1_000


def test_what_became_urgent_meanwhile_is_asked_again_as_soon_as_the_answer_is_there():
    question = PacedQuestion(100, 350, 1_000)
    question.want(0)
    question.asked(0)
    question.hurry(10)
    assert not question.is_due(10)
    question.answered(20)
    assert question.is_due(20)


def test_a_time_that_the_venue_names_is_kept():
    question = PacedQuestion(100, 350, 1_000)
    question.again(0, 5_000)
    assert question.due_ms == 5_000
