"""What may import what: the contracts of pyproject.toml are kept, and each of them breaks when it should."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "strategies", "risk", "config")
TOOL: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
CONTRACTS: dict[str, dict[str, Any]] = {contract["id"]: contract for contract in TOOL["contracts"]}

# For each contract: modules that would break it, and what they import. The module's name ends in `planted`.
OFFENCES = {
    "inward": [
        ("bot.core.planted", "risk.limits"),
        ("risk.planted", "strategies.signal"),
        ("strategies.planted", "bot.engine"),
        ("bot.engine.planted", "bot.pump"),
        ("bot.adapters.planted", "bot.compose"),
        ("config.planted", "bot.cli"),
    ],
    "pure": [
        ("bot.core.planted", "time"),
        ("bot.engine.planted", "asyncio"),
        ("risk.planted", "random"),
        ("strategies.planted", "os"),
        ("strategies.forecasting.planted", "pandas"),
    ],
    "tensorflow": [("bot.adapters.planted", "tensorflow"), ("strategies.planted", "keras")],
    "core-only": [("bot.adapters.planted", "risk.limits"), ("bot.reporting.planted", "strategies.signal")],
    "venues": [
        ("bot.planted", "ccxt"),
        ("bot.cli.planted", "websockets"),
        ("bot.reporting.planted", "aiohttp"),
    ],
    "exchange-knows": [("bot.exchange.planted", "bot.core.events"), ("bot.exchange.planted", "bot.adapters.journal")],
    "exchange-known": [("bot.planted", "bot.exchange.venue"), ("bot.reporting.planted", "bot.exchange")],
    "settings-known": [("bot.adapters.planted", "config.settings"), ("bot.planted", "config")],
    "settings-know": [("config.planted", "bot.core.events"), ("config.planted", "strategies.signal")],
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check every contract on the packages in `folder`."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "1000", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the packages in which every offence has been planted."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "bundles"))
    for offences in OFFENCES.values():
        for module, imported in offences:
            path = folder.joinpath(*module.split(".")).with_suffix(".py")
            with path.open("a", encoding="utf-8") as file:
                file.write(f"import {imported}\n")
    result = lint_imports(folder)
    assert result.returncode == 1, result.stderr
    return result.stdout


def test_every_contract_is_kept() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout


def test_every_contract_has_an_offence_that_should_break_it() -> None:
    assert OFFENCES.keys() == CONTRACTS.keys()


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [(contract, module, imported) for contract, offences in OFFENCES.items() for module, imported in offences],
)
def test_a_planted_import_breaks_its_contract(contract: str, module: str, imported: str, broken: str) -> None:
    name = CONTRACTS[contract]["name"]
    assert f"{name} BROKEN" in broken
    # Each contract's own findings stand under its name, underlined, up to the next underlined name.
    findings = re.split(r"\n(.+)\n-+\n", broken.partition("Broken contracts")[2])
    section = dict(zip(findings[1::2], findings[2::2], strict=True))[name]
    assert re.search(rf"{re.escape(module)} -> {re.escape(imported)}\b", section), section


def children(package: str) -> set[str]:
    """The modules and packages directly in `package`."""
    folder = ROOT.joinpath(*package.split("."))
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    return {f"{package}.{name}" for name in names - {"__init__"}}


def test_every_module_of_the_bot_has_its_layer() -> None:
    layers = {name.strip("() ") for layer in CONTRACTS["inward"]["layers"] for name in re.split("[|:]", layer)}
    assert children("bot") <= layers


def test_no_module_of_the_bot_but_the_core_is_open_to_adapters_and_reports() -> None:
    closed = children("bot") - {"bot.__main__", "bot.core", "bot.adapters", "bot.reporting"}
    assert closed <= set(CONTRACTS["core-only"]["forbidden_modules"])


def test_four_modules_of_the_core_and_nothing_else_are_open_to_the_exchange() -> None:
    closed = (children("bot") | children("bot.core")) - {
        "bot.__main__",
        "bot.cli",
        "bot.core",
        "bot.core.errors",
        "bot.core.market",
        "bot.core.matching",
        "bot.core.orders",
        "bot.exchange",
    }
    assert closed <= set(CONTRACTS["exchange-knows"]["forbidden_modules"])


@pytest.mark.parametrize("root", ["bot.compose", "bot.engine.engine", "bot.cli.main"])
def test_the_trading_process_loads_nothing_that_only_training_needs(root: str) -> None:
    script = (
        f"import sys, {root}\n"
        "heavy = {'tensorflow', 'keras', 'tf2onnx', 'onnx', 'pandas', 'pyarrow', 'numba', 'matplotlib', 'plotly'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
