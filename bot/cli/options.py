"""Options that several verbs share: which profile, and what the command line says instead."""

from collections.abc import Callable
from typing import Any

import click


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
