"""
Settings as flat text and back: what the first record of a journal holds, and what a fingerprint is made of.

No file, variable or option has a say here: a run is taken up with the settings that it was begun with.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from bot.core.errors import JournalError
from config.keys import UNSET, market_key, path_of, plain, sections
from config.settings import MarketSettings, Settings

_DESCRIPTION: Final = "profile.description"


def resolved(settings: Settings) -> dict[str, str]:
    """Every setting by its key, in the order of a profile; equal settings give equal texts."""
    texts = {
        f"{section}.{name}": plain(getattr(getattr(settings, section), name))
        for section, model in sections()
        for name in model.model_fields
    }
    for symbol, rules in sorted(settings.markets.items()):
        for name in MarketSettings.model_fields:
            if getattr(rules, name) is not None:
                texts[market_key(symbol, name)] = plain(getattr(rules, name))
    return texts


def settings_from(texts: Mapping[str, str]) -> Settings:
    """
    Rebuild the settings of a run from what `resolved` said of them.

    Raises:
        JournalError: A recorded setting is unknown to this version, or out of its range.
    """
    try:
        return Settings(**nested({key: None if text == UNSET else text for key, text in texts.items()}))
    except ValidationError as error:
        places = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
        raise JournalError(
            f"the run's settings are not those of this version ({places}): begin a new run, or go on with the version "
            f"that began it"
        ) from error


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Values by section and name, as the models take them."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *parents, name = path_of(key)
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = value
    return tree


def fingerprint(settings: Settings) -> str:
    """The sha256 of everything that a decision can depend on, so of all but the description."""
    deciding = {key: text for key, text in resolved(settings).items() if key != _DESCRIPTION}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
