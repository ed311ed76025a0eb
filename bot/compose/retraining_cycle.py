"""
One retraining: from stored candles to a challenger that is judged, and promoted if it has earned it.

    plan -> train (another process) -> add to the registry -> judge in shadow -> promote

Every step leaves its result under the sha256 of what decides it, whole or not at all, so a cycle that was killed is
begun again and finds what was done. Trading goes on with the model in use meanwhile, whatever happens here.
"""

import shutil
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries
from bot.adapters.model_records import KeptVerdict, ModelNote
from bot.adapters.model_registry import ModelRegistry
from bot.adapters.model_seal import read_kept, sealed, write_whole
from bot.adapters.run_lock import RunLock
from bot.compose.challenge import ChallengeRequest
from bot.core.errors import DataError
from bot.version import code_version

WORK: Final = "work"
"""The folder of a registry in which challengers are made."""

_BEGUN: Final = "begun"
_DONE: Final = "done"
_PRINT_DIGITS: Final = 16

Train = Callable[[int, Path, Path], None]
"""Trains on candles until a time, into a folder that does not exist, keeping finished fits in another one."""

Judge = Callable[[ModelRegistry, str], KeptVerdict]
"""Asks every gate of a challenger of a registry."""


class RetrainRequest(Struct, frozen=True):
    """
    What is trained, on what it is judged, and what happens then.

    `shadow` candles at the end are left out of training, for the judgement. `training` is everything else that decides
    what comes out. `promotes` says whether a challenger that passes every gate is used without a person's word.
    """

    registry: Path
    challenge: ChallengeRequest
    shadow: int
    life_ms: int
    training: dict[str, str]
    promotes: bool


class Retrained(Struct, frozen=True):
    """What a cycle came to; `is_new` is false where nothing had changed since the last one."""

    key: str
    challenger: str
    verdict: KeptVerdict | None
    promoted: bool
    is_new: bool = True


class _Begun(Struct, frozen=True):
    """A cycle that is not finished: its name, and where its training data ends."""

    key: str
    until_ms: int


class _Done(Struct, frozen=True):
    """A finished cycle."""

    began_ms: int
    challenger: str
    promoted: bool


def retrain_once(
    request: RetrainRequest, train: Train, judge: Judge, tell: Callable[[str], None], now_ms: Callable[[], int]
) -> Retrained:
    """
    Do one cycle, or finish the one that was killed.

    Args:
        request: What to do.
        train: Trains a bundle, in a process of its own.
        judge: Judges what came of it.
        tell: Told of every step.
        now_ms: Tells the time.

    Raises:
        DataError: The candles cannot be read, or are too few.
        JournalError: Another process is at work in the registry.
        CandlewickError: Training or judging failed; the model in use stays.
    """
    work = request.registry / WORK
    work.mkdir(parents=True, exist_ok=True)
    lock = RunLock(work)
    try:
        return _cycle(request, work, train, judge, tell, now_ms)
    finally:
        lock.release()


def last_began_ms(registry: Path) -> int | None:
    """When the newest finished cycle of a registry began; None where there was none."""
    found = [read_kept(path, _Done) for path in (registry / WORK).glob(f"*/{_DONE}")]
    return max((done.began_ms for done in found if done is not None), default=None)


def is_unfinished(registry: Path) -> bool:
    """Whether a cycle was begun and not finished."""
    begun = read_kept(registry / WORK / _BEGUN, _Begun)
    return begun is not None and not (registry / WORK / begun.key / _DONE).exists()


def _cycle(
    request: RetrainRequest,
    work: Path,
    train: Train,
    judge: Judge,
    tell: Callable[[str], None],
    now_ms: Callable[[], int],
) -> Retrained:
    began_ms = now_ms()
    begun = _plan(request, work, tell)
    folder = work / begun.key
    done = read_kept(folder / _DONE, _Done)
    if done is not None:
        tell("nothing has changed since the last training: no candle, no setting, no code")
        return Retrained(begun.key, done.challenger, None, done.promoted, is_new=False)
    write_whole(work / _BEGUN, sealed(begun))
    bundle = folder / "bundle"
    if bundle.exists():
        tell("the challenger is trained already")
    else:
        tell(f"training a challenger on candles until {begun.until_ms}")
        train(begun.until_ms, bundle, folder / "fits")
    registry = ModelRegistry(request.registry, now_ms)
    facts = registry.add(bundle, ModelNote(now_ms(), request.life_ms, f"retrained as {begun.key}"))
    verdict, promoted = registry.verdict(facts.fingerprint), True
    # A death may have come between the promotion and its note.
    if registry.in_use() != facts.fingerprint:
        tell(f"judging {facts.name}@{facts.fingerprint[:12]} beside the model in use")
        verdict = judge(registry, facts.fingerprint)
        refusal = registry.refusal(facts.fingerprint)
        if verdict.passed and refusal is not None:
            tell(f"it passed every gate and is not promoted: {refusal}")
        promoted = request.promotes and refusal is None and registry.promote(facts.fingerprint) is not None
    write_whole(folder / _DONE, sealed(_Done(began_ms, facts.fingerprint, promoted)))
    (work / _BEGUN).unlink(missing_ok=True)
    # The registry has the bundle, the fits are in its figures, and what a death left half done is of no use.
    for left in folder.iterdir():
        if left.name != _DONE:
            shutil.rmtree(left, ignore_errors=True)
    return Retrained(begun.key, facts.fingerprint, verdict, promoted)


def _plan(request: RetrainRequest, work: Path, tell: Callable[[str], None]) -> _Begun:
    """Where the training data ends: as it was begun, if that is still the same training."""
    asked = request.challenge
    series = read_candles(asked.files, symbol=asked.symbol, timeframe=asked.timeframe)
    step = series[0].timeframe.ms
    newest_ms = min(int(one.open_time_ms[-1]) for one in series) + step
    begun = read_kept(work / _BEGUN, _Begun)
    if begun is not None and not (work / begun.key / _DONE).exists():
        if _key(request, series, begun.until_ms) == begun.key:
            tell("going on with the training that was begun")
            return begun
        tell("the candles, the settings or the code have changed since the last training was begun: beginning anew")
    until_ms = newest_ms - request.shadow * step
    return _Begun(_key(request, series, until_ms), until_ms)


def _key(request: RetrainRequest, series: Sequence[CandleSeries], until_ms: int) -> str:
    """Name a training by everything that decides it."""
    prints = [_until(one, until_ms).fingerprint for one in series]
    decided = msgspec.json.encode((prints, sorted(request.training.items()), request.life_ms, code_version()))
    return sha256(decided).hexdigest()[:_PRINT_DIGITS]


def _until(series: CandleSeries, until_ms: int) -> CandleSeries:
    count = int(np.searchsorted(series.open_time_ms, until_ms - series.timeframe.ms, side="right"))
    if not count:
        raise DataError(
            f"{series.symbol}: all candles are in the shadow window; give more candles or a smaller --shadow"
        )
    return replace(series, open_time_ms=series.open_time_ms[:count], ohlcv=series.ohlcv[:count])
