"""
Websocket frames by hand, right ones and wrong ones: bytes out, nothing else.

A server's frames are not masked (RFC 6455, 5.2). Knows nothing of sockets or of what the frames say.
"""

import zlib
from collections.abc import Mapping
from struct import pack
from typing import Final

from bot.exchange.faults import Junk

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NO_CODE: Final = 1005
"""The code that stands for a close frame without one; it never goes over the wire itself."""

_FINAL: Final = 0x80
_COMPRESSED: Final = 0x40
_SHORT: Final = 126
_MEDIUM: Final = 1 << 16


def frame(opcode: int, payload: bytes, *, is_final: bool = True, is_compressed: bool = False) -> bytes:
    """One frame of a server."""
    first = opcode | (_FINAL if is_final else 0) | (_COMPRESSED if is_compressed else 0)
    length = len(payload)
    if length < _SHORT:
        return pack("!BB", first, length) + payload
    if length < _MEDIUM:
        return pack("!BBH", first, _SHORT, length) + payload
    return pack("!BBQ", first, _SHORT + 1, length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; `NO_CODE` leaves it empty."""
    return frame(CLOSE, b"" if code == NO_CODE else pack("!H", code) + reason.encode())


def fragmented(text: str) -> bytes:
    """A text message in three fragments, with a ping between the first two."""
    payload = text.encode()
    third = max(len(payload) // 3, 1)
    return (
        frame(TEXT, payload[:third], is_final=False)
        + frame(PING, b"between")
        + frame(CONTINUATION, payload[third : 2 * third], is_final=False)
        + frame(CONTINUATION, payload[2 * third :])
    )


def compressed(text: str) -> bytes:
    """A text message deflated as `permessage-deflate` does (RFC 7692)."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(text.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return frame(TEXT, packed.removesuffix(b"\x00\x00\xff\xff"), is_compressed=True)


JUNK: Final[Mapping[Junk, bytes]] = {
    "binary": frame(BINARY, bytes(range(256))),
    "invalid utf-8": frame(TEXT, b'{"e":"\xff\xfe\xc3"}'),
    "invalid json": frame(TEXT, b'{"e":"kline","k":{"o":'),
    "deep nesting": frame(TEXT, b"[" * 100_000),
    "over 1 MiB": frame(TEXT, b'"' + b"x" * (1 << 20) + b'"'),
    "empty": frame(TEXT, b""),
}
"""Whole frames without sense."""
