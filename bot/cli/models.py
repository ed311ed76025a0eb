"""`candlewick models`: which models there are, which is used, and how that changes (`model_registry` keeps them)."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.bundles import BundleFolder
from bot.cli.groups import WholeGroup
from bot.cli.options import Duration, settings_options

if TYPE_CHECKING:
    from bot.adapters.model_records import KeptVerdict, ModelRow
    from bot.adapters.model_registry import ModelRegistry


@click.group(cls=WholeGroup)
def models() -> None:
    """
    Keep models in a registry: a folder of bundles, and which of them is used.

    `--bundle registry:FOLDER` is the model in use, in every command that takes a bundle.
    """


def _registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--registry",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("models"),
        show_default=True,
        help="The registry's folder.",
    )(command)


def _json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


@models.command("list")
@_registry_option
@_json_option
def list_(folder: Path, as_json: bool) -> None:
    """Say which models there are, which one is used, when each expires, and what is damaged."""
    registry = _open(folder)
    rows, story = registry.rows(), registry.story()
    if as_json:
        _print_json({"models": [_as_json(row) for row in rows], "damage": list(story.damage)})
        return
    for row in rows:
        click.echo(_line(row))
    for sentence in story.damage:
        click.echo(f"damaged: {sentence}", err=True)


@models.command()
@click.argument("name")
@_registry_option
@_json_option
def show(name: str, folder: Path, as_json: bool) -> None:
    """Say all that is known of one model: its data, its gates, and when it was used."""
    registry = _open(folder)
    fingerprint = registry.find(name)
    row = next(row for row in registry.rows() if row.fingerprint == fingerprint)
    changes = [change for change in registry.story().changes if fingerprint in (change.model, change.before)]
    if as_json:
        _print_json({**_as_json(row), "changes": changes})
        return
    click.echo(_line(row))
    if row.facts is not None:
        spans = f"{_day(row.facts.trained_from_ms)} to {_day(row.facts.trained_until_ms)}"
        click.echo(f"trained on {', '.join(row.facts.symbols)} {row.facts.timeframe}, {spans}")
    for number, verdict in enumerate(row.verdicts, start=1):
        click.echo(f"judged {number} of {len(row.verdicts)}, {_minute(verdict.at_ms)}:")
        for line in told_verdict(verdict):
            click.echo(line)
    for change in changes:
        force = ", by force" if change.forced else ""
        click.echo(f"{_minute(change.at_ms)} {change.action} to {change.model[:12]}{force}: {change.reason}")


@models.command()
@click.argument("bundle", type=BundleFolder())
@click.option(
    "--life", type=Duration(), default="60d", show_default=True, help="How long after its last candle it is used."
)
@_registry_option
@_json_option
def add(bundle: Path, life: int, folder: Path, as_json: bool) -> None:
    """
    Take a copy of BUNDLE into the registry, as a challenger.

    BUNDLE is a folder, a shipped one by its name (reference-btc-1h, demo), or registry:FOLDER of another registry.
    """
    from bot.adapters.clock import SystemClock
    from bot.adapters.model_records import ModelNote
    from bot.adapters.model_registry import ModelRegistry

    facts = ModelRegistry(folder).add(bundle, ModelNote(SystemClock().now_ms(), life, f"added from {bundle}"))
    if as_json:
        _print_json(facts)
        return
    click.echo(f"{facts.name}@{facts.fingerprint[:12]} is in {folder}")


@models.command()
@click.argument("name")
@click.option(
    "--candles", "files", type=Path, multiple=True, required=True, help="A file of candles; may be given again."
)
@click.option("--symbol", help="The market, such as BTC/USDT, where neither file nor column names it.")
@click.option("--timeframe", help="The candles' length, such as 1h, where the file does not tell it.")
@click.option("--run", type=Path, help="A run whose journal says what the model in use forecast.")
@_registry_option
@settings_options
@_json_option
def judge(name: str, folder: Path, as_json: bool, **asked: Any) -> int:
    """Ask every gate of a challenger, beside the model in use: exit code 0 if it passes all, 4 if not."""
    from bot.cli.invented import invented_market
    from bot.compose.challenge import ChallengeRequest, judge_challenger
    from bot.core.errors import ModelError
    from strategies.forecasting.gates import TRAINING_UNASKED

    registry = _open(folder)
    verdict = judge_challenger(registry, registry.find(name), ChallengeRequest(**asked), invented_market, _now_ms())
    if as_json:
        _print_json({**_plain(verdict), "passed": verdict.passed, "unasked": TRAINING_UNASKED})
    else:
        for line in told_verdict(verdict):
            click.echo(line)
    return 0 if verdict.passed else ModelError.exit_code


@models.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Overrule the gates; the history will say so.")
@_registry_option
@_json_option
def promote(name: str, force: bool, folder: Path, as_json: bool) -> None:
    """Use a model from now on: the next session that loads the registry's model gets it."""
    registry = _open(folder)
    change = registry.promote(registry.find(name), forced=force)
    if as_json:
        _print_json({"changed": change is not None, "change": change})
        return
    click.echo(f"{name} is in use already" if change is None else f"{name} is in use now: {change.reason}")


