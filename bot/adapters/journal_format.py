"""
How a run lies on the disk: one SQLite file of sealed blocks, which the writer and the reader share.

A block is one row: its events and deeds in order, and beside them what was observed, both as msgpack arrays.
Each block is sealed with a sha256 over all of its columns and the seal of the block before, so that an
altered, missing or exchanged block shows. Knows nothing of what the records mean, except which of them
identify a run.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from struct import Struct as Packing
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bot.core.commands import CancelOrder, Deed, Observation, SubmitOrder
from bot.core.errors import JournalError
from bot.core.events import SESSION_EVENTS, AnyEvent, ForecastReady

FILE_NAME: Final = "journal.sqlite"
FORMAT: Final = "1"
FIRST_SEAL: Final = bytes(32)
"""What the first block is chained to."""

SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """
    CREATE TABLE blocks (
        id INTEGER PRIMARY KEY, first_event INTEGER NOT NULL, records INTEGER NOT NULL, length INTEGER NOT NULL,
        data BLOB NOT NULL, observations BLOB NOT NULL, events_sha256 BLOB NOT NULL, sha256 BLOB NOT NULL
    ) STRICT
    """,
    "CREATE TABLE snapshots (block INTEGER PRIMARY KEY, state BLOB NOT NULL, sha256 BLOB NOT NULL) STRICT",
)
INSERT_BLOCK: Final = "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

encode: Final = msgspec.msgpack.Encoder().encode
_entries: Final = msgspec.msgpack.Decoder(list[AnyEvent | Deed])
_observations: Final = msgspec.msgpack.Decoder(list[Observation])
_raw: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_columns: Final = Packing(">QQQQQ")

_NO_LATENCY: Final = encode(0.0)
_LATENCY_INDEX: Final = 1 + ForecastReady.__struct_fields__.index("latency_ms")


def _tags(*kinds: type[Struct]) -> tuple[bytes, ...]:
    return tuple(encode(kind.__name__) for kind in kinds)


_DEEDS: Final = _tags(SubmitOrder, CancelOrder)
_UNHASHED: Final = _DEEDS + _tags(*SESSION_EVENTS)
_FORECAST: Final = _tags(ForecastReady)


class Block(Struct, frozen=True):
    """
    One row of the journal.

    `first_event` is the position of its first event in the run, from 0; `records` counts its events and
    deeds, `length` the bytes of `data`. `events_sha256` identifies the run's events up to the block's end.
    """

    number: int
    first_event: int
    records: int
    length: int
    data: bytes
    observations: bytes
    events_sha256: bytes
    sha256: bytes = b""

    def sealed(self, previous: bytes) -> "Block":
        """The block with its seal, which covers every column and the seal `previous`."""
        counts = (self.number, self.first_event, self.records, self.length, len(self.observations))
        seal = sha256(previous + _columns.pack(*counts))
        seal.update(self.data)
        seal.update(self.observations)
        seal.update(self.events_sha256)
        return replace(self, sha256=seal.digest())

    def messages(self) -> list[bytes]:
        """Its events and deeds as they were encoded, whatever version of the code wrote them."""
        with _readable(self.number):
            return [bytes(message) for message in _raw.decode(self.data)]

    def entries(self) -> list[AnyEvent | Deed]:
        """Its events and deeds, in order."""
        with _readable(self.number):
            return _entries.decode(self.data)

    def observed(self) -> list[Observation]:
        """What was observed meanwhile, in order."""
        with _readable(self.number):
            return _observations.decode(self.observations)


@contextmanager
def _readable(number: int) -> Iterator[None]:
    try:
        yield
    except msgspec.DecodeError as error:
        raise JournalError(
            f"block {number} of the journal holds a record that this version does not know ({error}):"
            " use the code version that the run's first record names"
        ) from error


def array_of(messages: list[bytes]) -> bytes:
    """One msgpack array of messages that are encoded already."""
    return b"".join((b"\xdd", len(messages).to_bytes(4, "big"), *messages))


def is_deed(message: bytes) -> bool:
    """Whether an encoded record is a deed and not an event."""
    return message.startswith(_DEEDS, 1)


def without_latency(message: bytes) -> bytes:
    """An encoded `ForecastReady` with a latency of zero."""
    if message.endswith(_NO_LATENCY):
        return message
    latency = bytes(_raw.decode(message)[_LATENCY_INDEX])
    return message.removesuffix(latency) + _NO_LATENCY


def identifying(messages: Iterable[bytes]) -> Iterator[bytes]:
    """What identifies a run in encoded records: no deeds, no events of a process, no latencies."""
    for message in messages:
        # One byte of array header, then the tag, which carries its own length.
        if message.startswith(_FORECAST, 1):
            yield without_latency(message)
        elif not message.startswith(_UNHASHED, 1):
            yield message


def seal_of_snapshot(block_seal: bytes, state: bytes) -> bytes:
    """The seal of a snapshot taken at the end of the block with `block_seal`."""
    return sha256(block_seal + state).digest()
