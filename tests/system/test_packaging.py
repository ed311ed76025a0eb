"""What is shipped and how it is installed: locks, wheel, Makefile, Dockerfile and pyproject.toml agree."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from bot.cli.main import VERBS

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "strategies", "risk", "config")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("build", "runtime", "train", "dev")
PYTHONS = ("3.11", "3.12", "3.13")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def locked(name: str) -> dict[str, tuple[Requirement, frozenset[str]]]:
    """The packages of a lock by name: what is required, and its hashes."""
    packages: dict[str, tuple[Requirement, frozenset[str]]] = {}
    for block in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text_of(f"requirements/{name}.txt"))):
        words = block.replace("\\\n", " ")
        requirement = Requirement(words.partition("--hash")[0].strip())
        packages[canonicalize_name(requirement.name)] = (
            requirement,
            frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", words)),
        )
    return packages


def declared(extra: str | None) -> list[Requirement]:
    words = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    return [each for each in map(Requirement, words) if canonicalize_name(each.name) != "candlewick"]


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile: word and argument."""
    text = re.sub(r"(?m)^\s*#.*\n", "", text_of("Dockerfile")).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", LOCKS)
def test_everything_in_a_lock_is_pinned_and_hashed(name: str) -> None:
    for package, (requirement, hashes) in locked(name).items():
        assert re.fullmatch(r"==[\w.+]+", str(requirement.specifier)), package
        assert hashes, package


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_to_install_from(name: str) -> None:
    text = text_of(f"requirements/{name}.txt")
    assert not re.search(r"://|file:|^-|@ |index|find-links|(?<![\w.])/", text, re.MULTILINE)


@pytest.mark.parametrize(("smaller", "larger"), [("build", "dev"), ("runtime", "train"), ("train", "dev")])
def test_locks_agree(smaller: str, larger: str) -> None:
    whole = locked(larger)
    for package, (requirement, hashes) in locked(smaller).items():
        assert package in whole
        assert str(whole[package][0].specifier) == str(requirement.specifier), package
        assert whole[package][1] == hashes, package


@pytest.mark.parametrize(("lock", "extra"), [("runtime", None), ("train", "train"), ("dev", "dev")])
def test_what_is_declared_is_locked_within_its_bounds(lock: str, extra: str | None) -> None:
    packages = locked(lock)
    for requirement in declared(extra):
        pinned = packages[canonicalize_name(requirement.name)][0]
        version = str(pinned.specifier).removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("lock", ["runtime", "train", "dev"])
def test_a_lock_serves_every_python_that_is_promised(lock: str) -> None:
    packages = locked(lock)
    for python in PYTHONS:
        environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
        for requirement in declared(None):
            marker = packages[canonicalize_name(requirement.name)][0].marker
            assert marker is None or marker.evaluate(environment), (python, requirement)


def test_training_stays_out_of_what_the_bot_runs_on() -> None:
    assert not {"tensorflow", "keras", "pandas", "numba", "onnx", "pytest"} & locked("runtime").keys()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project's wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    builder = Path(sys.executable).with_name("hatchling")
    subprocess.run([builder, "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("candlewick-*-py3-none-any.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_four_packages(wheel: zipfile.ZipFile) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "config/profiles/cautious.toml" in wanted
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == wanted


def test_the_wheel_has_its_command_and_its_licence(wheel: zipfile.ZipFile) -> None:
    names = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "candlewick = bot.cli.main:main" in wheel.read(names["entry_points.txt"]).decode()
    assert "MIT License" in wheel.read(names["LICENSE"]).decode()
    metadata = wheel.read(names["METADATA"]).decode()
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: <3.14,>=3.11" in metadata


@pytest.mark.parametrize("version", ["3.10.13", "3.14.0"])
def test_make_says_which_python_it_needs(version: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n[ \"$1\" = -V ] && echo 'Python {version}'\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    result = subprocess.run(
        ["make", "demo", f"PYTHON={python}", f"VENV={tmp_path}/venv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert f"candlewick needs Python 3.11, 3.12 or 3.13, and {python} is Python {version}" in result.stderr
    assert "make PYTHON=python3.12 demo" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_make_installs_only_what_is_locked() -> None:
    result = subprocess.run(
        ["make", "--always-make", "--dry-run", "demo", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    installs = [line for line in result.stdout.splitlines() if "pip install" in line]
    assert len(installs) == 4
    for line in installs:
        if "--editable" in line:
            assert {"--no-deps", "--no-build-isolation"} <= set(line.split())
        else:
            assert {"--require-hashes", "--only-binary"} <= set(line.split())
        for lock in re.findall(r"-r (\S+)", line):
            assert (ROOT / lock).exists()


def test_ci_runs_what_a_developer_runs() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert "make test" in script.read_text(encoding="utf-8")


def test_the_dockerfile_is_clean() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_images_have_a_python_that_is_supported() -> None:
    stages = {argument.split()[0] for word, argument in instructions() if word == "FROM"}
    versions = {match.group(1) for stage in stages if (match := re.match(r"python:(\d+\.\d+)-slim", stage))}
    assert len(versions) == 1
    assert SpecifierSet(PROJECT["requires-python"]).contains(versions.pop())
    assert {argument.split(" AS ")[1] for word, argument in instructions() if word == "FROM"} >= {"trader", "trainer"}


def test_the_images_install_only_what_is_locked() -> None:
    installs = [argument for word, argument in instructions() if word == "RUN" and "pip install" in argument]
    assert len(installs) == 5
    for install in installs:
        words = shlex.split(install)
        assert "--require-hashes" in words if "-r" in words else "--no-deps" in words
    text = text_of("Dockerfile")
    assert not re.search(r"index-url|find-links|://|--extra", text)


def test_what_the_images_copy_exists_and_is_let_through() -> None:
    allowed = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    for word, argument in instructions():
        if word == "COPY" and not argument.startswith("--from"):
            for source in argument.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.partition("/")[0] in allowed


def test_the_images_run_a_verb_as_nobody_in_particular() -> None:
    stages = re.split(r"(?m)^FROM ", text_of("Dockerfile"))
    (command,) = PROJECT["scripts"]
    for stage in stages:
        if " AS trader" in stage or " AS trainer" in stage:
            assert re.search(r"(?m)^USER [1-9]\d+:[1-9]\d+$", stage)
            assert f'ENTRYPOINT ["{command}"]' in stage
            verb = re.search(r'(?m)^CMD \["(\w+)"', stage)
            assert verb is not None
            assert verb.group(1) in VERBS
    assert f'CMD ["{command}", "health"' in stages[-1]
    assert "health" in VERBS
