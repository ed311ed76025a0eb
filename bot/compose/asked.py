"""What a person at the command line asked for: names of markets and timeframes, and to stop."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.adapters.candle_names import EXPECTED_SYMBOL, read_symbol
from bot.core.errors import ConfigError
from bot.core.market import Timeframe


def asked_symbol(text: str) -> str:
    """
    The market that `--symbol` names.

    Raises:
        ConfigError: It names none.
    """
    symbol = read_symbol(text)
    if symbol is None:
        raise ConfigError(f"--symbol {text} names no market: write {EXPECTED_SYMBOL}")
    return symbol


def asked_timeframe(text: str) -> Timeframe:
    """
    The timeframe that `--timeframe` names.

    Raises:
        ConfigError: It names none.
    """
    try:
        return Timeframe(text)
    except ValueError:
        known = ", ".join(timeframe.value for timeframe in Timeframe)
        raise ConfigError(f"--timeframe {text} is not known: it is one of {known}") from None


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGINT or SIGTERM within; a second one ends the process."""
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGINT, signal.SIGTERM)

    def heard() -> None:
        stop()
        for number in wanted:
            loop.remove_signal_handler(number)

    for number in wanted:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
