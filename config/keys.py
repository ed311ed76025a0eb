"""
The names of settings: dotted keys, what they mean and what they may be.

A key is `section.name`, or `markets."BTC/USDT".name` where a market's own rules are overruled. Everything here
is read off the models of `config.settings`; nothing knows where a value comes from.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from types import NoneType
from typing import Annotated, Any, Final, NamedTuple, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bot.core.errors import ConfigError
from config.settings import ENV_DELIMITER, ENV_PREFIX, MarketSettings, Settings

MARKETS: Final = "markets"
UNSET: Final = "none"
"""How a setting without a value is written."""

_SECRET_NAME: Final = re.compile(
    r"secret|passw|passphrase|token|credential|signature|private_?key|api_?key|(^|[._])key$", re.IGNORECASE
)
_KINDS: Final = {int: "a whole number", float: "a number", Decimal: "an exact number", str: "text"}
_BOUNDS: Final = ((Ge, "ge", "at least"), (Gt, "gt", "above"), (Le, "le", "at most"), (Lt, "lt", "below"))


class Meaning(NamedTuple):
    """What a setting is for, what it may be, and what it is when nobody says."""

    description: str
    allowed: str
    default: str


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the name and model of every section but the markets, in the order of a profile."""
    for name, field in Settings.model_fields.items():
        if name != MARKETS:
            yield name, cast("type[BaseModel]", field.annotation)


def known_keys() -> list[str]:
    """Every key that may be set, the markets' with SYMBOL in place of a market."""
    keys = [f"{section}.{name}" for section, model in sections() for name in model.model_fields]
    return keys + [market_key("SYMBOL", name) for name in MarketSettings.model_fields]


def market_key(symbol: str, name: str) -> str:
    """The key of one market's setting."""
    return f'{MARKETS}."{symbol}".{name}'


def spelled(key: str) -> str:
    """
    `key` as this module spells it.

    The quotes around a market may be left out and its letters may be small: the name of a variable cannot hold
    the former and loses the latter.
    """
    section, _, rest = key.strip().partition(".")
    if section != MARKETS or "." not in rest:
        return key.strip()
    symbol, _, name = rest.rpartition(".")
    return market_key(symbol.strip('"').upper(), name)


def path_of(key: str) -> tuple[str, ...]:
    """The names that lead from the whole of the settings to one value."""
    section, _, rest = key.partition(".")
    if section != MARKETS:
        return section, rest
    symbol, _, name = rest.rpartition(".")
    return section, symbol.strip('"'), name


def variable_of(key: str) -> str:
    """The name of the environment variable that sets `key`."""
    return ENV_PREFIX + ENV_DELIMITER.join(path_of(key)).upper()


def require_known(key: str, origin: str = "") -> None:
    """
    Refuse a key that no setting has.

    Args:
        key: A key as `spelled` returns it.
        origin: Where it was found, in words that follow "in".

    Raises:
        ConfigError: The key would hold a secret, is a section, or is unknown; then the nearest is named.
    """
    if _field(key) is not None:
        return
    place = f" in {origin}" if origin else ""
    if looks_secret(key):
        raise ConfigError(f"{key}{place} looks like a secret, and settings hold none: take it out")
    members = [known for known in known_keys() if known.startswith(f"{key}.")]
    if members:
        raise ConfigError(f"{key}{place} is a section; its keys are {', '.join(members)}")
    raise ConfigError(f"unknown key {key}{place}; {_hint(key)}")


def _hint(key: str) -> str:
    section, _, name = key.partition(".")
    # Within a section its name is alike in every key, and says nothing of which of them was meant.
    names = [known.removeprefix(f"{section}.") for known in known_keys() if known.startswith(f"{section}.")]
    if names and section != MARKETS:
        near = get_close_matches(name, names, n=1)
        return f"did you mean {section}.{near[0]}?" if near else f"the keys of {section} are {', '.join(names)}"
    near = get_close_matches(key, known_keys(), n=1)
    return f"did you mean {near[0]}?" if near else "`candlewick config show` lists the known ones"


def looks_secret(name: str) -> bool:
    """Whether people give such a name to keys, passwords and signatures."""
    return _SECRET_NAME.search(name) is not None


def meaning_of(key: str) -> Meaning:
    """
    What a known key is for.

    Raises:
        ConfigError: No setting has that key.
    """
    require_known(key)
    field = cast("FieldInfo", _field(key))
    description = " ".join((field.description or "").split())
    return Meaning(description, _allowed(field.annotation, field.metadata), plain(field.default))


def plain(value: object) -> str:
    """One spelling for equal values, in whatever type or digits they were given."""
    match value:
        case None:
            return UNSET
        case Enum():
            return str(value.value)
        case Decimal():
            return f"{value.normalize():f}"
        case _:
            return str(value)


def _field(key: str) -> FieldInfo | None:
    match path_of(key):
        case (section, symbol, name) if section == MARKETS and symbol:
            return MarketSettings.model_fields.get(name)
        case (section, name):
            model = dict(sections()).get(section)
            return model.model_fields.get(name) if model else None
        case _:
            return None


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return _allowed(inner, [each for one in extra for each in getattr(one, "metadata", [one])])
    options = [each for each in get_args(annotation) if each is not NoneType]
    if options:
        return f"{_allowed(options[0], metadata)}, or none"
    if issubclass(annotation, Enum):
        return " or ".join(str(member.value) for member in annotation)
    bounds = [
        f"{words} {plain(Decimal(str(getattr(bound, name))))}"
        for kind, name, words in _BOUNDS
        for bound in metadata
        if isinstance(bound, kind)
    ]
    return _KINDS[annotation] + (f", {' and '.join(bounds)}" if bounds else "")
