"""
A profile as text: every setting with what it means and what it may be.

The comments are the descriptions of `config.settings`, so that they cannot come to differ from it.
"""

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from config.keys import known_keys, meaning_of, path_of, plain, sections
from config.settings import MarketSettings, Settings

_WIDTH: Final = 110
_HEAD: Final = """\
# A profile of Candlewick. What is left out keeps its default. Stronger than this file are variables such as
# CANDLEWICK_SIGNAL__COST_MULTIPLE=2 and, above them, options such as --set signal.cost_multiple=2.
# `candlewick config explain KEY` says where a value came from. There is no place for secrets here.
"""


def profile_text(settings: Settings) -> str:
    """`settings` as a commented TOML profile: the same text for equal settings."""
    return _HEAD + "".join(f"{line}\n" for line in _lines(settings))


def _lines(settings: Settings) -> Iterator[str]:
    for section, model in sections():
        yield from ("", *_comment(model.__doc__ or ""), f"[{section}]")
        for name in model.model_fields:
            value = getattr(getattr(settings, section), name)
            yield from _described(f"{section}.{name}")
            yield f"# {name} =" if value is None else f"{name} = {_toml(value)}"
    yield from ("", *_comment(MarketSettings.__doc__ or ""))
    for symbol, rules in sorted(settings.markets.items()):
        yield f'[markets."{symbol}"]'
        yield from (f"{name} = {_toml(value)}" for name, value in rules if value is not None)
    if not settings.markets:
        yield '# [markets."BTC/USDT"]'
        for key in known_keys():
            if key.startswith("markets."):
                yield from _described(key)
                yield f"# {path_of(key)[-1]} ="


def _described(key: str) -> list[str]:
    meaning = meaning_of(key)
    return [*_comment(meaning.description), f"# ({meaning.allowed})"]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH)]


def _toml(value: object) -> str:
    # A JSON string in plain letters is a TOML string.
    return json.dumps(plain(value)) if isinstance(value, str) else plain(value)
