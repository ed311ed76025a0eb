"""Options that several verbs share: which profile, what the command line says instead, durations and speeds."""

import re
from collections.abc import Callable
from typing import Any, Final

import click

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_FASTEST: Final = 1e6
"""Market seconds in a real one beyond which a speed means nothing."""


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Give a command `--profile` and `--set`, as the arguments `profile` and `overrides`.

    `profile: str | None` and `overrides: dict[str, str]` are what `config.loading.load_settings` takes.
    """
    with_set = click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_pairs,
        help="Overrule one setting, such as signal.cost_multiple=2; may be given again.",
    )(command)
    return click.option(
        "--profile", metavar="NAME|FILE", help="A shipped profile (cautious, lively) or a file; cautious if not given."
    )(with_set)


def _pairs(ctx: click.Context, option: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise click.BadParameter(f"{word} is not KEY=VALUE", ctx, option)
        pairs[key.strip()] = value.strip()
    return pairs


class Duration(click.ParamType[int]):
    """A length of market time, such as 90m, 12h or 30d."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)([smhdw])", value)
        if match is None or not int(match[1]):
            self.fail(f"{value!r} is not a duration: write 90m, 12h or 30d", param, ctx)
        return int(match[1]) * _UNITS_MS[match[2]]


class Speed(click.ParamType[str]):
    """The embedded market's seconds in a real one, or max."""

    name = "speed"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same words, known to be what the exchange takes."""
        if value != "max" and not (re.fullmatch(r"\d+(\.\d+)?", value) and 0.0 < float(value) <= _FASTEST):
            self.fail(f"{value!r} is not a speed: write a number above 0, up to a million, or max", param, ctx)
        return value
