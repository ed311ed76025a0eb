"""
Settings with their provenance: the default, then the profile, then the environment, then the command line.

The only reader of profiles and of variables named `CANDLEWICK_...`. Every value keeps where it came from, and
a key that no setting has is an error wherever it stands: a misspelt limit that is silently ignored is no limit.
"""

import os
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from bot.core.errors import ConfigError
from config.keys import MARKETS, UNSET, looks_secret, market_key, path_of, plain, require_known, spelled, variable_of
from config.resolved import fingerprint, nested, resolved
from config.settings import ENV_DELIMITER, ENV_PREFIX, Settings

DEFAULT_PROFILE: Final = "cautious"

_PROFILES: Final = Path(__file__).parent / "profiles"


class Given(NamedTuple):
    """One value as it was given, and by what, in words."""

    key: str
    value: object
    origin: str


@dataclass(frozen=True)
class Loaded:
    """Checked settings, and everything that was given for each of them, weakest first."""

    settings: Settings
    given: Mapping[str, tuple[Given, ...]]

    def origin(self, key: str) -> str:
        """
        Say where the value of `key` came from.

        Raises:
            ConfigError: No setting has that key.
        """
        require_known(spelled(key))
        history = self.given.get(spelled(key))
        return history[-1].origin if history else "the default"

    def value(self, key: str) -> str:
        """
        The value of `key` as text, `none` where it is unset.

        Raises:
            ConfigError: No setting has that key.
        """
        require_known(spelled(key))
        return self.resolved().get(spelled(key), UNSET)

    def resolved(self) -> dict[str, str]:
        """Every setting as text, as `config.resolved` writes it."""
        return resolved(self.settings)

    def fingerprint(self) -> str:
        """The sha256 of every setting that a decision can depend on."""
        return fingerprint(self.settings)


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with the program."""
    return sorted(path.stem for path in _PROFILES.glob("*.toml"))


def load_settings(profile: str | Path | None = None, overrides: Mapping[str, str] | None = None) -> Loaded:
    """
    Read all sources and check the result.

    Args:
        profile: The name of a shipped profile, or the path of a file; the cautious one where it is None.
        overrides: What the command line says: keys such as `signal.cost_multiple`, values as text.

    Raises:
        ConfigError: A profile cannot be read, a key is unknown or would hold a secret, or a value is not
            allowed; the message says which and where it stands.
    """
    chosen = DEFAULT_PROFILE if profile is None else profile
    given = _by_key([*_from_profile(chosen), *_from_environment(), *_from_command_line(overrides or {})])
    try:
        settings = Settings(**nested({key: history[-1].value for key, history in given.items()}))
    except ValidationError as error:
        raise ConfigError(_sentence(error, given)) from None
    return Loaded(settings, given)


def _from_profile(profile: str | Path) -> Iterator[Given]:
    path = _profile_path(profile)
    origin = f"profile {profile}" if path.parent == _PROFILES else f"profile {path}"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read as a profile: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    for key, value in _leaves(document):
        yield Given(key, value, origin)


def _profile_path(profile: str | Path) -> Path:
    path = Path(profile)
    if isinstance(profile, Path) or path.suffix or os.sep in profile:
        return path
    if profile not in shipped_profiles():
        shipped = ", ".join(shipped_profiles())
        raise ConfigError(
            f"no profile is named {profile}: the shipped ones are {shipped}, and a file is named by its path, "
            f"such as ./{profile}.toml"
        )
    return _PROFILES / f"{profile}.toml"


def _from_environment() -> Iterator[Given]:
    names = {name.upper(): name for name in os.environ if name.upper().startswith(ENV_PREFIX)}
    for upper, name in names.items():
        key = upper.removeprefix(ENV_PREFIX).lower().replace(ENV_DELIMITER, ".")
        # A secret outside the sections belongs to the adapter that asks for it; the rest must be ours.
        if key.partition(".")[0] not in Settings.model_fields and not looks_secret(key):
            require_known(key, f"the environment variable {name}")
    source = EnvSettingsSource(
        Settings, env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER, env_parse_none_str=UNSET
    )
    try:
        values = source()
    except SettingsError as error:
        raise ConfigError(f"the environment cannot be read: {error}") from None
    for key, value in _leaves(values):
        # A section may also be given whole, as JSON, in the variable of its name.
        name = names.get(variable_of(key)) or names[ENV_PREFIX + path_of(key)[0].upper()]
        yield Given(key, value, f"the environment variable {name}")


def _from_command_line(overrides: Mapping[str, str]) -> Iterator[Given]:
    for key, value in overrides.items():
        yield Given(spelled(key), None if value.lower() == UNSET else value, "the command line")


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        key = market_key(name, "")[:-1] if prefix == f"{MARKETS}." else f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        elif value != {} or name not in Settings.model_fields:
            yield spelled(key), value


def _by_key(all_given: Iterable[Given]) -> dict[str, tuple[Given, ...]]:
    by_key: defaultdict[str, tuple[Given, ...]] = defaultdict(tuple)
    for given in all_given:
        require_known(given.key, given.origin)
        by_key[given.key] += (given,)
    return dict(by_key)


def _sentence(error: ValidationError, given: Mapping[str, tuple[Given, ...]]) -> str:
    return "; ".join(_fault(fault["loc"], fault["msg"], given) for fault in error.errors(include_url=False))


def _fault(place: tuple[int | str, ...], message: str, given: Mapping[str, tuple[Given, ...]]) -> str:
    wanted = (
        message.removeprefix("Value error, ").replace("Input should", "it should").replace("String should", "it should")
    )
    match place:
        case (section, symbol, "[key]") if section == MARKETS:
            origin = next(history[-1].origin for key, history in given.items() if path_of(key)[1] == symbol)
            return f"{symbol} in {origin} is not a market: one is written as BTC/USDT"
        case (_, _, *_):
            key = spelled(".".join(map(str, place)))
            latest = given[key][-1]
            return f"{key} = {plain(latest.value)} in {latest.origin}: {wanted}"
        case _:
            return wanted
