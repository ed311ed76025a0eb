"""
Keeps the workers of a study at work: begins them, replaces the ones that are lost, ends them all with this process.

A worker that is killed costs the fold that it was at; another takes its trial up.
"""

from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from msgspec import Struct

from bot.compose.fit_processes import fit_context
from bot.compose.tuning_work import LOOK_AGAIN_S, Assignment, worker_process
from bot.core.errors import CandlewickError, ModelError

MOST_LOST: Final = 12
"""Workers that may be lost in one session; beyond that something is wrong with the machine."""

GRACE_S: Final = 30.0
"""How long a worker may take to see that nothing is left to do."""


class _Worker(Struct, frozen=True, eq=False):
    process: SpawnProcess
    told: Connection

    def error(self) -> CandlewickError | None:
        """What it sent before it ended."""
        with suppress(EOFError):
            if self.told.poll():
                error: CandlewickError = self.told.recv()
                return error
        return None


def run_workers(
    assignment: Assignment,
    jobs: int,
    done: Callable[[int], None],
    say: Callable[[str], None],
    work: Callable[[Assignment, Connection], None] = worker_process,
) -> None:
    """
    Have every trial of a study finished by so many workers at a time.

    Args:
        assignment: What each of them is to do.
        jobs: How many of them.
        done: Told again and again how many trials are finished.
        say: Told in words of workers that were lost.
        work: What a worker does, in its own process.

    Raises:
        CandlewickError: What a worker ended with.
        ModelError: Workers are lost again and again.
    """
    ledger = assignment.ledger()
    workers: list[_Worker] = []
    lost = 0
    try:
        while not ledger.is_done(assignment.trials):
            workers += [_begin(assignment, work) for _ in range(jobs - len(workers))]
            wait([worker.process.sentinel for worker in workers], timeout=LOOK_AGAIN_S)
            done(sum(record.state != "running" for record in ledger.records()))
            ended = [worker for worker in workers if not worker.process.is_alive()]
            workers = [worker for worker in workers if worker not in ended]
            for worker in ended:
                if (error := worker.error()) is not None:
                    raise error
                if worker.process.exitcode:
                    lost += 1
                    say(f"a worker was lost (exit code {worker.process.exitcode}); its trial is taken up again")
            if lost > MOST_LOST:
                raise ModelError(
                    f"{lost} workers were lost: free some memory, or ask for fewer --jobs; what is finished is kept"
                )
        # Every trial is finished, so each of them ends by itself; one that is stopped might leave a lock behind.
        for worker in workers:
            worker.process.join(GRACE_S)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()
    done(sum(record.state != "running" for record in ledger.records()))


def _begin(assignment: Assignment, work: Callable[[Assignment, Connection], None]) -> _Worker:
    ours, theirs = fit_context().Pipe(duplex=False)
    process = fit_context().Process(target=work, args=(assignment, theirs))
    process.start()
    theirs.close()
    return _Worker(process, ours)
