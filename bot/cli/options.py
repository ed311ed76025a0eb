"""Options that several verbs share: markets, what decides, an invented market, where a run is; durations and speeds."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from bot.cli.bundles import BUNDLE_HELP, BundleFolder

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}

_FASTEST: Final = 1e6
"""Market seconds in a real one beyond which a speed means nothing."""


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(*options: Decorator) -> Decorator:
    def given(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return given


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


market_options: Final = _together(
    click.option(
        "--symbol",
        "symbols",
        multiple=True,
        default=["BTC/USDT"],
        help="A market such as BTC/USDT; may be given again.",
    ),
    click.option("--timeframe", default="1h", show_default=True, help="Length of the candles."),
)
"""What is listened to, as `symbols: tuple[str, ...]` and `timeframe: str`."""

decision_options: Final = _together(
    click.option("--bundle", type=BundleFolder(), help=f"The model: {BUNDLE_HELP}. [default: reference-btc-1h]"),
    click.option(
        "--runtime", default="onnx", show_default=True, help="What runs the model: onnx, or keras to compare."
    ),
    click.option("--strategy", default="forecast", show_default=True, help="forecast, buy-and-hold, or a Python file."),
    settings_options,
)
"""What decides, as `bundle: Path | None`, `runtime: str`, `strategy: str` and the arguments of the settings."""

seed_option: Final = click.option(
    "--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Which market the embedded exchange makes."
)


def session_options(*, cash: str, speed: str, record: str) -> Decorator:
    """
    Give a command all that every session in real time is asked.

    The arguments are those of a `SessionRequest`, those of an `InventedMarket` without its edge, and `as_json`.

    Args:
        cash: What `--cash` means there.
        speed: What `--speed` means there.
        record: What `--record` keeps.
    """
    return _together(
        market_options,
        decision_options,
        click.option("--cash", help=cash),
        click.option(
            "--for", "for_ms", type=Duration(), help="Market time after which the run is finished, such as 30d."
        ),
        seed_option,
        click.option("--speed", type=Speed(), default="1", show_default=True, help=speed),
        click.option("--faults", type=Path, help="What goes wrong on the embedded exchange: a JSON list of rules."),
        click.option("--record", is_flag=True, help=record),
        click.option(
            "--out", type=Path, required=True, help="The run's folder; an unfinished run there is gone on with."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object."),
    )
