"""The venue's time: measured by the best of several answers, kept through failures, and doubted when it should be."""

import asyncio
import logging
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.venue_clock import SAMPLES, ClockPatience, VenueClock
from bot.core.errors import VenueUnavailable
from tests.market_time import run

NOON_MS = 1_700_000_000_000


class Machine:
    """A machine's two clocks, and a venue whose clock is `ahead_ms` of them; both are asked and moved by the test."""

    def __init__(self, ahead_ms: int = 0, speed: float = 1.0) -> None:
        self.monotonic_s = 1_000.0
        self.slept_s = 0.0
        self.set_s = 0.0
        self.ahead_ms = ahead_ms
        self.speed = speed
        self.trips_s: list[float] = []
        self.answers: list[object] = []
        self.asked = 0
        self.clock = VenueClock(speed, monotonic_s=lambda: self.monotonic_s, wall_s=lambda: self.wall_s)
        self.clock.ask_by(self.ask)

    @property
    def wall_s(self) -> float:
        return NOON_MS / 1_000 + self.monotonic_s - 1_000.0 + self.slept_s + self.set_s

    @property
    def venue_ms(self) -> int:
        passed_s = self.monotonic_s - 1_000.0 + self.slept_s
        return NOON_MS + self.ahead_ms + round(passed_s * 1_000 * self.speed)

    def pass_s(self, seconds: float) -> None:
        self.monotonic_s += seconds

    async def ask(self) -> int:
        self.asked += 1
        there_s = self.trips_s.pop(0) if self.trips_s else 0.02
        self.pass_s(there_s / 2)
        said = self.answers.pop(0) if self.answers else self.venue_ms
        self.pass_s(there_s / 2)
        if isinstance(said, Exception):
            raise said
        return said  # type: ignore[return-value]

    def is_trusted(self) -> bool:
        return self.clock.is_trusted

    def measure(self) -> None:
        asyncio.run(self.clock.measure())

    def renew(self) -> bool:
        """What happens at a renewal, when nobody has put the clock in doubt."""
        return asyncio.run(self.clock._measured())


def about(at_ms: int) -> object:
    """A time, up to what is lost when seconds become milliseconds."""
    return pytest.approx(at_ms, rel=0, abs=2)


def test_before_it_is_measured_it_tells_the_machine_s_time_and_is_not_trusted() -> None:
    machine = Machine(ahead_ms=5_000)
    assert machine.clock.now_ms() == NOON_MS
    assert not machine.is_trusted()


@pytest.mark.parametrize("ahead_ms", [0, 500, -500, 3_600_000, -3_600_000])
def test_an_offset_of_the_machine_is_found_and_kept_to(ahead_ms) -> None:
    machine = Machine(ahead_ms)
    machine.clock.now_ms()
    machine.measure()
    assert machine.is_trusted()
    machine.pass_s(100.0)
    assert machine.clock.now_ms() == about(machine.venue_ms)
    assert machine.clock.offset_ms == about(ahead_ms)


def test_the_answer_that_took_least_is_believed_at_its_midpoint() -> None:
    machine = Machine()
    machine.trips_s = [0.9, 0.8, 0.01, 0.9, 0.7]
    skews = [200, 400, 0, -400, 300]

    async def skewed() -> int:
        said = await machine.ask()
        return said + skews.pop(0)

    machine.clock.ask_by(skewed)
    machine.measure()
    assert machine.asked == SAMPLES
    assert machine.clock.venue_ms() == about(machine.venue_ms)


def test_it_passes_as_fast_as_the_market_does() -> None:
    machine = Machine(speed=60.0)
    machine.measure()
    before_ms = machine.clock.now_ms()
    machine.pass_s(10.0)
    assert machine.clock.now_ms() - before_ms == about(600_000)
    assert machine.clock.seconds_until(machine.clock.now_ms() + 600_000) == pytest.approx(10.0)
    assert machine.clock.seconds_until(0) == 0.0


def test_it_never_goes_back_though_what_requests_are_stamped_with_does() -> None:
    machine = Machine(ahead_ms=2_000)
    machine.measure()
    before_ms = machine.clock.now_ms()
    machine.ahead_ms = 0
    machine.measure()
    assert machine.clock.now_ms() >= before_ms
    assert machine.clock.venue_ms() == about(machine.venue_ms)
    machine.pass_s(10.0)
    assert machine.clock.now_ms() == about(machine.venue_ms)


HOUR_MS = 3_600_000


def set_back() -> Machine:
    """A machine whose venue has just set its clock back by an hour."""
    machine = Machine(ahead_ms=HOUR_MS)
    machine.measure()
    machine.clock.now_ms()
    machine.ahead_ms = 0
    machine.measure()
    return machine


def test_when_the_venue_s_clock_is_set_back_requests_are_stamped_rightly_at_once() -> None:
    machine = set_back()
    assert machine.clock.venue_ms() == about(machine.venue_ms)
    assert machine.is_trusted()


