"""Who is known to be lost, and who is not."""

import os
import platform
from pathlib import Path

import msgspec
import pytest

from bot.adapters.trial_claims import Claims, Holder


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claims(tmp_path: Path, clock: Clock) -> Claims:
    return Claims(tmp_path, patience_s=90.0, clock=clock)


def claimed_elsewhere(folder: Path, name: str, taking: str = "t") -> Path:
    path = folder / name
    path.write_bytes(msgspec.json.encode(Holder("another machine", 7, taking)))
    return path


def test_what_nobody_took_is_free_and_what_was_taken_is_held_until_it_is_let_go(claims: Claims) -> None:
    assert not claims.is_held("one")

    claim = claims.take("one")

    assert claims.is_held("one")
    assert claim.is_ours()
    assert not claims.is_held("two")
    claim.release()
    assert not claims.is_held("one")


def test_a_holder_on_this_machine_that_is_gone_is_known_at_once(claims: Claims, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(msgspec.json.encode(Holder(platform.node(), 2**30, "t")))

    assert not claims.is_held("one")


def test_a_holder_on_another_machine_is_lost_when_its_claim_has_not_changed_for_long(
    claims: Claims, tmp_path: Path, clock: Clock
) -> None:
    path = claimed_elsewhere(tmp_path, "one")
    assert claims.is_held("one")
    clock.now = 89.0
    assert claims.is_held("one")
    clock.now = 91.0
    assert not claims.is_held("one")

    os.utime(path, ns=(1, 1))

    assert claims.is_held("one")
    clock.now = 182.0
    assert not claims.is_held("one")


def test_a_new_holder_on_another_machine_is_given_its_own_time(claims: Claims, tmp_path: Path, clock: Clock) -> None:
    stamp = claimed_elsewhere(tmp_path, "one").stat().st_mtime_ns
    assert claims.is_held("one")
    clock.now = 91.0
    os.utime(claimed_elsewhere(tmp_path, "one", "u"), ns=(stamp, stamp))

    assert claims.is_held("one")


def test_a_holder_that_seemed_lost_learns_that_it_is_no_longer_the_holder(tmp_path: Path) -> None:
    first, second = Claims(tmp_path).take("one"), Claims(tmp_path).take("one")

    assert not first.is_ours()
    first.release()
    assert second.is_ours()
    assert Claims(tmp_path).is_held("one")
    second.release()


def test_a_holder_touches_its_claim_while_it_lives(tmp_path: Path) -> None:
    claim = Claims(tmp_path, beat_s=0.001).take("one")
    path = tmp_path / "one"
    os.utime(path, ns=(0, 0))
    while not path.stat().st_mtime_ns:
        pass

    claim.release()
