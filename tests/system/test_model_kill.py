"""A registry and a retraining survive a death at any moment: the model in use is always a whole one."""

import random
import shutil
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.model_files import check_bundle
from bot.adapters.model_history import HISTORY
from bot.adapters.model_records import ModelNote
from bot.adapters.model_registry import ModelRegistry
from tests import dying_process
from tests.command_line import DEMO_BUNDLE
from tests.dying_process import PRELOADED
from tests.made_models import made_model, write_shadow_candles

NOTE = ModelNote(0, 1, "made")
DEMO = check_bundle(DEMO_BUNDLE).fingerprint
DEATHS = 10


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose model in use is the demonstration's, with another one beside it, and candles."""
    folder = tmp_path_factory.mktemp("prepared")
    registry = ModelRegistry(folder / "models", lambda: 1)
    registry.add(DEMO_BUNDLE, NOTE)
    registry.add(made_model(folder, "other", skill=0.5), NOTE)
    registry.promote(DEMO, forced=True)
    made_model(folder, "challenger", skill=1.0)
    write_shadow_candles(folder / "BTC_USDT-1h.csv", 60)
    return folder


def dies(target: Callable[..., None], *arguments: Any) -> bool:
    """Run something in a process of its own; whether it was killed before it was done."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def calls_of(target: Callable[..., None], prepared: Path, scratch: Path, *arguments: Any) -> int:
    """How many calls there are to die at."""
    folder = copied(prepared, scratch / "undisturbed")
    assert not dies(target, folder, *arguments, 10**9)
    return int((folder / dying_process.CALLS).read_text())


def copied(prepared: Path, target: Path) -> Path:
    shutil.copytree(prepared / "models", target)
    return target


def chosen(calls: int, deaths: int, seed: int) -> list[int]:
    """Moments of death, the last calls among them: that is where the pointer changes."""
    if deaths >= calls:
        return list(range(calls))
    draw = random.Random(seed)  # noqa: S311 (moments of death, not secrets)
    return sorted({*range(calls - deaths // 2, calls), *draw.sample(range(calls), deaths - deaths // 2)})


def whole(folder: Path) -> ModelRegistry:
    """Check that the registry is whole, and that its history can be gone on with."""
    registry = ModelRegistry(folder, lambda: 9)
    standing = registry.current()
    assert standing.remarks == ()
    assert not registry.story().damage
    assert [change.number for change in registry.story().changes] == [*range(1, len(registry.story().changes) + 1)]
    return registry


def survives(prepared: Path, scratch: Path, deaths: int, seed: int) -> None:
    other = check_bundle(prepared / "other").fingerprint
    calls = calls_of(dying_process.promote, prepared, scratch, other)
    seen = set()
    for call in chosen(calls, deaths, seed):
        folder = copied(prepared, scratch / f"promote{call}")
        assert dies(dying_process.promote, folder, other, call)
        registry = whole(folder)
        seen.add(registry.in_use())
        registry.promote(other, forced=True)
        assert whole(folder).in_use() == other
        assert len((folder / HISTORY).read_bytes().splitlines()) == 2
        dies(dying_process.roll_back, folder, DEMO, call)
        assert whole(folder).in_use() in {DEMO, other}
    assert seen == {DEMO, other}


def goes_on(prepared: Path, scratch: Path, deaths: int, seed: int) -> None:
    made = prepared / "challenger"
    arguments = (prepared / "BTC_USDT-1h.csv", made)
    calls = calls_of(dying_process.retrain, prepared, scratch, *arguments)
    seen = set()
    for call in chosen(calls, deaths, seed):
        folder = copied(prepared, scratch / f"retrain{call}")
        assert dies(dying_process.retrain, folder, *arguments, call)
        seen.add(whole(folder).in_use())
        assert not dies(dying_process.retrain, folder, *arguments, 10**9)
        assert whole(folder).in_use() == check_bundle(made).fingerprint
        assert len(whole(folder).story().changes) == 2
    assert len(seen) == 2


def test_a_promotion_survives_ten_deaths(prepared: Path, tmp_path: Path) -> None:
    survives(prepared, tmp_path, DEATHS, seed=1)


def test_a_retraining_that_is_killed_ten_times_goes_on(prepared: Path, tmp_path: Path) -> None:
    goes_on(prepared, tmp_path, DEATHS, seed=2)


@pytest.mark.proof
@pytest.mark.timeout(1_800)
def test_a_promotion_survives_a_death_at_every_call(prepared: Path, tmp_path: Path) -> None:
    survives(prepared, tmp_path, 10**9, seed=3)


@pytest.mark.proof
@pytest.mark.timeout(1_800)
def test_a_retraining_goes_on_after_a_death_at_every_call(prepared: Path, tmp_path: Path) -> None:
    goes_on(prepared, tmp_path, 10**9, seed=4)
