"""
Reads a tape back, up to the last whole block of each session, also while it is being written.

A session that was killed ends in a torn block, which is passed over and said so. Everything else that is not as it
was written is damage, and an error that names the file and the block. Knows nothing of what the inputs mean.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from bot.adapters.feed_inputs import AnyFeedInput
from bot.adapters.journal_file import disk_errors
from bot.adapters.tape_format import (
    FIRST_SEAL,
    HEAD_BYTES,
    MAGIC,
    SUFFIX,
    FileHeader,
    TapeHeader,
    decode_header,
    decode_inputs,
    file_name,
    unpack_body,
    unpack_head,
)
from bot.core.errors import DataError


class _TapeFile:
    """
    One file of a tape, read from its start.

    `number` is that of the newest block, its header being 0, and `seal` that block's seal. When `blocks` is
    exhausted, `torn` counts the bytes that are left over.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.number = -1
        self.torn = 0
        beginning = file.read(len(MAGIC) + len(FIRST_SEAL))
        if not beginning.startswith(MAGIC[: len(beginning)]) and any(beginning):
            raise DataError(f"{path} is no file of a tape: move it out of the tape's folder")
        self.follows = self.seal = beginning[len(MAGIC) :]
        self.header = self._read_header() if len(self.seal) == len(FIRST_SEAL) else None

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The blocks after the header: how many inputs each has, and the inputs."""
        while (block := self._next_block()) is not None:
            yield block

    def require_next(self, follows: bytes) -> None:
        """Check that the file which follows the block with the seal `follows` follows this one, read to its end."""
        if follows != self.seal:
            raise damaged(self.path, self.number + 1, "missing or not what was written, and the next file follows it")

    def _read_header(self) -> FileHeader | None:
        block = self._next_block()
        if block is None:
            return None
        header = decode_header(self.path, block[1])
        if self.path.name != file_name(header.number):
            raise damaged(self.path, 0, f"that of {file_name(header.number)}")
        return header

    def _next_block(self) -> tuple[int, bytes] | None:
        # None at the end of the file, and where what is left was never finished.
        began = self._file.tell()
        first = self._file.read(HEAD_BYTES)
        if len(first) == HEAD_BYTES:
            head = unpack_head(first)
            if head is None:
                # What a power failure leaves of a file that had grown already is zeros.
                if any(first) or any(self._file.read()):
                    raise damaged(self.path, self.number + 1, "not what was written")
            elif self._file.tell() + head.packed <= self._size:
                data = unpack_body(head, self.seal, self._file.read(head.packed))
                if data is not None:
                    self.number, self.seal = self.number + 1, head.seal
                    return head.inputs, data
                if self._file.tell() < self._size:
                    raise damaged(self.path, self.number + 1, "not what was written")
        self.torn = self._size - began
        return None


class TapeSession(Struct, frozen=True):
    """
    What one process recorded.

    `closed` says that it was ended in order; otherwise it was killed, or goes on still. `torn_bytes` is what of its
    last file cannot be read.
    """

    header: TapeHeader
    paths: tuple[Path, ...]
    closed: bool
    torn_bytes: int

    def inputs(self) -> Iterator[AnyFeedInput]:
        """
        Read its inputs in order, one block in memory at a time; each call begins anew.

        Raises:
            DataError: A block before the end is not what was written, or holds an input of a newer version.
            StorageError: The disk refused.
        """
        before: _TapeFile | None = None
        for path in self.paths:
            with disk_errors(path), path.open("rb") as opened:
                file = _TapeFile(path, opened)
                if before is not None:
                    before.require_next(file.follows)
                for _, data in file.blocks():
                    yield from decode_inputs(path, file.number, data)
                before = file


class Tape(Struct, frozen=True):
    """
    A tape as it was found.

    `files` counts the files, those of which not even a header was finished among them; `seal` is the newest block's.
    """

    files: int
    sessions: tuple[TapeSession, ...]
    seal: bytes

    def remarks(self) -> list[str]:
        """What a reader should be told: sessions that were cut off, and what of them is passed over."""
        said = []
        for session in self.sessions:
            if not session.closed:
                lost = f", {session.torn_bytes:,} bytes of an unfinished block are passed over"
                said.append(
                    f"{session.paths[-1].name} ends without a closing block: the recording was cut off, or goes on"
                    f"{lost if session.torn_bytes else ''}"
                )
        return said


def read_tape(folder: Path) -> Tape:
    """
    Open the tape in `folder` for reading; nothing in it is changed.

    Raises:
        DataError: There is no tape, or it is damaged or of another format.
        StorageError: The disk refused.
    """
    tape = survey(folder)
    if not tape.sessions:
        raise DataError(f"{folder} holds no tape: name a folder with {file_name(1)} in it")
    return tape


def survey(folder: Path) -> Tape:
    """Look what is in a tape's folder, which may be nothing; raises as `read_tape` does."""
    with disk_errors(folder):
        paths = sorted(folder.glob(f"*{SUFFIX}"))
    for number, path in enumerate(paths, 1):
        if path.name != file_name(number):
            raise DataError(f"{folder / file_name(number)} is missing and {path.name} is there: restore it from a copy")
    known = [(path, header) for path in paths if (header := _header(path)) is not None]
    sessions: list[TapeSession] = []
    last: _TapeFile | None = None
    for number, found in groupby(known, key=lambda one: one[1].session):
        if number != len(sessions) + 1:
            raise DataError(f"{folder} has files of session {number} and none of the one before: restore them")
        session, last = _session(list(found), last)
        sessions.append(session)
    return Tape(len(paths), tuple(sessions), FIRST_SEAL if last is None else last.seal)


def _header(path: Path) -> FileHeader | None:
    with disk_errors(path), path.open("rb") as opened:
        return _TapeFile(path, opened).header


def _session(found: Sequence[tuple[Path, FileHeader]], before: _TapeFile | None) -> tuple[TapeSession, _TapeFile]:
    """What a session's headers and its last file tell of it; `before` is the last file of the one before."""
    (first, header), (path, _) = found[0], found[-1]
    with disk_errors(first), first.open("rb") as opened:
        follows = _TapeFile(first, opened).follows
    if before is not None:
        before.require_next(follows)
    elif follows != FIRST_SEAL:
        raise damaged(first, 0, "that of a later session")
    with disk_errors(path), path.open("rb") as opened:
        file = _TapeFile(path, opened)
        closed = False
        for inputs, _ in file.blocks():
            if closed:
                raise damaged(path, file.number, "written behind the end")
            closed = inputs == 0
    return TapeSession(header.tape, tuple(path for path, _ in found), closed, file.torn), file


def damaged(path: Path, block: int, what: str) -> DataError:
    """The error for a block that cannot be trusted; block 0 is a file's header."""
    return DataError(
        f"block {block} of {path} is {what}: restore the file from a copy,"
        " or set it aside with all later ones and read what was before"
    )