def test_time_goes_on_at_half_the_pace_until_the_venue_s_has_caught_up() -> None:
    machine = set_back()
    before_ms = machine.clock.now_ms()
    assert before_ms == about(machine.venue_ms + HOUR_MS)
    for _ in range(10_000):  # however often it is asked
        machine.pass_s(0.001)
        machine.clock.now_ms()
    assert machine.clock.now_ms() == about(before_ms + 5_000)
    machine.pass_s(7_200.0 - 10.0)
    assert machine.clock.now_ms() == about(machine.venue_ms)
    machine.pass_s(100.0)
    assert machine.clock.now_ms() == machine.clock.venue_ms()


def test_what_waits_for_a_time_waits_at_most_twice_as_long() -> None:
    machine = set_back()
    clock = machine.clock
    for wait_ms in (0, 60_000, HOUR_MS, 2 * HOUR_MS):
        due_ms = clock.now_ms() + wait_ms
        left_s = clock.seconds_until(due_ms)
        assert left_s == pytest.approx(min(2 * wait_ms, wait_ms + HOUR_MS) / 1_000, abs=0.1)
    machine.pass_s(left_s - 0.01)
    assert clock.now_ms() < due_ms
    machine.pass_s(0.02)
    assert clock.now_ms() >= due_ms
    assert clock.seconds_until(due_ms) == 0.0


@given(
    st.lists(st.tuples(st.floats(0.0, 10_000.0), st.integers(-HOUR_MS, HOUR_MS)), max_size=20),
    st.sampled_from((1.0, 60.0)),
)
def test_whatever_the_venue_does_to_its_clock_time_passes_and_never_goes_back(steps, speed) -> None:
    machine = Machine(speed=speed)
    machine.measure()
    for pause_s, set_ms in steps:
        before_ms = machine.clock.now_ms()
        machine.pass_s(pause_s)
        assert machine.clock.now_ms() - before_ms >= pause_s * 500 * speed - 2
        machine.ahead_ms += set_ms
        before_ms = machine.clock.now_ms()
        machine.measure()
        assert machine.clock.now_ms() >= max(before_ms, machine.clock.venue_ms())
        assert machine.clock.venue_ms() == pytest.approx(machine.venue_ms, rel=0, abs=2 * speed)


@pytest.mark.parametrize(
    "said",
    [
        VenueUnavailable("no"),
        TimeoutError(),
        ConnectionResetError(),
        NOON_MS * 1_000,
        -1,
        0,
        "1700000000000",
        None,
        True,
    ],
    ids=repr,
)
def test_a_time_that_is_missing_or_none_at_all_leaves_the_last_good_one(said) -> None:
    machine = Machine(ahead_ms=700)
    machine.measure()
    machine.answers = [said] * SAMPLES
    assert not machine.renew()
    assert machine.is_trusted()
    assert machine.clock.venue_ms() == about(machine.venue_ms)
    machine.answers = [said] * SAMPLES
    with pytest.raises(VenueUnavailable):
        machine.measure()


def test_a_wrong_time_is_not_believed_until_it_is_said_twice() -> None:
    machine = Machine()
    machine.measure()
    machine.ahead_ms = 3_600_000
    assert not machine.renew()
    machine.ahead_ms = 0
    assert machine.clock.venue_ms() == about(machine.venue_ms)
    assert machine.renew()
    machine.ahead_ms = -3_600_000
    assert not machine.renew()
    machine.pass_s(5.0)
    assert machine.renew()
    assert machine.clock.venue_ms() == about(machine.venue_ms)


def test_when_the_venue_has_found_our_time_wrong_what_it_says_now_is_believed_at_once() -> None:
    machine = Machine()
    machine.measure()
    machine.ahead_ms = 60_000
    machine.clock.doubt()
    assert not machine.is_trusted()
    assert machine.renew()
    assert machine.is_trusted()
    assert machine.clock.venue_ms() == about(machine.venue_ms)


def test_answers_that_contradict_each_other_are_not_believed() -> None:
    machine = Machine()
    machine.measure()
    machine.answers = [NOON_MS, NOON_MS + 10**7, NOON_MS + 2 * 10**7, NOON_MS + 3 * 10**7, NOON_MS + 4 * 10**7]
    assert not machine.renew()
    assert machine.clock.venue_ms() == about(machine.venue_ms)


def test_an_answer_that_took_too_long_proves_nothing() -> None:
    machine = Machine(ahead_ms=900)
    machine.trips_s = [1.5] * SAMPLES
    with pytest.raises(VenueUnavailable):
        machine.measure()
    assert not machine.is_trusted()


def test_it_is_not_trusted_for_longer_than_its_age_limit() -> None:
    machine = Machine()
    machine.measure()
    machine.pass_s(1_799.0)
    assert machine.is_trusted()
    machine.pass_s(2.0)
    assert not machine.is_trusted()
    assert machine.renew()
    assert machine.is_trusted()


