"""
A process that kills itself, as a power failure would, at a chosen one of the system calls that touch a folder.

Imports next to nothing itself, because every such process imports it anew; `PRELOADED` is imported once.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PRELOADED: Final = ["bot.adapters.model_registry", "bot.compose.retraining_cycle", "tests.made_models"]

CALLS: Final = "calls"
"""The file in which a process that was not killed says how many calls there were to die at."""

_CALLS: Final = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.truncate", "os.rmdir", "fcntl.flock"})


def die_at(call: int) -> Callable[[], int]:
    """Kill this process at the call of that number, counted from 0 and from now on; tells how many there were."""
    left = call

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _CALLS:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    sys.addaudithook(hook)
    return lambda: call - left


def promote(folder: Path, fingerprint: str, call: int) -> None:
    """Promote a model by force, and die at a call."""
    from bot.adapters.model_registry import ModelRegistry

    registry = ModelRegistry(folder, lambda: 5)
    made = die_at(call)
    registry.promote(fingerprint, forced=True)
    (folder / CALLS).write_text(str(made()))


def roll_back(folder: Path, fingerprint: str, call: int) -> None:
    """Go back to a model, and die at a call."""
    from bot.adapters.model_registry import ModelRegistry

    registry = ModelRegistry(folder, lambda: 5)
    die_at(call)
    registry.roll_back(to=fingerprint)


def retrain(folder: Path, candles: Path, made: Path, call: int) -> None:
    """Retrain with a trainer that keeps a fit and then copies a bundle, and die at a call."""
    from bot.adapters.model_files import check_bundle, copy_bundle
    from bot.adapters.model_records import KeptGate, KeptVerdict
    from bot.adapters.model_registry import ModelRegistry
    from bot.compose.challenge import ChallengeRequest
    from bot.compose.retraining_cycle import RetrainRequest, retrain_once
    from bot.core.gate_names import GATE_NAMES

    def train(until_ms: int, out: Path, work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        (work / f"fit-{until_ms}").write_bytes(b"done")
        named = out.with_name(check_bundle(made).fingerprint)
        shutil.rmtree(named, ignore_errors=True)
        copy_bundle(made, named)
        named.rename(out)

    def judge(registry: ModelRegistry, fingerprint: str) -> KeptVerdict:
        gates = tuple(KeptGate(name, True, "as told") for name in GATE_NAMES)
        verdict = KeptVerdict(fingerprint, registry.in_use(), 5, 0, 1, 500, gates)
        registry.keep_verdict(verdict)
        return verdict

    request = RetrainRequest(folder, ChallengeRequest((candles,)), 48, 10**10, {}, promotes=True)
    calls = die_at(call)
    retrain_once(request, train, judge, lambda said: None, lambda: 5)
    (folder / CALLS).write_text(str(calls()))
