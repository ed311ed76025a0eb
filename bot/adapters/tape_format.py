"""
How a tape lies on the disk: a folder of files `000001.tape`, `000002.tape`, …, which the writer and the reader share.

A file is `MAGIC`, the seal of the block before it (of the file before; zeros in the first), and then blocks. The
first block of a file is its header, the others are inputs of the feed, a block without inputs is the end of a session
that was closed in order. A block is a head of 48 bytes (big-endian: length in the file, length before compression,
number of inputs, crc32 of these three, sha256) and a zlib stream of msgpack. The sha256, its seal, covers the seal of
the block before, the three numbers and the stream. The crc32 tells a damaged length from a block that was not
finished.

Knows nothing of when blocks are closed, nor of what the inputs mean.
"""

import zlib
from hashlib import sha256
from pathlib import Path
from struct import Struct as Packing
from typing import Final

import msgspec
from msgspec import Struct

from bot.adapters.feed_inputs import AnyFeedInput
from bot.core.errors import DataError

MAGIC: Final = b"candlewick tape\n"
FORMAT: Final = "1"
SUFFIX: Final = ".tape"
FIRST_SEAL: Final = bytes(32)
"""What the first file follows."""

LEVEL: Final = 3
"""Of zlib's nine: frames of candles get four times smaller; 6 wins another tenth and takes twice the time."""

encode: Final = msgspec.msgpack.Encoder().encode
_inputs: Final = msgspec.msgpack.Decoder(list[AnyFeedInput])
_counts: Final = Packing(">III")
_tail: Final = Packing(">I32s")

HEAD_BYTES: Final = _counts.size + _tail.size


class TapeHeader(Struct, frozen=True):
    """
    What was recorded: enough to feed it again.

    `parameters` are those of the streams and the feed, as whoever builds them reads them back; `started_ms` is the
    time of the session's own clock.
    """

    venue: str
    symbols: tuple[str, ...]
    timeframe: str
    parameters: dict[str, str]
    started_ms: int
    code_version: str


class FileHeader(Struct, frozen=True):
    """The first block of a file: which file it is, and of which session, both counted from 1."""

    format: str
    number: int
    session: int
    tape: TapeHeader


class _AnyFormat(Struct, frozen=True):
    format: str


class BlockHead(Struct, frozen=True):
    """What stands before a block: the lengths of its body in the file and as it was, its inputs and its seal."""

    packed: int
    length: int
    inputs: int
    seal: bytes


def file_name(number: int) -> str:
    """The name of a tape's file, counted from 1."""
    return f"{number:06}{SUFFIX}"


def pack_block(previous: bytes, data: bytes, inputs: int) -> tuple[bytes, bytes]:
    """A block as it lies in a file, and its seal; `previous` is that of the block before."""
    packed = zlib.compress(data, LEVEL)
    counts = _counts.pack(len(packed), len(data), inputs)
    seal = _seal(previous, counts, packed)
    return counts + _tail.pack(zlib.crc32(counts), seal) + packed, seal


def unpack_head(head: bytes) -> BlockHead | None:
    """Read the `HEAD_BYTES` before a block; None where they are not what was written."""
    counts = head[: _counts.size]
    check, seal = _tail.unpack_from(head, _counts.size)
    if check != zlib.crc32(counts):
        return None
    packed, length, inputs = _counts.unpack(counts)
    return BlockHead(packed, length, inputs, seal)


def unpack_body(head: BlockHead, previous: bytes, packed: bytes) -> bytes | None:
    """What a block holds; None where it is not what was written, or does not follow `previous`."""
    if _seal(previous, _counts.pack(head.packed, head.length, head.inputs), packed) != head.seal:
        return None
    inflating = zlib.decompressobj()
    try:
        # A seal can be made by anybody: what a stream makes of itself beyond its stated length is not waited for.
        data = inflating.decompress(packed, head.length + 1)
    except zlib.error:
        return None
    return data if inflating.eof and len(data) == head.length else None


def pack_header(previous: bytes, header: FileHeader) -> tuple[bytes, bytes]:
    """The beginning of a file with its first block, and that block's seal."""
    block, seal = pack_block(previous, encode(header), 0)
    return MAGIC + previous + block, seal


def decode_header(path: Path, data: bytes) -> FileHeader:
    """
    Read the first block of a file.

    Raises:
        DataError: It is of another format.
    """
    try:
        found = msgspec.msgpack.decode(data, type=_AnyFormat).format
        if found == FORMAT:
            return msgspec.msgpack.decode(data, type=FileHeader)
    except msgspec.DecodeError as error:
        raise DataError(f"the header of {path} cannot be understood ({error}): name the folder of a tape") from error
    raise DataError(f"{path} has tape format {found}, this version reads {FORMAT}: use the version that wrote it")


def decode_inputs(path: Path, number: int, data: bytes) -> list[AnyFeedInput]:
    """
    Read the inputs of block `number` of a file.

    Raises:
        DataError: Another version of the code knew more kinds of them.
    """
    try:
        return _inputs.decode(data)
    except msgspec.DecodeError as error:
        raise DataError(
            f"block {number} of {path} holds an input that this version does not know ({error}):"
            " use the code version that its header names"
        ) from error


def _seal(previous: bytes, counts: bytes, packed: bytes) -> bytes:
    seal = sha256(previous + counts)
    seal.update(packed)
    return seal.digest()
