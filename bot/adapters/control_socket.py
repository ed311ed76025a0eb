"""
The control socket of a running bot: a thread of its own that answers operators, also while the bot is busy.

One line of JSON in, one out. It waits for the bot as long as it says, and then tells what it knows. Must not touch the
engine, the journal or the session: only `ControlDesk` does, on the bot's own thread.
"""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct

from bot.adapters.control_desk import ControlDesk, NotDone, Picture
from bot.adapters.control_messages import (
    MAX_REQUEST_BYTES,
    AnyAsk,
    AnyTell,
    AskDeed,
    AskStatus,
    TellAccepted,
    TellDone,
    TellRefused,
    TellStatus,
    ask_from,
    line_of,
)
from bot.adapters.control_place import ControlPlace, same_user
from bot.core.errors import ConfigError

MAX_CLIENTS: Final = 16


class ControlPatience(Struct, frozen=True):
    """
    How long is waited for what, in milliseconds of real time.

    Attributes:
        request_ms: For a whole request to arrive.
        fresh_ms: For a picture of this moment, before the last one is shown.
        deed_ms: For a deed to be in the journal, before it is only said to be accepted.
        beat_ms: Between two signs of life of the bot's thread.
        parting_ms: For the last answers, when the session ends.
    """

    request_ms: int = 5_000
    fresh_ms: int = 500
    deed_ms: int = 10_000
    beat_ms: int = 1_000
    parting_ms: int = 1_000


class ControlSocket:
    """
    Listens for operators while it is entered, as an asynchronous context manager on the bot's loop.

    Args:
        folder: The run's folder, which this process has locked.
        desk: The bot's side.
        patience: How long is waited.
    """

    def __init__(self, folder: Path, desk: ControlDesk, patience: ControlPatience | None = None) -> None:
        self._folder = folder
        self._desk = desk
        self._patience = patience or ControlPatience()
        self._talking: set[asyncio.Task[None]] = set()
        self._reading: set[asyncio.Timeout] = set()

    async def __aenter__(self) -> Self:
        """
        Begin to listen.

        Raises:
            JournalError: Another process answers for this run, or something else is in the socket's place.
        """
        self._place = ControlPlace(self._folder)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answer whoever still waits, end the thread and remove the socket."""
        self._desk.close()
        with suppress(RuntimeError):  # the thread has ended before
            self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.to_thread(self._thread.join)
        self._place.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._meet, sock=self._place.listening, limit=MAX_REQUEST_BYTES)
        try:
            while not self._stopping.is_set():
                self._desk.beat()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.beat_ms / 1_000):
                        await self._stopping.wait()
        finally:
            await self._part()
            server.close()

    async def _part(self) -> None:
        """Take nobody up any more, stop waiting for questions, and let the others hear their answer."""
        self._stopping.set()
        # A server that is closed while it takes a connection up forgets that one's socket, so it is closed at the end.
        self._loop.remove_reader(self._place.listening)
        for limit in self._reading:
            limit.reschedule(self._loop.time())
        # Not only those who talk: a connection that is just being made is a task of the loop's own.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.parting_ms / 1_000):
                while others := asyncio.all_tasks() - {asyncio.current_task()}:
                    await asyncio.wait(others)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = self._loop.create_task(self._talk(reader, writer))
        self._talking.add(talk)
        talk.add_done_callback(self._talking.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if same_user(writer.get_extra_info("socket")):
                writer.write(line_of(await self._reply(reader)))
                await writer.drain()
        except ConnectionError:
            pass  # the other end has gone
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader) -> AnyTell:
        if self._stopping.is_set():
            return TellRefused("the session has ended")
        if len(self._talking) > MAX_CLIENTS:
            return TellRefused(f"{MAX_CLIENTS} others are asking already: try again")
        try:
            async with asyncio.timeout(self._patience.request_ms / 1_000) as limit:
                self._reading.add(limit)
                try:
                    asked = ask_from(await reader.readuntil())
                finally:
                    self._reading.discard(limit)
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError, TimeoutError):
            return TellRefused(f"a request is one line of JSON of at most {MAX_REQUEST_BYTES} bytes, sent at once")
        except ConfigError as error:
            return TellRefused(str(error))
        return await self._answer(asked)

    async def _answer(self, asked: AnyAsk) -> AnyTell:
        if not isinstance(asked, AskStatus):
            return await self._do(asked)
        picture, busy_ms = await self._look()
        return TellStatus(picture.status, picture.age_ms, busy_ms)

    async def _do(self, asked: AskDeed) -> AnyTell:
        done = self._desk.do(asked)
        if not await _came(done, self._patience.deed_ms):
            return TellAccepted(self._desk.busy_ms)
        outcome = done.result()
        if isinstance(outcome, NotDone):
            return TellRefused(outcome.reason)
        picture, busy_ms = await self._look()
        return TellDone(outcome, picture.status, picture.age_ms, busy_ms)

    async def _look(self) -> tuple[Picture, int]:
        """A picture of this moment, or the last one with the time for which the bot has been busy."""
        fresh = self._desk.fresh_picture()
        if await _came(fresh, self._patience.fresh_ms):
            return fresh.result(), 0
        return self._desk.picture, self._desk.busy_ms


async def _came(answer: "asyncio.Future[Any]", within_ms: int) -> bool:
    done, _ = await asyncio.wait({answer}, timeout=within_ms / 1_000)
    return bool(done)
