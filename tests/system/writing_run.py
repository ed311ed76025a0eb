"""
A process that writes a journal until it is told to stop or dies: `writing_run.py FOLDER STEPS [MOST_BYTES]`.

Step `n` is always the same, so that a process which takes up the run knows where it stands by counting events. One byte
on standard output for each step lets whoever watches choose the moment of death.
"""

import resource
import sys
from pathlib import Path

from bot.adapters.journal import Journal
from bot.core.commands import Deed, Observation
from bot.core.errors import StorageError
from bot.core.events import AnyEvent
from tests.unit.bot.adapters.journal_samples import HEADER, closed, decided, forecast, keep, marked, submitted

BLOCK_RECORDS = 24


def step(number: int) -> tuple[AnyEvent, tuple[Deed | Observation, ...]]:
    """Event `number` and what followed from it."""
    hour = number // 2
    if number % 2:
        return forecast(hour), (submitted(hour), decided(hour), marked(hour))
    return closed(hour), (decided(hour),)


def write(folder: Path, steps: int) -> None:
    if (folder / "journal.sqlite").exists():
        journal, _ = Journal.resume(folder, synchronous="NORMAL", block_records=BLOCK_RECORDS)
    else:
        journal = Journal.create(folder, HEADER, synchronous="NORMAL", block_records=BLOCK_RECORDS)
    for number in range(journal.event_count - 1, steps):
        event, outputs = step(number)
        journal.append(event)
        for output in outputs:
            keep(journal, output)
        journal.step_done()
        if number % 50 == 49:
            journal.snapshot(b"%d" % number)
        sys.stdout.buffer.write(b".")
        sys.stdout.buffer.flush()
    journal.finish()
    journal.close()


if __name__ == "__main__":
    target, wanted, *most_bytes = sys.argv[1:]
    for limit in most_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    sys.stdout.buffer.write(b">")
    sys.stdout.buffer.flush()
    try:
        write(Path(target), int(wanted))
    except StorageError as error:
        sys.exit(f"{type(error).__name__}: {error}")
