"""A session at the command line: told while it runs, concluded when it has ended."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from bot.adapters.narrator import Tell
    from bot.compose.session_request import SessionRequest

_Request = TypeVar("_Request", bound="SessionRequest")


def run_told(
    request: _Request,
    run: "Callable[[_Request, Tell, Callable[[int, int], None]], Awaitable[bool]]",
    *,
    manner: str,
    place: str,
    as_json: bool,
) -> int:
    """
    Run a session to its end and show what came of it.

    Args:
        request: What was asked for.
        run: Runs it; tells whether the run is finished.
        manner: How it is traded, such as `on paper`.
        place: Where.
        as_json: One object on standard output instead of words.

    Returns:
        The exit code of the run's conclusion.

    Raises:
        KeyboardInterrupt: It was asked to end before the session had begun to listen for that.
    """
    from bot.adapters.log import configure_logging
    from bot.cli.conclusion import conclude
    from bot.cli.story import market_words, told_live

    began = perf_counter()
    configure_logging(as_json=as_json)

    async def session() -> bool:
        # Until the session listens itself, SIGTERM unwinds what is open by then, as Ctrl-C does: the exchange's process
        # is ended and its folder removed.
        whole = asyncio.current_task()
        if whole is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
        return await run(request, story.tell, story.progress)

    with told_live(request, manner, market_words(place)) as story:
        try:
            finished = asyncio.run(session())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if not finished:
        click.echo(f"stopped; the same command with --out {request.out} goes on", err=True)
    return conclude(request.out, seconds=perf_counter() - began, as_json=as_json)
