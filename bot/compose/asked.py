"""What a person at the command line asked for: settings, names of markets and timeframes, and to stop."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.adapters.candle_names import EXPECTED_SYMBOL, read_symbol
from bot.core.errors import ConfigError
from bot.core.market import Timeframe
from config.loading import Loaded, load_settings

if TYPE_CHECKING:
    from bot.adapters.candle_series import CandleSeries


def asked_settings(profile: str | None, overrides: Mapping[str, str], cash: str | None) -> Loaded:
    """
    The settings that `--profile`, `--set` and `--cash` come to; cash is the budget.

    Raises:
        ConfigError: One of them is none.
    """
    return load_settings(profile, {**overrides, **({"account.budget": cash} if cash else {})})


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


def one_timeframe(series: "Sequence[CandleSeries]") -> Timeframe:
    """
    The timeframe of all candles that `--candles` names.

    Raises:
        ConfigError: They have several.
    """
    found = {one.timeframe for one in series}
    if len(found) != 1:
        names = ", ".join(f"{one.symbol} {one.timeframe.value}" for one in series)
        raise ConfigError(f"markets that are used together share one timeframe, these do not: {names}")
    return found.pop()


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
