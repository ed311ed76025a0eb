"""
Taking keys, passwords and signatures out of text and values before anybody sees them.

Works on what things look like, because what leaks is seldom where it was expected: in the address of a failed
request, in the text of an exception, in a header that a library prints. Knows nothing of logging.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

_NAME: Final = (
    r"(?:api[-_]?key|secret|passw(?:or)?d|passphrase|signature|authori[sz]ation|private[-_]?key|listen[-_]?key"
    r"|credential|cookie|(?<![a-z])(?:token|sign)(?![a-z]))"
)
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE)

# name=value, "name": "value" and Name: value, up to whatever ends a value in addresses, JSON and headers. The
# lengths are bounded so that a long text takes time in proportion.
_NAMED: Final = re.compile(
    rf"""({_NAME}[\w-]{{0,40}}\\?["']?\s{{0,4}}[=:]\s{{0,4}})"""
    r"""(?:(\\?["'])(?:(?!\2).)+|(?:(?:bearer|basic)\s+)?[^\s"'\\&,;)}\]]+)""",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_USER_INFO: Final = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# Letters and digits mixed, longer than any word, symbol or order id: a key, or a signature in hex.
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{32,}")
# Base64 that is long, padded or has a plus sign, so that no path looks like it.
_BASE64: Final = re.compile(r"(?<![\w+/])(?=[\w/]*[+=])[A-Za-z0-9+/]{30,}={0,2}")


def redact(text: str) -> str:
    """The same text with everything that looks like a secret masked."""
    text = _PEM.sub(MASK, text)
    text = _USER_INFO.sub(MASK, text)
    text = _NAMED.sub(rf"\1\2{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _BASE64.sub(MASK, text)
    return _TOKEN.sub(MASK, text)


def redact_value(value: Any) -> Any:
    """
    The same value, fit to be shown: every text in it is redacted.

    Numbers, truth values and None stay; mappings and sequences are followed; anything else becomes its text.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case bytes() | bytearray():
            return redact(bytes(value).decode("utf-8", "backslashreplace"))
        case Mapping():
            return {redact(str(name)): redact_named(str(name), inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redact_value(inner) for inner in value]
        case _:
            return redact(str(value))


def redact_named(name: str, value: Any) -> Any:
    """The value as it may be shown under `name`: masked whole where the name is that of a secret."""
    if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return MASK
    return redact_value(value)
