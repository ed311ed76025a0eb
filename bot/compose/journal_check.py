"""A journal's events through a fresh engine: the same commands, without model, candles, clock or network."""

from collections import deque

from msgspec import Struct

from bot.compose.run import build_engine
from bot.core.commands import AnyCommand, BreakerTripped, CancelOrder, Decided, Marked, Notify, SubmitOrder
from bot.core.errors import JournalError
from bot.core.run_record import RunRecord
from bot.version import code_version

_DEEDS = (SubmitOrder, CancelOrder)
_OBSERVATIONS = (Decided, Marked, BreakerTripped, Notify)


class Checked(Struct, frozen=True):
    """How many events were processed and commands compared; `difference` is None where all were the same."""

    events: int
    commands: int
    difference: str | None


def check_journal(record: RunRecord) -> Checked:
    """
    Decide everything again and compare with what was recorded: orders, verdicts, marks, breakers, notices.

    Raises:
        JournalError: The run was decided by another version of the code.
    """
    header = record.header
    if header.code_version != code_version():
        raise JournalError(
            f"the run was decided by code {header.code_version} and this is {code_version()}: "
            "it can be read and reported, but not decided again"
        )
    engine = build_engine(header)
    waiting: dict[bool, deque[AnyCommand]] = {True: deque(), False: deque()}
    events = commands = 0
    for one in record.records():
        if not isinstance(one, (SubmitOrder, CancelOrder, Decided, Marked, BreakerTripped, Notify)):
            events += 1
            for command in engine.process(one):
                if isinstance(command, (*_DEEDS, *_OBSERVATIONS)):
                    waiting[isinstance(command, _DEEDS)].append(command)
            continue
        # Deeds stand among the events, observations behind their block: each kind is in its own order.
        queue = waiting[isinstance(one, _DEEDS)]
        expected = queue.popleft() if queue else None
        if expected != one:
            return Checked(events, commands, f"recorded {one}, decided {expected}")
        commands += 1
    left = next((command for queue in waiting.values() for command in queue), None)
    return Checked(events, commands, None if left is None else f"decided {left}, recorded nothing")