@pytest.mark.parametrize("jump", ["slept_s", "set_s"])
def test_a_machine_that_slept_or_was_set_is_not_trusted_until_the_venue_was_asked(jump) -> None:
    machine = Machine()
    machine.measure()
    setattr(machine, jump, 7_200.0)
    assert not machine.is_trusted()
    assert machine.renew()
    assert machine.is_trusted()
    assert machine.clock.now_ms() == about(machine.venue_ms)


def test_a_machine_that_is_slowly_set_right_changes_nothing() -> None:
    machine = Machine()
    machine.measure()
    machine.set_s = 0.9
    assert machine.is_trusted()


def test_a_large_offset_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(ahead_ms=-5_000)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            machine.measure()
    assert [record.getMessage() for record in caplog.records] == [
        "the venue's clock is -5.0 s from the machine's: the venue's counts"
    ]


def test_an_invented_market_may_be_of_any_time_and_is_asked_for_its_speed(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(ahead_ms=-9_000_000_000)
    clock = VenueClock(expected_ms=NOON_MS, monotonic_s=lambda: machine.monotonic_s, wall_s=lambda: machine.wall_s)
    clock.ask_by(machine.ask)
    with caplog.at_level(logging.WARNING):
        asyncio.run(clock.measure())
        assert not caplog.records
        machine.answers = [NOON_MS + number * 10**7 for number in range(SAMPLES)]
        with pytest.raises(VenueUnavailable):
            asyncio.run(clock.measure())
    assert [record.getMessage() for record in caplog.records] == [
        "the venue told times that contradict each other: where it does not run at a speed of 1, name its own"
    ]


def test_a_market_of_another_time_is_expected_and_its_distance_not_worth_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine(ahead_ms=-(10**10), speed=60.0)
    clock = VenueClock(
        60.0, expected_ms=NOON_MS - 10**10, monotonic_s=lambda: machine.monotonic_s, wall_s=lambda: machine.wall_s
    )
    assert clock.now_ms() == NOON_MS - 10**10
    clock.ask_by(machine.ask)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            machine.pass_s(300.0)
            asyncio.run(clock.measure())
    assert clock.now_ms() == pytest.approx(machine.venue_ms, rel=0, abs=100)
    assert caplog.records == []


def test_without_anybody_to_ask_nothing_is_learnt() -> None:
    with pytest.raises(VenueUnavailable):
        asyncio.run(VenueClock().measure())


def test_it_ignores_what_the_market_says_of_the_time() -> None:
    machine = Machine()
    machine.clock.hear(NOON_MS + 10**9)
    assert machine.clock.now_ms() == NOON_MS


def test_every_duration_can_be_scaled() -> None:
    assert ClockPatience().scaled(0.001) == ClockPatience(5, 1, 300, 5, 1_800, 1, 1)


def keeps(seconds: float, answers: Iterable[object] = (), jump_after_s: float | None = None) -> list[float]:
    """When the venue is asked, by a clock that is kept for so long."""

    async def story() -> list[float]:
        loop = asyncio.get_running_loop()
        slept_s = 0.0
        times: list[float] = []
        given = list(answers)

        async def ask() -> int:
            if not times or times[-1] != loop.time():
                times.append(loop.time())
            said = given.pop(0) if given else NOON_MS + round((loop.time() + slept_s) * 1_000)
            if isinstance(said, Exception):
                raise said
            return said  # type: ignore[return-value]

        clock = VenueClock(monotonic_s=loop.time, wall_s=lambda: NOON_MS / 1_000 + loop.time() + slept_s)
        clock.ask_by(ask)
        keeper = asyncio.create_task(clock.keep())
        if jump_after_s:
            await asyncio.sleep(jump_after_s)
            slept_s = 3_600.0
            await asyncio.sleep(seconds - jump_after_s)
            assert clock.is_trusted
            assert clock.now_ms() == about(NOON_MS + round((loop.time() + slept_s) * 1_000))
        else:
            await asyncio.sleep(seconds)
        keeper.cancel()
        return times

    return run(story())


def test_it_is_renewed_every_five_minutes() -> None:
    assert keeps(700.0) == [0.0, 300.0, 600.0]


def test_a_measurement_that_failed_is_soon_tried_again() -> None:
    assert keeps(100.0, [VenueUnavailable("no"), VenueUnavailable("no")]) == [0.0, 5.0, 10.0]


def test_after_the_machine_has_slept_the_venue_is_asked_within_a_second() -> None:
    assert keeps(200.0, jump_after_s=100.5) == [0.0, 101.0]


def test_it_sleeps_until_the_venue_s_clock_shows_a_time() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        clock = VenueClock(10.0, monotonic_s=loop.time, wall_s=lambda: NOON_MS / 1_000 + loop.time())
        await clock.sleep_until(NOON_MS + 60_000)
        assert clock.now_ms() >= NOON_MS + 60_000
        assert loop.time() == pytest.approx(6.0, abs=0.01)

    run(story())