@models.command()
@click.option("--to", metavar="NAME", help="A model that was in use before; the last one if not given.")
@_registry_option
@_json_option
def rollback(to: str | None, folder: Path, as_json: bool) -> None:
    """Use a model again that was in use before."""
    registry = _open(folder)
    change = registry.roll_back(None if to is None else registry.find(to))
    if as_json:
        _print_json({"changed": True, "change": change})
        return
    click.echo(f"went back to {change.model[:12]}")


def told_verdict(verdict: "KeptVerdict") -> Iterator[str]:
    """A verdict in words, a line a gate."""
    from strategies.forecasting.gates import TRAINING_UNASKED

    rival = f"beside {verdict.champion[:12]}" if verdict.champion else "with no model in use"
    span = f"{_minute(verdict.from_ms)} to {_minute(verdict.until_ms)}"
    yield f"{verdict.challenger[:12]} {rival}, {verdict.shadowed:,} forecasts, {span}, attempt {verdict.attempt}"
    for gate in verdict.gates:
        yield f"  {'passed' if gate.passed else 'FAILED'}  {gate.name}: {gate.said}"
    failed = sum(not gate.passed for gate in verdict.gates)
    if verdict.passed:
        yield f"passed all {len(verdict.gates)} gates"
    elif failed:
        yield f"failed {failed} of {len(verdict.gates)} gates"
    else:
        yield f"passed what it was asked, which is not all: {verdict.refusals()}"
    yield TRAINING_UNASKED


def _open(folder: Path) -> "ModelRegistry":
    from bot.adapters.model_registry import ModelRegistry

    return ModelRegistry(folder)


def _line(row: "ModelRow") -> str:
    name = f"{row.facts.name if row.facts else '?'}@{row.fingerprint[:12]}"
    if row.facts is None:
        return f"{name}  damaged: {row.difference}"
    judged = ""
    if row.verdict is not None:
        judged = ", passed every gate" if row.verdict.passed else ", failed a gate"
    return f"{name}  {row.state}{judged}, trained until {_day(row.facts.trained_until_ms)}, {_expiry(row)}"


def _expiry(row: "ModelRow") -> str:
    if row.expires_ms is None:
        return "nobody says how long it may be used"
    if row.expires_ms <= _now_ms():
        return f"EXPIRED on {_day(row.expires_ms)}: it makes no entries"
    return f"may be used until {_day(row.expires_ms)}"


def _as_json(row: "ModelRow") -> dict[str, Any]:
    expired = None if row.expires_ms is None else row.expires_ms <= _now_ms()
    passed = None if row.verdict is None else row.verdict.passed
    return {**_plain(row), "expires_ms": row.expires_ms, "expired": expired, "passed": passed}


def _plain(value: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(json.dumps(msgspec.to_builtins(value)))


def _now_ms() -> int:
    from bot.adapters.clock import SystemClock

    return SystemClock().now_ms()


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d")


def _minute(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")
