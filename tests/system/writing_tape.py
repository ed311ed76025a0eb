"""
A process that records until it is told to stop or dies: `writing_tape.py FOLDER INPUTS [MOST_BYTES]`.

Input `n` is always the same, and one byte on standard output follows each, so that whoever watches can choose the
moment of death and knows what must be there. Every tenth input is flushed.
"""

import resource
import sys
from pathlib import Path

from bot.adapters.tape_reader import survey
from bot.adapters.tape_writer import TapeLimits, TapeWriter
from bot.core.errors import StorageError
from tests.unit.bot.adapters.tape_samples import HEADER, frame

LIMITS = TapeLimits(block_inputs=7, file_bytes=2_000)
FLUSHED_EVERY = 10


def write(folder: Path, inputs: int) -> None:
    so_far = sum(1 for session in survey(folder).sessions for _ in session.inputs())
    with TapeWriter(folder, HEADER, LIMITS) as tape:
        for number in range(so_far, inputs):
            tape.write(frame(number))
            if number % FLUSHED_EVERY == FLUSHED_EVERY - 1:
                tape.flush()
            sys.stdout.buffer.write(b".")
            sys.stdout.buffer.flush()


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
