"""The verbs about settings: write a profile, show what holds, explain one value."""

import json
from pathlib import Path

import click

from bot.cli.groups import WholeGroup
from bot.cli.options import settings_options
from bot.core.errors import ConfigError
from config.keys import meaning_of, plain, spelled, variable_of
from config.loading import Loaded, load_settings
from config.template import profile_text


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("candlewick.toml"),
    show_default=True,
    help="The file to write; one that exists is left as it is.",
)
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(out: Path, profile: str | None, overrides: dict[str, str], as_json: bool) -> None:
    """Write a profile in which every setting stands with its meaning."""
    text = profile_text(load_settings(profile, overrides).settings)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{out} exists and is not overwritten: name another file with --out") from None
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"{out} cannot be written: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"path": str(out), "profile": _as_argument(out)}))
        return
    click.echo(f"Wrote {out}. Use it with --profile {_as_argument(out)}")


@click.group(cls=WholeGroup)
def config() -> None:
    """Show settings, and where each value came from."""


@config.command()
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(profile: str | None, overrides: dict[str, str], as_json: bool) -> None:
    """Show every setting that would hold, and its origin."""
    loaded = load_settings(profile, overrides)
    rows = [(key, value, loaded.origin(key)) for key, value in loaded.resolved().items()]
    if as_json:
        settings = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        click.echo(json.dumps({"fingerprint": loaded.fingerprint(), "settings": settings}, indent=2))
        return
    width = max(len(f"{key} = {value}") for key, value, _ in rows[1:])
    for key, value, origin in rows:
        click.echo(f"{f'{key} = {value}':<{width}}  # {origin}")
    click.echo(f"fingerprint {loaded.fingerprint()}")


@config.command()
@click.argument("key")
@settings_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(key: str, profile: str | None, overrides: dict[str, str], as_json: bool) -> None:
    """Explain one setting: its meaning, its value, and everything that was given for it."""
    loaded = load_settings(profile, overrides)
    answer = _explanation(spelled(key), loaded)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for name, value in answer.items():
        click.echo(f"{name:<8} {value}")


def _explanation(key: str, loaded: Loaded) -> dict[str, str]:
    meaning = meaning_of(key)
    given = [f"{plain(each.value)} from {each.origin}" for each in loaded.given.get(key, ())]
    return {
        "key": key,
        "value": loaded.value(key),
        "origin": loaded.origin(key),
        "meaning": meaning.description,
        "allowed": meaning.allowed,
        "given": ", then ".join([f"{meaning.default} from the default", *given]),
        "change": f"--set '{key}=VALUE', or the environment variable {variable_of(key)}",
    }


def _as_argument(path: Path) -> str:
    # A bare word names a shipped profile; a file needs a suffix or a folder to be told from it.
    return str(path) if path.suffix or len(path.parts) > 1 else f"./{path}"
