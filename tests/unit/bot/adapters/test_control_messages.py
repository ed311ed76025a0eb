import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.control_messages import (
    MAX_REASON,
    AnyAsk,
    AnyTell,
    AskFlatten,
    AskHalt,
    AskResume,
    AskStatus,
    TellAccepted,
    TellDone,
    TellRefused,
    TellStatus,
    ask_from,
    checked_reason,
    line_of,
    tell_from,
)
from bot.core.errors import ConfigError, JournalError
from tests.unit.bot.adapters.control_samples import NOW_MS, STATUS


@pytest.mark.parametrize("asked", [AskStatus(), AskHalt("lunch"), AskResume("zurück"), AskFlatten("x" * MAX_REASON)])
def test_a_request_is_one_line_that_reads_back(asked: AnyAsk) -> None:
    line = line_of(asked)
    assert line.count(b"\n") == 1
    assert ask_from(line) == asked


@pytest.mark.parametrize(
    "told",
    [
        TellStatus(STATUS, 12, 0),
        TellDone(NOW_MS, STATUS, 0, 0),
        TellAccepted(70_000),
        TellRefused("two\nlines"),
    ],
)
def test_an_answer_is_one_line_that_reads_back(told: AnyTell) -> None:
    line = line_of(told)
    assert line.count(b"\n") == 1
    assert tell_from(line) == told


@given(st.binary(max_size=200))
def test_bytes_from_outside_are_a_request_or_an_error_of_ours(line: bytes) -> None:
    try:
        asked = ask_from(line)
    except ConfigError:
        return
    assert ask_from(line_of(asked)) == asked


@given(st.text(max_size=300))
def test_a_reason_that_a_person_may_give_is_one_that_the_bot_takes(text: str) -> None:
    try:
        reason = checked_reason(text)
    except ConfigError:
        return
    assert ask_from(line_of(AskHalt(reason))) == AskHalt(text)
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "  ", "a\nb", "a\n", "\x1b[31mred", "x" * (MAX_REASON + 1), "\udcff", "a\u2028b", "\x9b31m"]
)
def test_a_reason_that_is_not_one_line_of_text_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="--reason must be one line of 1 to 200 characters"):
        checked_reason(text)


def test_an_answer_of_another_version_says_what_to_do() -> None:
    with pytest.raises(JournalError, match="use the candlewick that the bot was started with"):
        tell_from(b'{"tell":"status","status":{},"age_ms":0,"busy_ms":0}\n')
