"""The front door: its help is cheap, every verb is there, and other people's files do not stand in its way."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bot.cli.main import VERBS, cli

ROOT = Path(__file__).parents[2]
HEAVY = {
    "aiohttp",
    "asyncio",
    "ccxt",
    "jinja2",
    "keras",
    "numba",
    "numpy",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "pydantic",
    "rich",
    "structlog",
    "tensorflow",
    "websockets",
}


def python(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder` with the packages of this project on its path."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def command_of(verb: str) -> click.Command:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return command


def test_help_lists_every_verb(tmp_path: Path) -> None:
    result = python("-m", "bot", "--help", folder=tmp_path)
    assert result.returncode == 0
    for verb, (_, summary) in VERBS.items():
        assert f"  {verb} " in result.stdout
        assert summary in result.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from bot.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        "    print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    result = python("-c", script, folder=tmp_path)
    loaded = {name.strip(" '") for name in result.stderr.strip("[]\n").split(",")}
    assert "click" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    command = command_of(verb)
    assert command.name == verb
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{verb} {option.name}"


def test_looking_at_the_verbs_loads_nothing_that_only_training_needs(tmp_path: Path) -> None:
    script = (
        "import click, sys\n"
        "from bot.cli.main import VERBS, cli\n"
        "for verb in VERBS:\n"
        "    cli.get_command(click.Context(cli), verb)\n"
        "print({'tensorflow', 'keras', 'onnx', 'pandas', 'pyarrow', 'numba'} & set(sys.modules))\n"
    )
    result = python("-c", script, folder=tmp_path)
    assert result.stdout == "set()\n", result.stderr


def test_a_config_of_somebody_else_in_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text("raise SystemExit('the wrong one')\n", encoding="utf-8")
    result = python("-m", "bot", "config", "show", folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"candlewick: the package config belongs in {ROOT} but is found at {tmp_path}")


def test_the_installed_command_does_not_see_the_folder_it_is_started_in(tmp_path: Path) -> None:
    # What pip installs is a script in another folder: Python puts that folder on the path, not the current one.
    script = tmp_path / "bin/candlewick"
    script.parent.mkdir()
    script.write_text("from bot.cli.main import main\nmain()\n", encoding="utf-8")
    (tmp_path / "config.py").write_text("raise SystemExit('the wrong one')\n", encoding="utf-8")
    result = python(str(script), "config", "show", "--json", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert '"fingerprint"' in result.stdout


@pytest.mark.parametrize("verb", ["data", "external", "models", "exchange", "bench", "config"])
def test_the_verbs_of_a_group_are_told_whole(verb: str) -> None:
    group = command_of(verb)
    assert isinstance(group, click.Group)
    context = click.Context(group, info_name=verb)
    said = " ".join(group.get_help(context).split())
    for one in group.commands.values():
        assert one.help is not None
        sentence = " ".join(one.help.split("\n\n")[0].split())
        assert sentence.rstrip(".") in said, one.name


def test_help_says_what_a_stopped_session_ends_with() -> None:
    said = " ".join(cli.get_help(click.Context(cli, info_name="candlewick")).split())
    assert "A session (paper, live, demo, record, exchange serve) that Ctrl-C or SIGTERM stops ends in order" in said
