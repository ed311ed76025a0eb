"""
Judges a choice on the test parts, once: what came of it is kept in the study's folder and never reckoned again.

How many choices have been judged can therefore be counted, and is. TensorFlow is imported by other processes alone.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from bot.adapters.study_folder import alone, disk_errors, write_whole
from bot.adapters.trial_claims import Claims
from bot.compose.fit_processes import fit_pool
from bot.core.errors import StorageError
from strategies.forecasting.configuration import Configuration
from strategies.forecasting.evaluation import Scored, WalkForward
from strategies.forecasting.tuning_course import TuningCourse

FOLDER: Final = "judged"
LOOK_AGAIN_S: Final = 1.0


class Judgement(Struct, frozen=True):
    """A trial's configuration on the test parts: its figures, and the forecasts of each seed in order of time."""

    trial: int
    figures: WalkForward
    by_seed: tuple[Scored, ...]


class Bench(Struct, frozen=True):
    """On what, and how, choices are judged."""

    folder: Path
    course: TuningCourse
    seeds: tuple[int, ...]
    theoretical_hit_rate: float | None

    def openings(self) -> int:
        """How many choices the test parts have judged, the default apart."""
        return sum(_trial_of(path) != 0 for path in (self.folder / FOLDER).glob("trial-*.npz"))

    def close_time_ms(self) -> NDArray[np.int64]:
        """When the forecasts on the test parts were made, `(n,)`."""
        return np.concatenate(
            [
                self.course.whole.between(fold.test.from_ms, fold.test.until_ms).close_time_ms
                for fold in self.course.judged_on
            ]
        )


def judge_all(
    bench: Bench,
    configurations: dict[int, Configuration],
    jobs: int,
    done: Callable[[int], None],
    wait: Callable[[float], object],
) -> dict[int, Judgement]:
    """
    Judge the configurations of some trials, each once and by one process of all that share the folder.

    Args:
        bench: On what to judge.
        configurations: By the number of their trial.
        jobs: How many at a time.
        done: Told how many are judged.
        wait: Lets some seconds pass while another process judges.

    Raises:
        SuspectedLeak: Forecasts are too good to be true.
        StorageError: The disk refused.
    """
    claims = Claims(bench.folder / "claims")
    done(0)
    while missing := [trial for trial in configurations if not _place(bench, trial).exists()]:
        with disk_errors(bench.folder), alone(bench.folder, "turn"):
            free = [trial for trial in missing if not claims.is_held(_name(trial))]
            held = [claims.take(_name(trial)) for trial in free]
        try:
            if free:
                _judge(bench, {trial: configurations[trial] for trial in free}, jobs)
            else:
                wait(LOOK_AGAIN_S)
        finally:
            for claim in held:
                claim.release()
        done(sum(_place(bench, trial).exists() for trial in configurations))
    done(len(configurations))
    return {trial: _read(bench, trial) for trial in configurations}


def _judge(bench: Bench, configurations: dict[int, Configuration], jobs: int) -> None:
    course = bench.course
    with fit_pool(min(jobs, len(configurations))) as pool:
        running = {
            trial: pool.submit(_judge_here, configuration, course, bench.seeds, bench.theoretical_hit_rate)
            for trial, configuration in configurations.items()
        }
        for trial, answer in running.items():
            _write(bench, Judgement(trial, *answer.result()))


def _judge_here(
    configuration: Configuration, course: TuningCourse, seeds: tuple[int, ...], theoretical_hit_rate: float | None
) -> tuple[WalkForward, tuple[Scored, ...]]:
    from strategies.forecasting.tuning import judge

    # Values whose module imports no TensorFlow: they are unpacked by the process that asked.
    judged = judge(configuration, course.whole, course.judged_on, seeds, theoretical_hit_rate)
    return judged.figures, judged.by_seed


def _write(bench: Bench, judgement: Judgement) -> None:
    arrays = {
        f"{name}_{number}": values
        for number, scored in enumerate(judgement.by_seed)
        for name, values in structs.asdict(scored).items()
    }
    figures = np.frombuffer(msgspec.json.encode(judgement.figures), dtype=np.uint8)
    with disk_errors(bench.folder), io.BytesIO() as file:
        np.savez(file, allow_pickle=False, figures=figures, **arrays)
        write_whole(_place(bench, judgement.trial), file.getvalue())


def _read(bench: Bench, trial: int) -> Judgement:
    path = _place(bench, trial)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        figures = msgspec.json.decode(arrays["figures"].tobytes(), type=WalkForward)
        by_seed = tuple(_scored(arrays, number) for number in range(len(figures.seeds)))
    except (OSError, ValueError, EOFError, KeyError, msgspec.DecodeError) as error:
        raise StorageError(f"{path} cannot be read ({error}): remove it, and it is judged again") from error
    return Judgement(trial, figures, by_seed)


def _scored(arrays: dict[str, NDArray[np.float64]], number: int) -> Scored:
    return Scored(**{name: arrays[f"{name}_{number}"] for name in Scored.__struct_fields__})


def _place(bench: Bench, trial: int) -> Path:
    return bench.folder / FOLDER / f"{_name(trial)}.npz"


def _name(trial: int) -> str:
    return f"trial-{trial:04}-judged"


def _trial_of(path: Path) -> int:
    return int(path.name.split("-")[1])
