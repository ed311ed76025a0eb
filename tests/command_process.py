"""
A command as the whole of a process that is forked from one which has everything heavy already.

For tests that kill commands: importing ccxt takes longer than what is to be killed. Imports next to nothing itself,
because every such process imports it anew.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bot.cli.main import main

PRELOADED: Final = ["ccxt.async_support", "pyarrow.parquet", "bot.compose.replay_run", "bot.adapters.candle_pages"]


def command_alone(words: Sequence[str], output: str) -> None:
    """Run a command and leave the process with its exit code; what it says is added to a file."""
    with Path(output).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    main(words)
